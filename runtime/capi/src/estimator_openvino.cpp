// The estimator on the CPU, in f32: it is small, and estimates should not depend on the machine.
#include <cmath>
#include <cstring>

#include "engine.h"
#include "error.h"
#include "openvino_network.h"

namespace amgan_impl {

namespace {

NetworkOptions estimator_options() {
    NetworkOptions options;
    options.precision = "f32";
    // One core per frame: several threads may run it concurrently, and the engine needs the other cores.
    options.streams = count_cores();
    options.inputs = {{"image", {}}};
    return options;
}

class OpenVinoEstimator : public Estimator {
  public:
    explicit OpenVinoEstimator(const Bundle &bundle)
        : side_px_(bundle.manifest.estimator_px), grid_(bundle.manifest.estimator_grid),
          network_(bundle, bundle.file("estimator", "onnx", "fp32"), estimator_options()) {}

    std::vector<float> read(const std::vector<std::uint8_t> &image) override {
        try {
            return run(image);
        } catch (const Error &) {
            throw;
        } catch (const std::bad_alloc &) {
            throw;
        } catch (const std::exception &error) {
            throw engine_error("OpenVINO failed on the estimator: " + last_line(error.what()));
        }
    }

  private:
    std::vector<float> run(const std::vector<std::uint8_t> &image) {
        const auto side = static_cast<std::size_t>(side_px_), grid = static_cast<std::size_t>(grid_);
        Desk desk = network_.take_desk();
        ov::Tensor input(ov::element::u8, {1, side, side, 3});
        std::memcpy(input.data(), image.data(), image.size());
        desk.request.set_tensor("image", input);
        desk.request.infer();
        const ov::Tensor found = desk.request.get_output_tensor(0);
        if (found.get_element_type() != ov::element::f32 || found.get_shape() != ov::Shape{1, 1, grid, grid})
            throw bundle_error("the estimator gave another number of ages than its manifest says: export the bundle "
                               "again");
        const auto *first = static_cast<const float *>(found.data());
        std::vector<float> ages(first, first + grid * grid);
        network_.give_back(std::move(desk));
        for (const float years : ages)
            if (!std::isfinite(years))
                throw engine_error("the estimator gave ages that are not numbers: export the bundle again");
        return ages;
    }

    int side_px_;
    int grid_;
    Network network_;
};

}  // namespace

std::unique_ptr<Estimator> open_estimator(const Bundle &bundle) { return std::make_unique<OpenVinoEstimator>(bundle); }

}  // namespace amgan_impl
