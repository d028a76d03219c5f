// A TensorRT engine of a bundle, loaded on a GPU, with memory for one batch. The same code serves both flavours.
#pragma once

#include <NvInferRuntime.h>

#include <array>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "bundle.h"
#include "cuda_memory.h"
#include "engine.h"
#include "tensorrt_contexts.h"
#include "tiles.h"

namespace amgan_impl {

constexpr const char *kFlavour = AMGAN_TENSORRT_FLAVOUR;  // "tensorrt" or "tensorrt_rtx"

// The loaded library's version, as a prefix of the full version in a manifest: TensorRT 10.7.0 is "10.7.0.".
std::string tensorrt_version();

// open_tensorrt in the backend.
std::unique_ptr<Engine> open_tensorrt_here(const Bundle &bundle, const std::string &device,
                                           const std::string &precision);

// Keeps the first error of TensorRT, instead of printing it; thread-safe.
class TensorRtLog : public nvinfer1::ILogger {
  public:
    void log(Severity severity, const char *text) noexcept override;
    std::string reason() const;
    void clear();

  private:
    mutable std::mutex lock_;
    std::array<char, 400> text_{};
};

// A tensor: its memory on the GPU, its pinned memory, and the bytes of one element of the batch.
struct PlanTensor {
    std::string name;
    std::size_t bytes = 0;
    DeviceMemory device;
    PinnedMemory host;
};

class TensorRtPlan;

// A context of a plan with a stream and memory for one batch; one thread uses it at a time.
class TensorRtLane {
  public:
    explicit TensorRtLane(TensorRtPlan &plan);

    // Pinned memory of one element of the batch: the inputs, and the output.
    void *image(int element) { return at(0, element); }
    void *map(int element) { return at(1, element); }
    void *positions(int element) { return at(2, element); }
    void *pattern(int element) { return at(3, element); }
    const void *aged(int element) { return at(kInputs, element); }

    // Copies `count` elements to the GPU, computes them, copies the results back, and waits. A count used twice in a
    // row is captured as a CUDA graph, if possible.
    void run(int count);

  private:
    static constexpr std::size_t kInputs = 4;

    void *at(std::size_t tensor, int element);
    void add(const std::string &name, std::size_t bytes, nvinfer1::DataType type, nvinfer1::TensorIOMode mode);
    void set_count(int count);
    void submit(int count);
    void capture(int count);

    TensorRtPlan &plan_;
    Stream stream_;
    std::unique_ptr<nvinfer1::IExecutionContext> context_;
    std::array<PlanTensor, kInputs + 1> tensors_;
    std::size_t tensor_count_ = 0;
    int count_ = 0;  // of the last run: the shapes of the context, and of the graph
    bool graphs_ = true;
    Graph graph_;
};

// A loaded engine file; thread-safe. Up to kLanes frames use it concurrently.
class TensorRtPlan {
  public:
    // Raises Error if the engine cannot be loaded here, or is not a generator with this halo.
    TensorRtPlan(const Bundle &bundle, const FileEntry &entry, int gpu);
    ~TensorRtPlan();

    Size core() const { return {tile_.width - 2 * halo_px_, tile_.height - 2 * halo_px_}; }
    Size tile() const { return tile_; }  // halo included
    int batch() const { return batch_; }

    // A context for this thread until it is destroyed. Blocks if all are in use.
    class Turn {
      public:
        explicit Turn(TensorRtPlan &plan) : plan_(plan), lane_(plan.take()) {}
        ~Turn() { plan_.give(lane_); }
        Turn(const Turn &) = delete;
        Turn &operator=(const Turn &) = delete;
        TensorRtLane &lane() { return *lane_; }

      private:
        TensorRtPlan &plan_;
        TensorRtLane *lane_;
    };

  private:
    friend class TensorRtLane;
    static constexpr std::size_t kLanes = 3;

    TensorRtLane *take();
    void give(TensorRtLane *lane);
    [[noreturn]] void fail(const std::string &what) const;

    TensorRtLog log_;
    std::string path_;
    int gpu_;
    int halo_px_;
    int patterns_;
    Size tile_;
    int batch_low_;
    int batch_;
    std::unique_ptr<nvinfer1::IRuntime> runtime_;
    std::unique_ptr<nvinfer1::ICudaEngine> engine_;
    std::unique_ptr<ContextMaker> contexts_;
    std::mutex lock_;
    std::condition_variable changed_;
    std::vector<std::unique_ptr<TensorRtLane>> lanes_;
    std::vector<TensorRtLane *> free_;
};

}  // namespace amgan_impl
