// Between libamgan and its TensorRT backend, which is a library of its own: libamgan runs where TensorRT is not.
#pragma once

#include <cstddef>

#include "engine.h"

namespace amgan_impl {

constexpr const char *kBackendFile = "libamgan_tensorrt.so.0";
constexpr const char *kBackendEntry = "amgan_open_tensorrt_backend_0";

// As open_tensorrt, but for its errors: they come back as a status, and their sentence in `sentence` of so many bytes.
// `engine` is the caller's. Both libraries must come from one build.
using OpenBackend = amgan_status (*)(const Bundle *bundle, const char *device, const char *precision, Engine **engine,
                                     char *sentence, std::size_t bytes);

}  // namespace amgan_impl
