// Declarations of the parts of TensorRT that libamgan calls, for the fake library of the tests. Names and meanings are
// those of TensorRT 10 and 11; nothing here can be linked with the real one.
#pragma once

#include <cstddef>
#include <cstdint>

#include "cuda_runtime_api.h"

extern "C" int getInferLibVersion() noexcept;

namespace nvinfer1 {

enum class DataType : std::int32_t { kFLOAT = 0, kHALF = 1, kINT8 = 2, kINT32 = 3, kBOOL = 4, kUINT8 = 5 };
enum class TensorIOMode : std::int32_t { kNONE = 0, kINPUT = 1, kOUTPUT = 2 };

struct Dims {
    std::int32_t nbDims = 0;
    std::int64_t d[8] = {};
};

class ILogger {
  public:
    enum class Severity : std::int32_t { kINTERNAL_ERROR = 0, kERROR = 1, kWARNING = 2, kINFO = 3, kVERBOSE = 4 };
    virtual void log(Severity severity, const char *text) noexcept = 0;
    virtual ~ILogger() = default;
};

class IExecutionContext {
  public:
    virtual ~IExecutionContext() = default;
    virtual bool setTensorAddress(const char *name, void *address) noexcept = 0;
    virtual bool setInputShape(const char *name, const Dims &shape) noexcept = 0;
    virtual bool enqueueV3(cudaStream_t stream) noexcept = 0;
};

class IHostMemory {
  public:
    virtual ~IHostMemory() = default;
    virtual void *data() const noexcept = 0;
    virtual std::size_t size() const noexcept = 0;
};

// Of TensorRT for RTX.
enum class DynamicShapesKernelSpecializationStrategy : std::int32_t { kLAZY = 0, kEAGER = 1, kNONE = 2 };

class IRuntimeCache {
  public:
    virtual ~IRuntimeCache() = default;
    virtual IHostMemory *serialize() const noexcept = 0;
    virtual bool deserialize(const void *blob, std::size_t size) noexcept = 0;
};

class IRuntimeConfig {
  public:
    virtual ~IRuntimeConfig() = default;
    virtual IRuntimeCache *createRuntimeCache() const noexcept = 0;
    virtual bool setRuntimeCache(const IRuntimeCache &cache) noexcept = 0;
    virtual void setDynamicShapesKernelSpecializationStrategy(
        DynamicShapesKernelSpecializationStrategy strategy) noexcept = 0;
};

class ICudaEngine {
  public:
    virtual ~ICudaEngine() = default;
    virtual IExecutionContext *createExecutionContext() noexcept = 0;
    virtual IExecutionContext *createExecutionContext(IRuntimeConfig *config) noexcept = 0;
    virtual IRuntimeConfig *createRuntimeConfig() noexcept = 0;
    virtual TensorIOMode getTensorIOMode(const char *name) const noexcept = 0;
    virtual DataType getTensorDataType(const char *name) const noexcept = 0;
    virtual Dims getTensorShape(const char *name) const noexcept = 0;
};

class IRuntime {
  public:
    virtual ~IRuntime() = default;
    virtual ICudaEngine *deserializeCudaEngine(const void *plan, std::size_t bytes) noexcept = 0;
};

IRuntime *createInferRuntime(ILogger &log) noexcept;

}  // namespace nvinfer1
