// TensorRT on a GPU: several concurrent frames, each in its own execution context. Compiled if its headers are found;
// it has not been run on a GPU yet.
#include <algorithm>
#include <cstring>
#include <map>
#include <vector>

#include "engine.h"
#include "tensorrt_plan.h"

namespace amgan_impl {

namespace {

struct Gpu {
    int number = 0;
    std::string target;  // "sm86", ...
};

Gpu find_gpu(const std::string &device) {
    int count = 0;
    const cudaError_t code = cudaGetDeviceCount(&count);
    if (code != cudaSuccess || count == 0)
        throw device_error("there is no NVIDIA GPU with a driver here (" + std::string(cudaGetErrorString(code)) +
                           "): install NVIDIA's driver, or use device 'cpu'");
    Gpu gpu;
    if (device != "cuda") gpu.number = std::stoi(device.substr(5));
    if (gpu.number >= count)
        throw device_error("there is no " + device + " in this machine: it has " + std::to_string(count) + " GPUs");
    int major = 0, minor = 0;
    check_cuda(cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, gpu.number), "asking for the GPU");
    check_cuda(cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, gpu.number), "asking for the GPU");
    gpu.target = "sm" + std::to_string(10 * major + minor);
    return gpu;
}

// The first engine that can run for every tile size, smallest tiles first, all of the precision of the first.
std::vector<const FileEntry *> find_engines(const Bundle &bundle, const Gpu &gpu, const std::string &precision) {
    std::string reasons;
    std::string ours = precision == "f32" ? "fp32" : precision == "f16" ? "fp16" : precision;
    std::map<std::pair<int, int>, const FileEntry *> found;  // by height and width of their tiles
    for (const FileEntry &entry : bundle.manifest.files) {
        if (entry.role != "generator" || !entry.build) continue;
        const EngineBuild &build = *entry.build;
        std::string reason;
        if (build.flavour != kFlavour) reason = "was built by another flavour of TensorRT";
        else if ((build.version + ".").compare(0, tensorrt_version().size(), tensorrt_version()) != 0)
            reason = "was built by version " + build.version + ", and this machine has " + tensorrt_version();
        else if (std::find(build.targets.begin(), build.targets.end(), gpu.target) == build.targets.end())
            reason = "is for other GPUs than " + gpu.target;
        else if (!ours.empty() && ours != entry.precision) reason = "is in " + entry.precision;
        if (reason.empty()) {
            ours = entry.precision;
            const std::vector<int> &image = build.inputs.at("image");
            found.emplace(std::make_pair(image[0], image[1]), &entry);
        } else {
            reasons += (reasons.empty() ? "'" : "; '") + entry.name + "' " + reason;
        }
    }
    if (!found.empty()) {
        std::vector<const FileEntry *> engines;
        for (const auto &[size, entry] : found) engines.push_back(entry);
        return engines;
    }
    throw device_error("'" + bundle.folder + "' has no engine that fits this GPU (" +
                       (reasons.empty() ? "it has none" : reasons) + "): build one with `amgan export --targets " +
                       gpu.target + "`, or use device 'cpu'");
}

class TensorRtEngine : public Engine {
  public:
    // `engines` are the same generator for tiles of several sizes, smallest first.
    TensorRtEngine(const Bundle &bundle, const std::vector<const FileEntry *> &engines, const Gpu &gpu) {
        const std::string &precision = engines.front()->precision;
        traits_.backend = AMGAN_TENSORRT_NAME;
        traits_.device = "cuda:" + std::to_string(gpu.number);
        traits_.precision = precision == "fp32" ? "f32" : precision == "fp16" ? "f16" : precision;
        for (const FileEntry *entry : engines) {
            plans_.push_back(std::make_unique<TensorRtPlan>(bundle, *entry, gpu.number));
        }
        const auto by_area = [](const auto &plan) { return std::make_pair(plan->core().area(), plan->core().width); };
        std::sort(plans_.begin(), plans_.end(), [&](const auto &a, const auto &b) { return by_area(a) < by_area(b); });
        for (const auto &plan : plans_) traits_.limits.cores.push_back(plan->core());
        const Size largest = traits_.limits.cores.back();
        traits_.limits.max_core_px = std::max(largest.width, largest.height);
        traits_.limits.halo_px = bundle.manifest.halo_px;
    }

    const EngineTraits &traits() const override { return traits_; }

    void age(const FrameWork &work, std::uint8_t *aged) override {
        if (work.tiles.empty()) return;
        // All tiles of a frame are of one size.
        TensorRtPlan &plan = plan_for(work.tiles.front());
        TensorRtPlan::Turn turn(plan);
        TensorRtLane &lane = turn.lane();
        const auto batch = static_cast<std::size_t>(plan.batch());
        for (std::size_t first = 0; first < work.tiles.size(); first += batch) {
            const int count = static_cast<int>(std::min(batch, work.tiles.size() - first));
            for (int i = 0; i < count; ++i) gather(plan, lane, work, work.tiles[first + static_cast<std::size_t>(i)], i);
            lane.run(count);
            for (int i = 0; i < count; ++i)
                stitch(plan, lane, work.tiles[first + static_cast<std::size_t>(i)], i, aged, work.side_px);
        }
    }

  private:
    // The smallest size of tiles that holds one.
    TensorRtPlan &plan_for(const Tile &tile) {
        for (const auto &plan : plans_)
            if (tile.width <= plan->core().width && tile.height <= plan->core().height) return *plan;
        throw engine_error("a tile of " + std::to_string(tile.width) + " px is larger than any engine takes");
    }

    // Tiles of frames smaller than a core use its top left corner; the rest of the output is ignored.
    static void gather(const TensorRtPlan &plan, TensorRtLane &lane, const FrameWork &work, const Tile &tile, int element) {
        const Size tile_px = plan.tile();
        const int cells = tile_px.width / kCellPx;
        const int width = tile.width + 2 * work.halo_px, height = tile.height + 2 * work.halo_px;
        const std::size_t padded = static_cast<std::size_t>(work.padded_px()), row_bytes = std::size_t{3} * tile_px.width;
        auto *image = static_cast<std::uint8_t *>(lane.image(element));
        auto *positions = static_cast<float *>(lane.positions(element));
        const std::size_t plane = static_cast<std::size_t>(tile_px.area()) / (kCellPx * kCellPx);
        for (int y = 0; y < height; ++y)
            std::memcpy(image + row_bytes * y, work.image.data() + 3 * ((tile.y0 + y) * padded + tile.x0),
                        std::size_t{3} * width);
        const int columns = width / kCellPx, rows = height / kCellPx;
        gather_plane(work.map, tile, columns, rows, static_cast<float *>(lane.map(element)), cells);
        for (std::size_t i = 0; i < kPositionPlanes; ++i)
            gather_plane(work.positions[i], tile, columns, rows, positions + i * plane, cells);
        std::memcpy(lane.pattern(element), work.pattern.data(), sizeof(float) * work.pattern.size());
    }

    // Copies the part of a plane that a tile covers into rows of `cells`.
    static void gather_plane(const Plane &plane, const Tile &tile, int columns, int rows, float *to, int cells) {
        for (int y = 0; y < rows; ++y)
            std::memcpy(to + static_cast<std::size_t>(cells) * y,
                        plane.row(tile.y0 / kCellPx + y) + tile.x0 / kCellPx,
                        sizeof(float) * static_cast<std::size_t>(columns));
    }

    static void stitch(const TensorRtPlan &plan, TensorRtLane &lane, const Tile &tile, int element, std::uint8_t *aged,
                       int side_px) {
        const auto *core = static_cast<const std::uint8_t *>(lane.aged(element));
        const std::size_t core_row = std::size_t{3} * plan.core().width, row_bytes = std::size_t{3} * tile.width;
        for (int y = 0; y < tile.height; ++y) {
            const std::size_t offset = static_cast<std::size_t>(tile.y0 + y) * side_px + tile.x0;
            std::memcpy(aged + 3 * offset, core + core_row * y, row_bytes);
        }
    }

    std::vector<std::unique_ptr<TensorRtPlan>> plans_;
    EngineTraits traits_;
};

}  // namespace

std::unique_ptr<Engine> open_tensorrt_here(const Bundle &bundle, const std::string &device,
                                           const std::string &precision) {
    const Gpu gpu = find_gpu(device);
    return std::make_unique<TensorRtEngine>(bundle, find_engines(bundle, gpu, precision), gpu);
}

}  // namespace amgan_impl
