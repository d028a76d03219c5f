// RAII owners of CUDA memory, streams and graphs, and texts of CUDA errors.
#pragma once

#include <cuda_runtime_api.h>

#include <memory>

#include "error.h"

namespace amgan_impl {

inline void check_cuda(cudaError_t code, const char *doing) {
    if (code == cudaSuccess) return;
    const std::string reason = std::string(doing) + ": " + cudaGetErrorString(code);
    throw Error(code == cudaErrorMemoryAllocation ? AMGAN_ERROR_MEMORY : AMGAN_ERROR_ENGINE, "CUDA failed at " + reason);
}

struct FreeDevice {
    void operator()(void *memory) const { cudaFree(memory); }
};

struct FreePinned {
    void operator()(void *memory) const { cudaFreeHost(memory); }
};

struct FreeStream {
    void operator()(cudaStream_t stream) const { cudaStreamDestroy(stream); }
};

struct FreeGraph {
    void operator()(cudaGraphExec_t graph) const { cudaGraphExecDestroy(graph); }
};

using Graph = std::unique_ptr<CUgraphExec_st, FreeGraph>;
using DeviceMemory = std::unique_ptr<void, FreeDevice>;
using PinnedMemory = std::unique_ptr<void, FreePinned>;
using Stream = std::unique_ptr<CUstream_st, FreeStream>;

inline DeviceMemory device_memory(std::size_t bytes) {
    void *memory = nullptr;
    check_cuda(cudaMalloc(&memory, bytes), "taking memory of the GPU");
    return DeviceMemory(memory);
}

inline PinnedMemory pinned_memory(std::size_t bytes) {
    void *memory = nullptr;
    check_cuda(cudaMallocHost(&memory, bytes), "taking pinned memory");
    return PinnedMemory(memory);
}

inline Stream make_stream() {
    cudaStream_t stream = nullptr;
    check_cuda(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "opening a stream");
    return Stream(stream);
}

}  // namespace amgan_impl
