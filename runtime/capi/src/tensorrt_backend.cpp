// The entry point of the TensorRT backend.
#include "tensorrt_backend.h"

#include <cstdio>

#include "error.h"
#include "tensorrt_plan.h"

using namespace amgan_impl;

extern "C" __attribute__((visibility("default"))) amgan_status amgan_open_tensorrt_backend_0(
    const Bundle *bundle, const char *device, const char *precision, Engine **engine, char *sentence,
    std::size_t bytes) noexcept {
    try {
        *engine = open_tensorrt_here(*bundle, device, precision).release();
        return AMGAN_OK;
    } catch (const Error &error) {
        std::snprintf(sentence, bytes, "%s", error.what());
        return error.status();
    } catch (const std::exception &error) {
        std::snprintf(sentence, bytes, "TensorRT failed: %s", error.what());
        return AMGAN_ERROR_ENGINE;
    }
}
