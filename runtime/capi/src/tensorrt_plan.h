// A TensorRT engine of a bundle, loaded on a GPU, with memory for one batch. The same code serves both flavours.
#pragma once

#include <NvInferRuntime.h>

#include <array>
#include <memory>
#include <string>

#include "bundle.h"
#include "cuda_memory.h"
#include "engine.h"
#include "tiles.h"

namespace amgan_impl {

constexpr const char *kFlavour = AMGAN_TENSORRT_FLAVOUR;  // "tensorrt" or "tensorrt_rtx"

// As open_tensorrt, in the backend itself.
std::unique_ptr<Engine> open_tensorrt_here(const Bundle &bundle, const std::string &device,
                                           const std::string &precision);

// Keeps the first error of TensorRT, instead of printing it.
class TensorRtLog : public nvinfer1::ILogger {
  public:
    void log(Severity severity, const char *text) noexcept override;
    std::string reason() const { return text_[0] == '\0' ? "it gave no reason" : text_.data(); }
    void clear() { text_[0] = '\0'; }

  private:
    std::array<char, 400> text_{};
};

// One tensor: where it lies on the GPU and in pinned memory of the host, and the bytes of one element of the batch.
struct PlanTensor {
    std::string name;
    std::size_t bytes = 0;
    DeviceMemory device;
    PinnedMemory host;
};

// Not safe to share: whoever uses it holds a lock.
class TensorRtPlan {
  public:
    // Raises Error where the engine cannot be loaded here, or is none of a generator with this halo.
    TensorRtPlan(const Bundle &bundle, const FileEntry &entry, int gpu);

    Size core() const { return {tile_.width - 2 * halo_px_, tile_.height - 2 * halo_px_}; }
    Size tile() const { return tile_; }  // the halo included
    int batch() const { return batch_; }

    // Pinned memory of one element of the batch: the inputs, and aged to read from.
    void *image(int element) { return at(0, element); }
    void *map(int element) { return at(1, element); }
    void *positions(int element) { return at(2, element); }
    void *pattern(int element) { return at(3, element); }
    const void *aged(int element) { return at(kInputs, element); }

    // Copies `count` elements to the GPU, computes them, copies the results back, and waits.
    void run(int count);

  private:
    void *at(std::size_t tensor, int element);
    void add(const std::string &name, std::size_t bytes, nvinfer1::DataType type, nvinfer1::TensorIOMode mode);
    [[noreturn]] void fail(const std::string &what) const;

    TensorRtLog log_;
    std::string path_;
    int gpu_;
    int halo_px_;
    Size tile_;
    int batch_low_;
    int batch_;
    Stream stream_;
    std::unique_ptr<nvinfer1::IRuntime> runtime_;
    std::unique_ptr<nvinfer1::ICudaEngine> engine_;
    std::unique_ptr<nvinfer1::IExecutionContext> context_;
    static constexpr std::size_t kInputs = 4;
    std::array<PlanTensor, kInputs + 1> tensors_;
    std::size_t tensor_count_ = 0;
};

}  // namespace amgan_impl
