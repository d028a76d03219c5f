// The interface between libamgan and its TensorRT backend, a separate library, so that libamgan runs without TensorRT.
#pragma once

#include <cstddef>

#include "engine.h"

namespace amgan_impl {

constexpr const char *kBackendFile = "libamgan_tensorrt.so.0";
constexpr const char *kBackendEntry = "amgan_open_tensorrt_backend_0";

// Like open_tensorrt, but errors are returned as a status, with their text in `sentence` of the given size in bytes.
// `engine` is the caller's. Both libraries must come from one build.
using OpenBackend = amgan_status (*)(const Bundle *bundle, const char *device, const char *precision, Engine **engine,
                                     char *sentence, std::size_t bytes);

}  // namespace amgan_impl
