// The default engine: OpenVINO on the CPU, in bf16 if the CPU supports it.
#include <algorithm>
#include <cstring>
#include <deque>

#include "engine.h"
#include "error.h"
#include "openvino_network.h"

namespace amgan_impl {

namespace {

constexpr int kMaxCorePx = 640;
constexpr int kMaxStreams = 4;

NetworkOptions generator_options(const Manifest &m, const std::string &precision) {
    const int side = 2 * m.halo_px + m.tile_multiple, cells = side / kCellPx;
    NetworkOptions options;
    options.precision = precision;
    // One tile per core takes a quarter less time than all cores on one tile.
    options.streams = std::min(count_cores(), kMaxStreams);
    options.inputs = {{"image", {1, side, side, 3}},
                      {"aging_map", {1, 1, cells, cells}},
                      {"coordinates", {1, static_cast<int>(kPositionPlanes), cells, cells}},
                      {"pattern", {1, m.patterns}}};
    return options;
}

std::string name_of(const Tile &tile) {
    return "the tile of " + std::to_string(tile.width) + "x" + std::to_string(tile.height) + " px at (" +
           std::to_string(tile.x0) + ", " + std::to_string(tile.y0) + ")";
}

// One tile in flight. It owns the memory that its request reads and writes, and waits before freeing it.
class InFlightTile {
  public:
    InFlightTile(Network &network, const FrameWork &work, const Tile &tile)
        : network_(network), tile_(tile), high_(tile.height + 2 * work.halo_px), wide_(tile.width + 2 * work.halo_px),
          image_(std::size_t{3} * high_ * wide_), map_(static_cast<std::size_t>(high_ / kCellPx) * (wide_ / kCellPx)),
          positions_(kPositionPlanes * map_.size()), pattern_(work.pattern),
          aged_(std::size_t{3} * tile.height * tile.width), request_(network.take_request()) {
        cut(work);
        const auto size = [](int n) { return static_cast<std::size_t>(n); };
        const std::size_t rows = size(high_), columns = size(wide_);
        request_.set_tensor("image", ov::Tensor(ov::element::u8, {1, rows, columns, 3}, image_.data()));
        request_.set_tensor("aging_map", ov::Tensor(ov::element::f32, {1, 1, rows / kCellPx, columns / kCellPx},
                                                    map_.data()));
        request_.set_tensor("coordinates",
                            ov::Tensor(ov::element::f32, {1, kPositionPlanes, rows / kCellPx, columns / kCellPx},
                                       positions_.data()));
        request_.set_tensor("pattern", ov::Tensor(ov::element::f32, {1, pattern_.size()}, pattern_.data()));
        out_ = ov::Tensor(ov::element::u8, {1, size(tile.height), size(tile.width), 3}, aged_.data());
        request_.set_output_tensor(0, out_);
        request_.start_async();
        flying_ = true;
    }

    InFlightTile(const InFlightTile &) = delete;
    InFlightTile &operator=(const InFlightTile &) = delete;

    ~InFlightTile() {
        if (!flying_) return;
        try {
            request_.wait();
        } catch (...) {
            // Another tile failed before, and its error is reported.
        }
    }

    void land(std::uint8_t *aged, int side_px) {
        flying_ = false;
        request_.wait();
        const ov::Tensor found = request_.get_output_tensor(0);
        if (found.get_element_type() != ov::element::u8 || found.get_shape() != out_.get_shape() ||
            static_cast<const void *>(found.data()) != static_cast<const void *>(aged_.data()))
            throw bundle_error("the generator gave an output of another shape than " + name_of(tile_) +
                               " has: export the bundle again");
        network_.give_back(request_);
        const std::size_t row_bytes = std::size_t{3} * tile_.width;
        for (int y = 0; y < tile_.height; ++y) {
            const std::size_t offset = static_cast<std::size_t>(tile_.y0 + y) * side_px + tile_.x0;
            std::memcpy(aged + 3 * offset, aged_.data() + row_bytes * y, row_bytes);
        }
    }

    const Tile &tile() const { return tile_; }

  private:
    void cut(const FrameWork &work) {
        const std::size_t padded = static_cast<std::size_t>(work.padded_px()), row_bytes = std::size_t{3} * wide_;
        for (int y = 0; y < high_; ++y)
            std::memcpy(image_.data() + row_bytes * y, work.image.data() + 3 * ((tile_.y0 + y) * padded + tile_.x0),
                        row_bytes);
        cut_plane(work.map, map_.data());
        for (std::size_t i = 0; i < kPositionPlanes; ++i) cut_plane(work.positions[i], positions_.data() + i * map_.size());
    }

    void cut_plane(const Plane &plane, float *to) const {
        const int wide = wide_ / kCellPx;
        for (int y = 0; y < high_ / kCellPx; ++y)
            std::memcpy(to + static_cast<std::size_t>(wide) * y,
                        plane.row(tile_.y0 / kCellPx + y) + tile_.x0 / kCellPx, sizeof(float) * wide);
    }

    Network &network_;
    Tile tile_;
    int high_;
    int wide_;
    std::vector<std::uint8_t> image_;
    std::vector<float> map_;
    std::vector<float> positions_;
    std::vector<float> pattern_;
    std::vector<std::uint8_t> aged_;
    ov::Tensor out_;
    ov::InferRequest request_;
    bool flying_ = false;
};

class OpenVinoEngine : public Engine {
  public:
    OpenVinoEngine(const Bundle &bundle, const std::string &precision)
        : options_(generator_options(bundle.manifest, precision)),
          network_(bundle, bundle.file("generator", "onnx", "fp32"), options_),
          traits_{"OpenVINO", "cpu", network_.precision(), {kMaxCorePx, options_.streams, {}, 0}} {}

    const EngineTraits &traits() const override { return traits_; }

    void age(const FrameWork &work, std::uint8_t *aged) override {
        // One more tile than streams is queued inside OpenVINO, so that no stream waits for this thread.
        const auto most = static_cast<std::size_t>(options_.streams) + 1;
        std::deque<std::unique_ptr<InFlightTile>> running;
        const auto land = [&] {
            attempt(running.front()->tile(), [&] { running.front()->land(aged, work.side_px); });
            running.pop_front();
        };
        for (const Tile &tile : work.tiles) {
            if (running.size() == most) land();
            attempt(tile, [&] { running.push_back(std::make_unique<InFlightTile>(network_, work, tile)); });
        }
        while (!running.empty()) land();
    }

  private:
    template <typename Function> static void attempt(const Tile &tile, Function &&function) {
        try {
            function();
        } catch (const Error &) {
            throw;
        } catch (const std::bad_alloc &) {
            throw;
        } catch (const std::exception &error) {
            // OpenVINO reports some failed allocations only in the message: "Failed to allocate", "can't alloc".
            if (std::string(error.what()).find("alloc") != std::string::npos) throw std::bad_alloc();
            throw engine_error("OpenVINO failed on " + name_of(tile) + ": " + last_line(error.what()));
        }
    }

    NetworkOptions options_;
    Network network_;
    EngineTraits traits_;
};

}  // namespace

std::unique_ptr<Engine> open_openvino(const Bundle &bundle, const std::string &precision) {
    return std::make_unique<OpenVinoEngine>(bundle, precision);
}

}  // namespace amgan_impl
