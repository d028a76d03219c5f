#include "fake_gpu.h"

#include <NvInferRuntime.h>

#include <array>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstring>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <string>

using Work = std::deque<std::function<void()>>;

struct CUgraph_st {
    Work work;
};

struct CUgraphExec_st {
    Work work;
};

struct CUstream_st {
    Work todo, captured;
    bool capturing = false;
    void give(std::function<void()> work) { (capturing ? captured : todo).push_back(std::move(work)); }
};

namespace {

std::recursive_mutex mutex;
int failing = 0, called = 0, objects = 0, rules = 0, compilations = 0, launched = 0;
std::mutex meeting;
std::condition_variable met;
int wanted = 0, there = 0;
std::map<const char *, std::size_t> memory;  // sizes in bytes by address
thread_local int used_gpu = -1;

using Hold = std::lock_guard<std::recursive_mutex>;

// A number that was uploaded, or 0: the padding of a tile may hold anything.
float known(float number) { return number > -1000.0f && number < 1000.0f ? number : 0.0f; }

bool fails() { return ++called == failing; }

void rule(bool kept, const char *otherwise) {
    if (kept) return;
    ++rules;
    std::fprintf(stderr, "broken rule: %s\n", otherwise);
}

bool lies_in_memory(const void *place, std::size_t bytes) {
    const auto *at = static_cast<const char *>(place);
    auto after = memory.upper_bound(at);
    if (after == memory.begin()) return false;
    --after;
    return at + bytes <= after->first + after->second;
}

cudaError_t take(void **place, std::size_t bytes) {
    const Hold hold(mutex);
    if (fails()) return cudaErrorMemoryAllocation;
    rule(used_gpu == 0, "memory was taken by a thread without a GPU");
    auto *piece = new char[bytes];
    std::memset(piece, 0xCD, bytes);
    memory[piece] = bytes;
    *place = piece;
    return cudaSuccess;
}

cudaError_t give(void *place) {
    const Hold hold(mutex);
    auto found = memory.find(static_cast<char *>(place));
    rule(found != memory.end(), "memory was given back twice");
    if (found == memory.end()) return cudaErrorInvalidValue;
    delete[] found->first;
    memory.erase(found);
    return cudaSuccess;
}

struct Counted {
    Counted() { ++objects; }
    Counted(const Counted &) = delete;
    ~Counted() { --objects; }
};

// An engine with the plan "width height halo low high": sizes in px and of batches.
struct Plan {
    int width = 0, height = 0, halo = 0, low = 0, high = 0;
    int wide() const { return width + 2 * halo; }
    int tall() const { return height + 2 * halo; }
};

class Context : public nvinfer1::IExecutionContext, Counted {
  public:
    explicit Context(const Plan &plan) : plan_(plan) {}

    bool setTensorAddress(const char *name, void *address) noexcept override {
        const Hold hold(mutex);
        addresses_[name] = address;
        return !fails();
    }

    bool setInputShape(const char *name, const nvinfer1::Dims &shape) noexcept override {
        const Hold hold(mutex);
        batches_[name] = static_cast<int>(shape.d[0]);
        return !fails() && shape.d[0] >= plan_.low && shape.d[0] <= plan_.high;
    }

    bool enqueueV3(cudaStream_t stream) noexcept override {
        const Hold hold(mutex);
        if (fails()) return false;
        for (const auto &[name, batch] : batches_) rule(batch == batches_["image"], "the batches differ");
        stream->give([this, batch = batches_["image"]] { compute(batch); });
        return true;
    }

  private:
    void compute(int batch) {
        const int wide = plan_.wide(), cells = wide / 4;
        const std::size_t pixels = std::size_t{3} * wide * plan_.tall(), years = std::size_t{1} * cells * (plan_.tall() / 4);
        const auto *image = static_cast<const std::uint8_t *>(addresses_["image"]);
        const auto *map = static_cast<const float *>(addresses_["aging_map"]);
        const auto *positions = static_cast<const float *>(addresses_["coordinates"]);
        const auto *pattern = static_cast<const float *>(addresses_["pattern"]);
        auto *out = static_cast<std::uint8_t *>(addresses_["aged"]);
        for (int i = 0; i < batch; ++i, image += pixels, map += years, positions += fake::kPositions * years, pattern += fake::kPatterns)
            for (int y = plan_.halo; y < plan_.halo + plan_.height; ++y)
                for (int x = plan_.halo; x < plan_.halo + plan_.width; ++x)
                    for (int c = 0; c < 3; ++c) {
                        const std::size_t cell = static_cast<std::size_t>(y / 4) * cells + x / 4;
                        std::array<float, fake::kPositions> place;
                        for (std::size_t p = 0; p < place.size(); ++p) place[p] = known(positions[p * years + cell]);
                        *out++ = fake::aged(image[3 * (y * wide + x) + c], known(map[cell]), place, pattern);
                    }
    }

    Plan plan_;
    std::map<std::string, void *> addresses_;
    std::map<std::string, int> batches_;
};

// What TensorRT for RTX compiled: "kernels" and the sizes of engines.
class Kernels : public nvinfer1::IRuntimeCache, Counted {
  public:
    struct Bytes : nvinfer1::IHostMemory, Counted {
        explicit Bytes(std::string all) : text(std::move(all)) {}
        void *data() const noexcept override { return const_cast<char *>(text.data()); }
        std::size_t size() const noexcept override { return text.size(); }
        std::string text;
    };

    nvinfer1::IHostMemory *serialize() const noexcept override {
        const Hold hold(mutex);
        return fails() ? nullptr : new Bytes(text);
    }
    bool deserialize(const void *blob, std::size_t size) noexcept override {
        const Hold hold(mutex);
        const std::string said(static_cast<const char *>(blob), size);
        if (fails() || said.compare(0, 7, "kernels") != 0) return false;
        text = said;
        return true;
    }

    std::string text = "kernels";
};

class Config : public nvinfer1::IRuntimeConfig, Counted {
  public:
    ~Config() override { rule(eager, "a graph may keep slow kernels"); }
    nvinfer1::IRuntimeCache *createRuntimeCache() const noexcept override {
        const Hold hold(mutex);
        return fails() ? nullptr : new Kernels;
    }
    bool setRuntimeCache(const nvinfer1::IRuntimeCache &cache) noexcept override {
        const Hold hold(mutex);
        if (fails()) return false;
        kernels = const_cast<Kernels *>(static_cast<const Kernels *>(&cache));
        return true;
    }
    void setDynamicShapesKernelSpecializationStrategy(
        nvinfer1::DynamicShapesKernelSpecializationStrategy strategy) noexcept override {
        eager = strategy == nvinfer1::DynamicShapesKernelSpecializationStrategy::kEAGER;
    }

    bool eager = false;
    Kernels *kernels = nullptr;
};

class Engine : public nvinfer1::ICudaEngine, Counted {
  public:
    explicit Engine(const Plan &plan) : plan_(plan) {}

    nvinfer1::IRuntimeConfig *createRuntimeConfig() noexcept override {
        const Hold hold(mutex);
        return fails() ? nullptr : new Config;
    }

    nvinfer1::IExecutionContext *createExecutionContext(nvinfer1::IRuntimeConfig *config) noexcept override {
        const Hold hold(mutex);
        if (fails()) return nullptr;
        Kernels *kernels = static_cast<Config *>(config)->kernels;
        const std::string own = " " + std::to_string(plan_.width) + "x" + std::to_string(plan_.height);
        if (kernels == nullptr || (kernels->text + " ").find(own + " ") == std::string::npos) {
            ++compilations;
            if (kernels != nullptr) kernels->text += own;
        }
        return new Context(plan_);
    }

    nvinfer1::IExecutionContext *createExecutionContext() noexcept override {
        const Hold hold(mutex);
        return fails() ? nullptr : new Context(plan_);
    }

    nvinfer1::TensorIOMode getTensorIOMode(const char *name) const noexcept override {
        return std::string(name) == "aged" ? nvinfer1::TensorIOMode::kOUTPUT : nvinfer1::TensorIOMode::kINPUT;
    }

    nvinfer1::DataType getTensorDataType(const char *name) const noexcept override {
        const std::string text = name;
        return text == "image" || text == "aged" ? nvinfer1::DataType::kUINT8 : nvinfer1::DataType::kFLOAT;
    }

    nvinfer1::Dims getTensorShape(const char *name) const noexcept override {
        const std::string text = name;
        const int wide = plan_.wide(), tall = plan_.tall();
        if (text == "image") return {4, {-1, tall, wide, 3}};
        if (text == "aging_map") return {4, {-1, 1, tall / 4, wide / 4}};
        if (text == "coordinates") return {4, {-1, fake::kPositions, tall / 4, wide / 4}};
        if (text == "pattern") return {2, {-1, fake::kPatterns}};
        return {4, {-1, plan_.height, plan_.width, 3}};
    }

  private:
    Plan plan_;
};

class Runtime : public nvinfer1::IRuntime, Counted {
  public:
    explicit Runtime(nvinfer1::ILogger &log) : log_(log) {}

    nvinfer1::ICudaEngine *deserializeCudaEngine(const void *text, std::size_t bytes) noexcept override {
        const Hold hold(mutex);
        Plan plan;
        const std::string said(static_cast<const char *>(text), bytes);
        const int read = std::sscanf(said.c_str(), "%d %d %d %d %d", &plan.width, &plan.height, &plan.halo, &plan.low,
                                     &plan.high);
        if (fails() || read != 5) {
            log_.log(nvinfer1::ILogger::Severity::kERROR, "the plan is\nof another version");
            return nullptr;
        }
        return new Engine(plan);
    }

  private:
    nvinfer1::ILogger &log_;
};

}  // namespace

namespace fake {

void fail_at(int call) {
    const Hold hold(mutex);
    failing = call, called = 0;
}
int calls() { return called; }
int held() { return static_cast<int>(memory.size()) + objects; }
int broken() { return rules; }
int compiled() { return compilations; }
int graphs() { return launched; }
void meet(int threads) {
    const std::lock_guard<std::mutex> hold(meeting);
    wanted = threads, there = 0;
}

}  // namespace fake

const char *cudaGetErrorString(cudaError_t code) {
    return code == cudaErrorMemoryAllocation ? "out of memory" : code == cudaErrorNoDevice ? "no GPU" : "invalid";
}

cudaError_t cudaGetDeviceCount(int *count) {
    const Hold hold(mutex);
    *count = 1;
    return fails() ? cudaErrorNoDevice : cudaSuccess;
}

cudaError_t cudaDeviceGetAttribute(int *value, cudaDeviceAttr attribute, int) {
    const Hold hold(mutex);
    *value = attribute == cudaDevAttrComputeCapabilityMajor ? 8 : 9;
    return fails() ? cudaErrorInvalidValue : cudaSuccess;
}

cudaError_t cudaGetDeviceProperties(cudaDeviceProp *properties, int) {
    const Hold hold(mutex);
    *properties = {"Fake GPU", 8, 9};
    return fails() ? cudaErrorInvalidValue : cudaSuccess;
}

cudaError_t cudaDriverGetVersion(int *version) {
    const Hold hold(mutex);
    *version = 13000;
    return fails() ? cudaErrorInvalidValue : cudaSuccess;
}

cudaError_t cudaSetDevice(int gpu) {
    const Hold hold(mutex);
    if (fails()) return cudaErrorInvalidValue;
    used_gpu = gpu;
    return cudaSuccess;
}

cudaError_t cudaMalloc(void **place, std::size_t bytes) { return take(place, bytes); }
cudaError_t cudaMallocHost(void **place, std::size_t bytes) { return take(place, bytes); }
cudaError_t cudaFree(void *place) { return give(place); }
cudaError_t cudaFreeHost(void *place) { return give(place); }

cudaError_t cudaStreamCreateWithFlags(cudaStream_t *stream, unsigned) {
    const Hold hold(mutex);
    if (fails()) return cudaErrorInvalidValue;
    *stream = new CUstream_st;
    ++objects;
    return cudaSuccess;
}

cudaError_t cudaStreamDestroy(cudaStream_t stream) {
    const Hold hold(mutex);
    delete stream;
    --objects;
    return cudaSuccess;
}

cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
    {
        // The timeout only expires if no other thread comes.
        std::unique_lock<std::mutex> hold(meeting);
        ++there;
        met.notify_all();
        rule(met.wait_for(hold, std::chrono::seconds(120), [] { return there >= wanted; }), "frames are serial");
    }
    const Hold hold(mutex);
    rule(!stream->capturing, "a stream was waited for in a capture");
    if (fails()) {
        stream->todo.clear();
        return cudaErrorInvalidValue;
    }
    for (; !stream->todo.empty(); stream->todo.pop_front()) stream->todo.front()();
    return cudaSuccess;
}

cudaError_t cudaMemcpyAsync(void *to, const void *from, std::size_t bytes, cudaMemcpyKind, cudaStream_t stream) {
    const Hold hold(mutex);
    if (fails()) return cudaErrorInvalidValue;
    stream->give([to, from, bytes] {
        const bool good = lies_in_memory(to, bytes) && lies_in_memory(from, bytes);
        rule(good, "a copy reached beyond its memory");
        if (good) std::memcpy(to, from, bytes);
    });
    return cudaSuccess;
}

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode) {
    const Hold hold(mutex);
    if (fails()) return cudaErrorInvalidValue;
    rule(!stream->capturing, "a stream was captured twice");
    stream->capturing = true;
    return cudaSuccess;
}

cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t *graph) {
    const Hold hold(mutex);
    rule(stream->capturing, "a capture ended that never began");
    stream->capturing = false;
    Work work;
    work.swap(stream->captured);
    if (fails()) return cudaErrorInvalidValue;
    *graph = new CUgraph_st{std::move(work)};
    ++objects;
    return cudaSuccess;
}

cudaError_t cudaGraphInstantiateWithFlags(cudaGraphExec_t *executable, cudaGraph_t graph, unsigned long long) {
    const Hold hold(mutex);
    if (fails()) return cudaErrorMemoryAllocation;
    *executable = new CUgraphExec_st{graph->work};
    ++objects;
    return cudaSuccess;
}

cudaError_t cudaGraphLaunch(cudaGraphExec_t executable, cudaStream_t stream) {
    const Hold hold(mutex);
    if (fails()) return cudaErrorInvalidValue;
    ++launched;
    for (const auto &work : executable->work) stream->give(work);
    return cudaSuccess;
}

cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
    const Hold hold(mutex);
    delete graph;
    --objects;
    return cudaSuccess;
}

cudaError_t cudaGraphExecDestroy(cudaGraphExec_t executable) {
    const Hold hold(mutex);
    delete executable;
    --objects;
    return cudaSuccess;
}

cudaError_t cudaGetLastError() { return cudaSuccess; }

extern "C" int getInferLibVersion() noexcept { return 101601; }

nvinfer1::IRuntime *nvinfer1::createInferRuntime(ILogger &log) noexcept {
    const Hold hold(mutex);
    return fails() ? nullptr : new Runtime(log);
}
