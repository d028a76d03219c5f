// TensorRT on a GPU: one batch of tiles after the other through one stream. Compiled where its headers are; it has not
// been run on a GPU yet.
#include <algorithm>
#include <cstring>
#include <mutex>

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

// The library that is loaded, as a prefix of the full version that a manifest names: TensorRT 10.7.0 is "10.7.0.".
std::string version() {
    const int all = getInferLibVersion();
    // From TensorRT 10 on the number is 10000 major + 100 minor + patch.
    return std::to_string(all / 10000) + "." + std::to_string(all / 100 % 100) + "." + std::to_string(all % 100) + ".";
}

const FileEntry &find_engine(const Bundle &bundle, const Gpu &gpu, const std::string &precision) {
    std::string reasons;
    for (const FileEntry &entry : bundle.manifest.files) {
        if (entry.role != "generator" || !entry.build) continue;
        const EngineBuild &build = *entry.build;
        const std::string ours = precision == "f32" ? "fp32" : precision == "f16" ? "fp16" : precision;
        std::string reason;
        if (build.flavour != kFlavour) reason = "was built by another flavour of TensorRT";
        else if ((build.version + ".").compare(0, version().size(), version()) != 0)
            reason = "was built by version " + build.version + ", and this machine has " + version();
        else if (std::find(build.targets.begin(), build.targets.end(), gpu.target) == build.targets.end())
            reason = "is for other GPUs than " + gpu.target;
        else if (!ours.empty() && ours != entry.precision) reason = "is in " + entry.precision;
        else return entry;
        reasons += (reasons.empty() ? "'" : "; '") + entry.name + "' " + reason;
    }
    throw device_error("'" + bundle.folder + "' has no engine that fits this GPU (" +
                       (reasons.empty() ? "it has none" : reasons) + "): build one with `amgan export --targets " +
                       gpu.target + "`, or use device 'cpu'");
}

class TensorRtEngine : public Engine {
  public:
    TensorRtEngine(const Bundle &bundle, const FileEntry &entry, const Gpu &gpu) : plan_(bundle, entry, gpu.number) {
        traits_.backend = AMGAN_TENSORRT_NAME;
        traits_.device = "cuda:" + std::to_string(gpu.number);
        traits_.precision = entry.precision == "fp32" ? "f32" : entry.precision == "fp16" ? "f16" : entry.precision;
        traits_.wishes = {plan_.core_px(), 1, true};
    }

    const EngineTraits &traits() const override { return traits_; }

    void age(const FrameWork &work, std::uint8_t *aged) override {
        const std::lock_guard<std::mutex> hold(lock_);
        const auto batch = static_cast<std::size_t>(plan_.batch());
        for (std::size_t first = 0; first < work.tiles.size(); first += batch) {
            const int count = static_cast<int>(std::min(batch, work.tiles.size() - first));
            for (int i = 0; i < count; ++i) gather(work, work.tiles[first + static_cast<std::size_t>(i)], i);
            plan_.run(count);
            for (int i = 0; i < count; ++i)
                stitch(work.tiles[first + static_cast<std::size_t>(i)], i, aged, work.side_px);
        }
    }

  private:
    void gather(const FrameWork &work, const Tile &tile, int element) {
        const int side = plan_.side_px(), cells = side / kCellPx;
        const std::size_t padded = static_cast<std::size_t>(work.padded_px()), row_bytes = std::size_t{3} * side;
        auto *image = static_cast<std::uint8_t *>(plan_.image(element));
        auto *places = static_cast<float *>(plan_.places(element));
        const std::size_t plane = static_cast<std::size_t>(cells) * static_cast<std::size_t>(cells);
        for (int y = 0; y < side; ++y)
            std::memcpy(image + row_bytes * y, work.image.data() + 3 * ((tile.y0 + y) * padded + tile.x0), row_bytes);
        gather_plane(work.map, tile, static_cast<float *>(plan_.map(element)));
        for (std::size_t i = 0; i < kPlacePlanes; ++i) gather_plane(work.places[i], tile, places + i * plane);
        std::memcpy(plan_.pattern(element), work.pattern.data(), sizeof(float) * work.pattern.size());
    }

    void gather_plane(const Plane &plane, const Tile &tile, float *to) {
        const int cells = plan_.side_px() / kCellPx;
        for (int y = 0; y < cells; ++y)
            std::memcpy(to + static_cast<std::size_t>(cells) * y,
                        plane.row(tile.y0 / kCellPx + y) + tile.x0 / kCellPx, sizeof(float) * cells);
    }

    void stitch(const Tile &tile, int element, std::uint8_t *aged, int side_px) {
        const auto *core = static_cast<const std::uint8_t *>(plan_.aged(element));
        const std::size_t row_bytes = std::size_t{3} * tile.width;
        for (int y = 0; y < tile.height; ++y) {
            const std::size_t place = static_cast<std::size_t>(tile.y0 + y) * side_px + tile.x0;
            std::memcpy(aged + 3 * place, core + row_bytes * y, row_bytes);
        }
    }

    std::mutex lock_;
    TensorRtPlan plan_;
    EngineTraits traits_;
};

}  // namespace

std::unique_ptr<Engine> open_tensorrt(const Bundle &bundle, const std::string &device, const std::string &precision) {
    const Gpu gpu = find_gpu(device);
    return std::make_unique<TensorRtEngine>(bundle, find_engine(bundle, gpu, precision), gpu);
}

}  // namespace amgan_impl
