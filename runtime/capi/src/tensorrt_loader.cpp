// Loads the TensorRT backend if a GPU is requested. It is in the folder of libamgan, if it was built.
#include <dlfcn.h>

#include <array>

#include "engine.h"
#include "error.h"
#include "tensorrt_backend.h"

namespace amgan_impl {

namespace {

// The backend's path, in the folder of this library.
std::string backend_path() {
    Dl_info here{};
    std::string path;
    if (dladdr(reinterpret_cast<const void *>(&open_tensorrt), &here) != 0 && here.dli_fname != nullptr)
        path = here.dli_fname;
    const std::size_t slash = path.rfind('/');
    return (slash == std::string::npos ? std::string() : path.substr(0, slash + 1)) + kBackendFile;
}

OpenBackend load() {
    const std::string path = backend_path();
    // It stays loaded, as engines and pending errors use its code.
    void *library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    const char *reason = library == nullptr ? dlerror() : nullptr;
    void *entry = library == nullptr ? nullptr : dlsym(library, kBackendEntry);
    if (library != nullptr && entry == nullptr) reason = "it is of another build";
    if (entry == nullptr)
        throw device_error("the TensorRT backend '" + path + "' cannot be loaded (" +
                           (reason != nullptr ? reason : "no reason was given") +
                           "): build libamgan with TensorRT and CUDA and install both, or use device 'cpu'");
    return reinterpret_cast<OpenBackend>(entry);
}

}  // namespace

std::unique_ptr<Engine> open_tensorrt(const Bundle &bundle, const std::string &device, const std::string &precision) {
    std::array<char, 1000> sentence{};
    Engine *engine = nullptr;
    const amgan_status status =
        load()(&bundle, device.c_str(), precision.c_str(), &engine, sentence.data(), sentence.size());
    if (status != AMGAN_OK) throw Error(status, sentence.data());
    return std::unique_ptr<Engine>(engine);
}

}  // namespace amgan_impl
