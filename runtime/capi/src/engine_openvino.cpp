// The default engine: OpenVINO on the CPU, in bf16 if the CPU supports it.
#include <algorithm>
#include <cstring>
#include <deque>

#include "engine.h"
#include "error.h"
#include "generator_cut.h"
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
    // `cells` is null if the network is the whole graph.
    InFlightTile(Network &network, const PixelCells *cells, const FrameWork &work, const Tile &tile)
        : network_(network), cells_(cells), tile_(tile), high_(tile.height + 2 * work.halo_px),
          wide_(tile.width + 2 * work.halo_px), halo_px_(work.halo_px),
          image_(std::size_t{3} * high_ * wide_), map_(static_cast<std::size_t>(high_ / kCellPx) * (wide_ / kCellPx)),
          positions_(kPositionPlanes * map_.size()), pattern_(work.pattern),
          aged_(std::size_t{3} * tile.height * tile.width), desk_(network.take_desk()) {
        cut(work);
        if (cells_) {
            bind_cells();
        } else {
            bind_whole();
        }
        desk_.request.set_output_tensor(0, out_);
        desk_.request.start_async();
        flying_ = true;
    }

    InFlightTile(const InFlightTile &) = delete;
    InFlightTile &operator=(const InFlightTile &) = delete;

    ~InFlightTile() {
        if (!flying_) return;
        try {
            desk_.request.wait();
        } catch (...) {
            // Another tile failed before, and its error is reported.
        }
    }

    void land(std::uint8_t *aged, int side_px) {
        flying_ = false;
        desk_.request.wait();
        const ov::Tensor found = desk_.request.get_output_tensor(0);
        if (found.get_element_type() != out_.get_element_type() || found.get_shape() != out_.get_shape() ||
            static_cast<const void *>(found.data()) != static_cast<const void *>(out_.data()))
            throw bundle_error("the generator gave an output of another shape than " + name_of(tile_) +
                               " has: export the bundle again");
        if (cells_) blend();
        network_.give_back(std::move(desk_));
        const std::size_t row_bytes = std::size_t{3} * tile_.width;
        for (int y = 0; y < tile_.height; ++y) {
            const std::size_t offset = static_cast<std::size_t>(tile_.y0 + y) * side_px + tile_.x0;
            std::memcpy(aged + 3 * offset, aged_.data() + row_bytes * y, row_bytes);
        }
    }

    const Tile &tile() const { return tile_; }

  private:
    void bind_whole() {
        const std::size_t rows = size(high_), columns = size(wide_), down = rows / kCellPx, across = columns / kCellPx;
        desk_.request.set_tensor("image", ov::Tensor(ov::element::u8, {1, rows, columns, 3}, image_.data()));
        desk_.request.set_tensor("aging_map", ov::Tensor(ov::element::f32, {1, 1, down, across}, map_.data()));
        desk_.request.set_tensor("coordinates",
                                 ov::Tensor(ov::element::f32, {1, kPositionPlanes, down, across}, positions_.data()));
        desk_.request.set_tensor("pattern", ov::Tensor(ov::element::f32, {1, pattern_.size()}, pattern_.data()));
        out_ = ov::Tensor(ov::element::u8, {1, size(tile_.height), size(tile_.width), 3}, aged_.data());
    }

    void bind_cells() {
        const auto groups = [](int px) { return size((px - 2 * kOuterPx) / kGroupPx); };
        const auto inner = [](int px) { return size(px / kCellPx - 2 * kMarginCells); };
        ov::Tensor seen = desk_.tensor(0, {1, kSeenPlanes, groups(high_), groups(wide_)});
        ov::Tensor planes = desk_.tensor(1, {1, kMostConditions, inner(high_), inner(wide_)});
        cells_->gather(image_.data(), high_, wide_, map_, positions_.data(), pattern_, halves_of(seen));
        cells_->condition(high_, wide_, map_, positions_.data(), pattern_, halves_of(planes));
        desk_.request.set_tensor("seen", seen);
        desk_.request.set_tensor("planes", planes);
        out_ = desk_.tensor(2, {1, kHeads, size(tile_.height / kGroupPx), size(tile_.width / kGroupPx)});
    }

    void blend() {
        const std::size_t row_bytes = std::size_t{3} * wide_;
        const std::uint8_t *core = image_.data() + row_bytes * halo_px_ + std::size_t{3} * halo_px_;
        cells_blend(core, static_cast<std::ptrdiff_t>(row_bytes), tile_.height, tile_.width, halves_of(out_),
                    aged_.data());
    }

    static std::size_t size(int n) { return static_cast<std::size_t>(n); }

    static std::uint16_t *halves_of(ov::Tensor &tensor) { return static_cast<std::uint16_t *>(tensor.data()); }

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
    const PixelCells *cells_;
    Tile tile_;
    int high_;
    int wide_;
    int halo_px_;
    std::vector<std::uint8_t> image_;
    std::vector<float> map_;
    std::vector<float> positions_;
    std::vector<float> pattern_;
    std::vector<std::uint8_t> aged_;
    ov::Tensor out_;
    Desk desk_;
    bool flying_ = false;
};

class OpenVinoEngine : public Engine {
  public:
    OpenVinoEngine(const Bundle &bundle, const std::string &precision)
        : options_(cutting(generator_options(bundle.manifest, precision), bundle.manifest.patterns)),
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
            attempt(tile, [&] {
                running.push_back(std::make_unique<InFlightTile>(network_, cells_.get(), work, tile));
            });
        }
        while (!running.empty()) land();
    }

  private:
    // In f32 the file is computed as it is: it is what other precisions are compared with.
    NetworkOptions cutting(NetworkOptions options, int patterns) {
        options.cut = [this, patterns](const std::shared_ptr<ov::Model> &model) {
            CutGenerator made = cut_generator(model, patterns);
            cells_ = std::move(made.cells);
            return made.model;
        };
        return options;
    }

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

    std::shared_ptr<const PixelCells> cells_;  // null if the network is the whole graph
    NetworkOptions options_;
    Network network_;
    EngineTraits traits_;
};

}  // namespace

std::unique_ptr<Engine> open_openvino(const Bundle &bundle, const std::string &precision) {
    return std::make_unique<OpenVinoEngine>(bundle, precision);
}

}  // namespace amgan_impl
