// The default engine of CPUs with AVX2 and without AVX-512: see avx2.h.
#include <algorithm>
#include <atomic>
#include <mutex>
#include <openvino/openvino.hpp>

#include "avx2_weights.h"
#include "engine.h"
#include "error.h"
#include "openvino_network.h"
#include "tile_arrays.h"

namespace amgan_impl {

namespace {

constexpr int kMostThreads = 16;  // for one tile

// Memory of tiles, which is not touched before it is written.
struct TileMemory {
    std::unique_ptr<float[]> floats;
    std::size_t size = 0;
};

class Avx2Engine : public Engine {
  public:
    Avx2Engine(std::unique_ptr<const Avx2Weights> weights, int max_core_px)
        // One tile for a face: where a tile begins decides how sums are rounded.
        : weights_(std::move(weights)), traits_{"AVX2", "cpu", "f32", {max_core_px, 1, {}, 0}} {}

    const EngineTraits &traits() const override { return traits_; }

    void age(const FrameWork &work, std::uint8_t *aged) override {
        const Caller here(callers_);
        const std::vector<float> gains = weights_->gains(work.pattern);
        for (const Tile &tile : work.tiles) {
            const TileArrays given(work, tile);
            const int threads = std::clamp(count_cores() / std::max(callers_.load(), 1), 1, kMostThreads);
            const std::size_t wanted =
                avx2_floats(&weights_->by, weights_->packed.size(), given.high, given.wide, threads);
            if (wanted == 0) throw engine_error("AVX2 failed on " + name_of(tile) + ": it is too small or too large");
            TileMemory memory = take_memory(wanted);
            const avx2_tile input{given.image.data(), given.high,          given.wide,
                                  given.map.data(),   given.positions.data(), work.pattern.data(),
                                  static_cast<int>(work.pattern.size()), gains.data()};
            std::vector<std::uint8_t> core(std::size_t{3} * tile.height * tile.width);
            avx2_age(&weights_->by, &input, threads, memory.floats.get(), core.data());
            paste_core(core, tile, aged, work.side_px);
            const std::lock_guard<std::mutex> hold(lock_);
            free_.push_back(std::move(memory));
        }
    }

  private:
    // Counts the calls that share the cores.
    struct Caller {
        explicit Caller(std::atomic<int> &count) : count(count) { ++count; }
        ~Caller() { --count; }
        Caller(const Caller &) = delete;
        Caller &operator=(const Caller &) = delete;

        std::atomic<int> &count;
    };

    TileMemory take_memory(std::size_t wanted) {
        TileMemory memory;
        {
            const std::lock_guard<std::mutex> hold(lock_);
            if (!free_.empty()) {
                memory = std::move(free_.back());
                free_.pop_back();
            }
        }
        if (memory.size < wanted) {
            memory.floats.reset();
            memory = {std::unique_ptr<float[]>(new float[wanted]), wanted};
        }
        return memory;
    }

    std::unique_ptr<const Avx2Weights> weights_;
    EngineTraits traits_;
    std::atomic<int> callers_{0};
    std::mutex lock_;
    std::vector<TileMemory> free_;
};

bool has_bf16() {
    const std::vector<std::string> able = ov::Core().get_property("CPU", ov::device::capabilities);
    return std::find(able.begin(), able.end(), "BF16") != able.end();
}

}  // namespace

std::unique_ptr<Engine> open_avx2(const Bundle &bundle, int max_core_px) {
    const FileEntry &entry = bundle.file("generator", "onnx", "fp32");
    if (!avx2_is_widest()) return nullptr;
    const std::string content = bundle.read(entry);
    std::unique_ptr<const Avx2Weights> weights;
    try {
        if (has_bf16()) return nullptr;
        weights = find_avx2_weights(*ov::Core().read_model(content, ov::Tensor()), bundle.manifest.patterns);
    } catch (const ov::Exception &) {
        return nullptr;  // and OpenVINO's engine says why
    }
    if (!weights || weights->halo_px() != bundle.manifest.halo_px) return nullptr;
    const int side = 2 * weights->halo_px() + 16;  // with too many layers no tile is computed
    if (avx2_floats(&weights->by, weights->packed.size(), side, side, 1) == 0) return nullptr;
    return std::make_unique<Avx2Engine>(std::move(weights), max_core_px);
}

}  // namespace amgan_impl
