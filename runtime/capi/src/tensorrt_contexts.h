// How the contexts of an engine are made. TensorRT for RTX compiles kernels for them, which are kept on disk.
#pragma once

#include <NvInferRuntime.h>

#include <memory>
#include <string>

#include "rtx_cache.h"

namespace amgan_impl {

#if AMGAN_TENSORRT_RTX

class ContextMaker {
  public:
    // `entry` is the file of the engine's kernels, or "".
    ContextMaker(nvinfer1::ICudaEngine &engine, std::string entry) : engine_(engine), entry_(std::move(entry)) {
        config_.reset(engine_.createRuntimeConfig());
        if (!config_) return;
        // A graph that is captured before the final kernels are ready would keep the slow ones.
        config_->setDynamicShapesKernelSpecializationStrategy(
            nvinfer1::DynamicShapesKernelSpecializationStrategy::kEAGER);
        if (entry_.empty()) return;
        cache_.reset(config_->createRuntimeCache());
        if (!cache_) return;
        kept_ = read_entry(entry_);
        if (!kept_.empty() && !cache_->deserialize(kept_.data(), kept_.size())) {
            drop_entry(entry_);
            kept_.clear();
        }
        if (!config_->setRuntimeCache(*cache_)) cache_.reset();
    }

    // A new context, or nullptr.
    nvinfer1::IExecutionContext *make() {
        return config_ ? engine_.createExecutionContext(config_.get()) : engine_.createExecutionContext();
    }

    // Writes the compiled kernels if they are others than those of the file.
    void keep() {
        if (!cache_) return;
        const std::unique_ptr<nvinfer1::IHostMemory> made(cache_->serialize());
        if (!made || made->size() == 0) return;
        std::string content(static_cast<const char *>(made->data()), made->size());
        if (content == kept_) return;
        write_entry(entry_, content.data(), content.size());
        kept_ = std::move(content);
    }

  private:
    nvinfer1::ICudaEngine &engine_;
    std::string entry_, kept_;
    std::unique_ptr<nvinfer1::IRuntimeCache> cache_;
    std::unique_ptr<nvinfer1::IRuntimeConfig> config_;
};

#else

class ContextMaker {
  public:
    ContextMaker(nvinfer1::ICudaEngine &engine, const std::string &) : engine_(engine) {}
    nvinfer1::IExecutionContext *make() { return engine_.createExecutionContext(); }
    void keep() {}

  private:
    nvinfer1::ICudaEngine &engine_;
};

#endif

}  // namespace amgan_impl
