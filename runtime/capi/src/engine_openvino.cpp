// The default engine: OpenVINO on the CPU, in bf16 if the CPU supports it.
#include <algorithm>
#include <deque>

#include "engine.h"
#include "error.h"
#include "generator_cut.h"
#include "openvino_network.h"
#include "tile_arrays.h"

namespace amgan_impl {

namespace {

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

// One tile in flight. It owns the memory that its request reads and writes, and waits before freeing it.
class InFlightTile {
  public:
    // `cells` is null if the network is the whole graph.
    InFlightTile(Network &network, const PixelCells *cells, const FrameWork &work, const Tile &tile)
        : network_(network), cells_(cells), tile_(tile), given_(work, tile), halo_px_(work.halo_px),
          pattern_(work.pattern), aged_(std::size_t{3} * tile.height * tile.width), desk_(network.take_desk()) {
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
        paste_core(aged_, tile_, aged, side_px);
    }

    const Tile &tile() const { return tile_; }

  private:
    void bind_whole() {
        const std::size_t rows = size(given_.high), columns = size(given_.wide), down = rows / kCellPx, across = columns / kCellPx;
        desk_.request.set_tensor("image", ov::Tensor(ov::element::u8, {1, rows, columns, 3}, given_.image.data()));
        desk_.request.set_tensor("aging_map", ov::Tensor(ov::element::f32, {1, 1, down, across}, given_.map.data()));
        desk_.request.set_tensor("coordinates",
                                 ov::Tensor(ov::element::f32, {1, kPositionPlanes, down, across}, given_.positions.data()));
        desk_.request.set_tensor("pattern", ov::Tensor(ov::element::f32, {1, pattern_.size()}, pattern_.data()));
        out_ = ov::Tensor(ov::element::u8, {1, size(tile_.height), size(tile_.width), 3}, aged_.data());
    }

    void bind_cells() {
        const auto groups = [](int px) { return size((px - 2 * kOuterPx) / kGroupPx); };
        const auto inner = [](int px) { return size(px / kCellPx - 2 * kMarginCells); };
        ov::Tensor seen = desk_.tensor(0, {1, kSeenPlanes, groups(given_.high), groups(given_.wide)});
        ov::Tensor planes = desk_.tensor(1, {1, kMostConditions, inner(given_.high), inner(given_.wide)});
        cells_->gather(given_.image.data(), given_.high, given_.wide, given_.map, given_.positions.data(), pattern_, halves_of(seen));
        cells_->condition(given_.high, given_.wide, given_.map, given_.positions.data(), pattern_, halves_of(planes));
        desk_.request.set_tensor("seen", seen);
        desk_.request.set_tensor("planes", planes);
        out_ = desk_.tensor(2, {1, kHeads, size(tile_.height / kGroupPx), size(tile_.width / kGroupPx)});
    }

    void blend() {
        const std::size_t row_bytes = std::size_t{3} * given_.wide;
        const std::uint8_t *core = given_.image.data() + row_bytes * halo_px_ + std::size_t{3} * halo_px_;
        cells_blend(core, static_cast<std::ptrdiff_t>(row_bytes), tile_.height, tile_.width, halves_of(out_),
                    aged_.data());
    }

    static std::size_t size(int n) { return static_cast<std::size_t>(n); }

    static std::uint16_t *halves_of(ov::Tensor &tensor) { return static_cast<std::uint16_t *>(tensor.data()); }

    Network &network_;
    const PixelCells *cells_;
    Tile tile_;
    TileArrays given_;
    int halo_px_;
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
