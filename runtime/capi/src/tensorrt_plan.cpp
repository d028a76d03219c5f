#include "tensorrt_plan.h"

#include <algorithm>
#include <cstring>

#include "face_coordinates.h"
#include "tiles.h"

namespace amgan_impl {

using nvinfer1::DataType;
using nvinfer1::Dims;
using nvinfer1::TensorIOMode;

void TensorRtLog::log(Severity severity, const char *text) noexcept {
    if (severity > Severity::kERROR || text_[0] != '\0') return;
    const std::size_t length = std::min(std::strlen(text), text_.size() - 1);
    std::copy_n(text, length, text_.begin());
    text_[length] = '\0';
    std::replace(text_.begin(), text_.end(), '\n', ' ');
}

TensorRtPlan::TensorRtPlan(const Bundle &bundle, const FileEntry &entry, int gpu)
    : path_(bundle.path_of(entry)), gpu_(gpu), halo_px_(bundle.manifest.halo_px),
      tile_{entry.build->inputs.at("image")[1], entry.build->inputs.at("image")[0]}, batch_low_(entry.build->batch_low),
      batch_(entry.build->batch_high) {
    check_cuda(cudaSetDevice(gpu), "choosing the GPU");
    const int step = std::max(bundle.manifest.tile_multiple, kCellPx);
    const Size inner = core();
    if (inner.width <= 0 || inner.height <= 0 || inner.width % step != 0 || inner.height % step != 0 ||
        tile_.width % kCellPx != 0 || tile_.height % kCellPx != 0)
        throw bundle_error("'" + path_ + "' takes tiles of " + std::to_string(tile_.width) + "x" +
                           std::to_string(tile_.height) + " px, which do not fit the bundle: build it again");
    stream_ = make_stream();
    runtime_.reset(nvinfer1::createInferRuntime(log_));
    if (!runtime_) fail("cannot start");
    const std::string plan = bundle.read(entry);
    engine_.reset(runtime_->deserializeCudaEngine(plan.data(), plan.size()));
    if (!engine_) fail("cannot load '" + path_ + "'");
    context_.reset(engine_->createExecutionContext());
    if (!context_) fail("cannot prepare '" + path_ + "'");
    const auto pixels = static_cast<std::size_t>(tile_.area()), cells = pixels / (kCellPx * kCellPx);
    add("image", 3 * pixels, DataType::kUINT8, TensorIOMode::kINPUT);
    add("aging_map", cells * sizeof(float), DataType::kFLOAT, TensorIOMode::kINPUT);
    add("coordinates", kPositionPlanes * cells * sizeof(float), DataType::kFLOAT, TensorIOMode::kINPUT);
    add("pattern", static_cast<std::size_t>(bundle.manifest.patterns) * sizeof(float), DataType::kFLOAT,
        TensorIOMode::kINPUT);
    add("aged", 3 * static_cast<std::size_t>(inner.area()), DataType::kUINT8, TensorIOMode::kOUTPUT);
}

void TensorRtPlan::add(const std::string &name, std::size_t bytes, DataType type, TensorIOMode mode) {
    if (engine_->getTensorIOMode(name.c_str()) != mode || engine_->getTensorDataType(name.c_str()) != type)
        throw bundle_error("'" + path_ + "' is no generator of this bundle, its tensor " + name +
                           " is another one: build it again");
    const Dims shape = engine_->getTensorShape(name.c_str());
    std::size_t found = type == DataType::kFLOAT ? sizeof(float) : 1;
    for (int i = 1; i < shape.nbDims; ++i) found *= static_cast<std::size_t>(std::max<std::int64_t>(shape.d[i], 0));
    if (found != bytes)
        throw bundle_error("'" + path_ + "' has a tensor " + name + " of another size than its manifest says: build " +
                           "it again");
    PlanTensor &tensor = tensors_[tensor_count_++];
    const std::size_t all = bytes * static_cast<std::size_t>(batch_);
    tensor.name = name;
    tensor.bytes = bytes;
    tensor.device = device_memory(all);
    tensor.host = pinned_memory(all);
    std::memset(tensor.host.get(), 0, all);
    if (!context_->setTensorAddress(name.c_str(), tensor.device.get())) fail("refuses the memory of " + name);
}

void *TensorRtPlan::at(std::size_t tensor, int element) {
    return static_cast<char *>(tensors_[tensor].host.get()) + tensors_[tensor].bytes * static_cast<std::size_t>(element);
}

void TensorRtPlan::run(int count) {
    // CUDA's device belongs to the thread, and each call may come from another one.
    check_cuda(cudaSetDevice(gpu_), "choosing the GPU");
    const int computed = std::max(count, batch_low_);
    log_.clear();
    for (std::size_t i = 0; i < kInputs; ++i) {
        Dims shape = engine_->getTensorShape(tensors_[i].name.c_str());
        shape.d[0] = computed;
        if (!context_->setInputShape(tensors_[i].name.c_str(), shape))
            fail("takes no batch of " + std::to_string(computed) + " in '" + path_ + "'");
        check_cuda(cudaMemcpyAsync(tensors_[i].device.get(), tensors_[i].host.get(),
                                   tensors_[i].bytes * static_cast<std::size_t>(computed), cudaMemcpyHostToDevice,
                                   stream_.get()),
                   "copying to the GPU");
    }
    if (!context_->enqueueV3(stream_.get())) {
        cudaStreamSynchronize(stream_.get());
        fail("could not start '" + path_ + "'");
    }
    check_cuda(cudaMemcpyAsync(tensors_[kInputs].host.get(), tensors_[kInputs].device.get(),
                               tensors_[kInputs].bytes * static_cast<std::size_t>(count), cudaMemcpyDeviceToHost,
                               stream_.get()),
               "copying from the GPU");
    check_cuda(cudaStreamSynchronize(stream_.get()), "waiting for the GPU");
}

void TensorRtPlan::fail(const std::string &what) const {
    throw engine_error(std::string(AMGAN_TENSORRT_NAME) + " " + what + ", " + log_.reason() +
                       ": build the engine again");
}

}  // namespace amgan_impl
