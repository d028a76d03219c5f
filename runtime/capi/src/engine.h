// The interfaces of generators, which age tiles, and of estimators.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "bundle.h"
#include "frame.h"
#include "tiles.h"

namespace amgan_impl {

struct EngineTraits {
    std::string backend;
    std::string device;
    std::string precision;
    TileLimits limits;
};

// Ages frames; thread-safe.
class Engine {
  public:
    virtual ~Engine() = default;
    virtual const EngineTraits &traits() const = 0;

    // Computes the frame's tiles into `aged`, [side, side, 3]; pixels outside all tiles are not written. Raises Error.
    virtual void age(const FrameWork &work, std::uint8_t *aged) = 0;
};

// Estimates the ages of a frame; thread-safe.
class Estimator {
  public:
    virtual ~Estimator() = default;

    // `image` is [frame_px, frame_px, 3] RGB; returns grid * grid ages. Raises Error.
    virtual std::vector<float> read(const std::vector<std::uint8_t> &image) = 0;
};

// The most px along a side of a core on the CPU.
constexpr int kMaxCorePx = 640;

// Null where open_openvino is faster or the generator has another graph than `amgan export` writes. Raises Error.
std::unique_ptr<Engine> open_avx2(const Bundle &bundle, int max_core_px);

// `precision` empty: the fastest. Both raise Error.
std::unique_ptr<Engine> open_openvino(const Bundle &bundle, const std::string &precision);
std::unique_ptr<Estimator> open_estimator(const Bundle &bundle);

// `device` is "cuda" or "cuda:N". Raises Error (AMGAN_ERROR_DEVICE), also without the TensorRT backend.
std::unique_ptr<Engine> open_tensorrt(const Bundle &bundle, const std::string &device, const std::string &precision);

// Chooses by device name; raises Error (AMGAN_ERROR_ARGUMENT) for an unknown name or precision.
std::unique_ptr<Engine> choose_engine(const Bundle &bundle, const std::string &device, const std::string &precision);

}  // namespace amgan_impl
