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
    const std::lock_guard<std::mutex> hold(lock_);
    if (severity > Severity::kERROR || text_[0] != '\0') return;
    const std::size_t length = std::min(std::strlen(text), text_.size() - 1);
    std::copy_n(text, length, text_.begin());
    text_[length] = '\0';
    std::replace(text_.begin(), text_.end(), '\n', ' ');
}

std::string TensorRtLog::reason() const {
    const std::lock_guard<std::mutex> hold(lock_);
    return text_[0] == '\0' ? "it gave no reason" : text_.data();
}

void TensorRtLog::clear() {
    const std::lock_guard<std::mutex> hold(lock_);
    text_[0] = '\0';
}

std::string tensorrt_version() {
    const int all = getInferLibVersion();
    // Since TensorRT 10 the number is 10000 major + 100 minor + patch.
    return std::to_string(all / 10000) + "." + std::to_string(all / 100 % 100) + "." + std::to_string(all % 100) + ".";
}

TensorRtPlan::TensorRtPlan(const Bundle &bundle, const FileEntry &entry, int gpu)
    : path_(bundle.path_of(entry)), gpu_(gpu), halo_px_(bundle.manifest.halo_px), patterns_(bundle.manifest.patterns),
      tile_{entry.build->inputs.at("image")[1], entry.build->inputs.at("image")[0]}, batch_low_(entry.build->batch_low),
      batch_(entry.build->batch_high) {
    check_cuda(cudaSetDevice(gpu), "choosing the GPU");
    const int step = std::max(bundle.manifest.tile_multiple, kCellPx);
    const Size inner = core();
    if (inner.width <= 0 || inner.height <= 0 || inner.width % step != 0 || inner.height % step != 0 ||
        tile_.width % kCellPx != 0 || tile_.height % kCellPx != 0)
        throw bundle_error("'" + path_ + "' takes tiles of " + std::to_string(tile_.width) + "x" +
                           std::to_string(tile_.height) + " px, which do not fit the bundle: build it again");
    runtime_.reset(nvinfer1::createInferRuntime(log_));
    if (!runtime_) fail("cannot start");
    const std::string plan = bundle.read(entry);
    engine_.reset(runtime_->deserializeCudaEngine(plan.data(), plan.size()));
    if (!engine_) fail("cannot load '" + path_ + "'");
    contexts_ = std::make_unique<ContextMaker>(
        *engine_, AMGAN_TENSORRT_RTX ? rtx_entry(plan, tensorrt_version(), gpu) : std::string());
    lanes_.push_back(std::make_unique<TensorRtLane>(*this));
    free_.push_back(lanes_.front().get());
    contexts_->keep();
}

TensorRtPlan::~TensorRtPlan() {
    // Further batch sizes and contexts may have been compiled since.
    try {
        if (contexts_) contexts_->keep();
    } catch (const std::exception &) {
        return;  // there is no memory for the copy: nothing more is kept
    }
}

TensorRtLane *TensorRtPlan::take() {
    std::unique_lock<std::mutex> hold(lock_);
    if (free_.empty() && lanes_.size() < kLanes) {
        try {
            auto lane = std::make_unique<TensorRtLane>(*this);
            lanes_.push_back(std::move(lane));
            return lanes_.back().get();
        } catch (const Error &) {
            // Without memory for another context, the frame waits for an existing one.
            cudaGetLastError();
        }
    }
    changed_.wait(hold, [this] { return !free_.empty(); });
    TensorRtLane *lane = free_.back();
    free_.pop_back();
    return lane;
}

void TensorRtPlan::give(TensorRtLane *lane) {
    const std::lock_guard<std::mutex> hold(lock_);
    free_.push_back(lane);
    changed_.notify_one();
}

void TensorRtPlan::fail(const std::string &what) const {
    throw engine_error(std::string(AMGAN_TENSORRT_NAME) + " " + what + ", " + log_.reason() + ": build the engine again");
}

TensorRtLane::TensorRtLane(TensorRtPlan &plan) : plan_(plan) {
    check_cuda(cudaSetDevice(plan.gpu_), "choosing the GPU");
    stream_ = make_stream();
    context_.reset(plan.contexts_->make());
    if (!context_) plan.fail("cannot prepare '" + plan.path_ + "'");
    const auto pixels = static_cast<std::size_t>(plan.tile_.area()), cells = pixels / (kCellPx * kCellPx);
    add("image", 3 * pixels, DataType::kUINT8, TensorIOMode::kINPUT);
    add("aging_map", cells * sizeof(float), DataType::kFLOAT, TensorIOMode::kINPUT);
    add("coordinates", kPositionPlanes * cells * sizeof(float), DataType::kFLOAT, TensorIOMode::kINPUT);
    add("pattern", static_cast<std::size_t>(plan.patterns_) * sizeof(float), DataType::kFLOAT, TensorIOMode::kINPUT);
    add("aged", 3 * static_cast<std::size_t>(plan.core().area()), DataType::kUINT8, TensorIOMode::kOUTPUT);
}

void TensorRtLane::add(const std::string &name, std::size_t bytes, DataType type, TensorIOMode mode) {
    const nvinfer1::ICudaEngine &engine = *plan_.engine_;
    if (engine.getTensorIOMode(name.c_str()) != mode || engine.getTensorDataType(name.c_str()) != type)
        throw bundle_error("'" + plan_.path_ + "' is no generator of this bundle, its tensor " + name +
                           " is another one: build it again");
    const Dims shape = engine.getTensorShape(name.c_str());
    std::size_t found = type == DataType::kFLOAT ? sizeof(float) : 1;
    for (int i = 1; i < shape.nbDims; ++i) found *= static_cast<std::size_t>(std::max<std::int64_t>(shape.d[i], 0));
    if (found != bytes)
        throw bundle_error("'" + plan_.path_ + "' has a tensor " + name +
                           " of another size than its manifest says: build it again");
    PlanTensor &tensor = tensors_[tensor_count_++];
    const std::size_t all = bytes * static_cast<std::size_t>(plan_.batch_);
    tensor.name = name;
    tensor.bytes = bytes;
    tensor.device = device_memory(all);
    tensor.host = pinned_memory(all);
    std::memset(tensor.host.get(), 0, all);
    if (!context_->setTensorAddress(name.c_str(), tensor.device.get()))
        plan_.fail("refuses the memory of " + name);
}

void *TensorRtLane::at(std::size_t tensor, int element) {
    return static_cast<char *>(tensors_[tensor].host.get()) + tensors_[tensor].bytes * static_cast<std::size_t>(element);
}

void TensorRtLane::run(int count) {
    // The current CUDA device is per thread, and each call may come from another one.
    check_cuda(cudaSetDevice(plan_.gpu_), "choosing the GPU");
    plan_.log_.clear();
    const bool again = count == count_;
    if (!again) set_count(count);
    if (again && graphs_ && !graph_) capture(count);
    try {
        if (graph_)
            check_cuda(cudaGraphLaunch(graph_.get(), stream_.get()), "launching a graph");
        else
            submit(count);
    } catch (const Error &) {
        // Copies that were submitted may still read the pinned memory.
        cudaStreamSynchronize(stream_.get());
        throw;
    }
    check_cuda(cudaStreamSynchronize(stream_.get()), "waiting for the GPU");
}

void TensorRtLane::set_count(int count) {
    // A graph depends on the shapes of its context.
    graph_.reset();
    count_ = 0;
    const int computed = std::max(count, plan_.batch_low_);
    for (std::size_t i = 0; i < kInputs; ++i) {
        Dims shape = plan_.engine_->getTensorShape(tensors_[i].name.c_str());
        shape.d[0] = computed;
        if (!context_->setInputShape(tensors_[i].name.c_str(), shape))
            plan_.fail("takes no batch of " + std::to_string(computed) + " in '" + plan_.path_ + "'");
    }
    count_ = count;
}

void TensorRtLane::submit(int count) {
    const auto computed = static_cast<std::size_t>(std::max(count, plan_.batch_low_));
    for (std::size_t i = 0; i < kInputs; ++i)
        check_cuda(cudaMemcpyAsync(tensors_[i].device.get(), tensors_[i].host.get(), tensors_[i].bytes * computed,
                                   cudaMemcpyHostToDevice, stream_.get()),
                   "copying to the GPU");
    if (!context_->enqueueV3(stream_.get())) plan_.fail("could not start '" + plan_.path_ + "'");
    check_cuda(cudaMemcpyAsync(tensors_[kInputs].host.get(), tensors_[kInputs].device.get(),
                               tensors_[kInputs].bytes * static_cast<std::size_t>(count), cudaMemcpyDeviceToHost,
                               stream_.get()),
               "copying from the GPU");
}

void TensorRtLane::capture(int count) {
    // If any of this fails, kernels are launched one by one from now on.
    graphs_ = false;
    if (cudaStreamBeginCapture(stream_.get(), cudaStreamCaptureModeThreadLocal) == cudaSuccess) {
        bool good = true;
        try {
            submit(count);
        } catch (const Error &) {
            good = false;
        }
        cudaGraph_t graph = nullptr;
        cudaGraphExec_t executable = nullptr;
        good = cudaStreamEndCapture(stream_.get(), &graph) == cudaSuccess && good;
        if (good && cudaGraphInstantiateWithFlags(&executable, graph, 0) == cudaSuccess) {
            graph_.reset(executable);
            graphs_ = true;
        }
        if (graph != nullptr) cudaGraphDestroy(graph);
    }
    // CUDA keeps an error until it is fetched.
    cudaGetLastError();
}

}  // namespace amgan_impl
