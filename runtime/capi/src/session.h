// What a handle stands for: an opened bundle, and what can be done with it.
#pragma once

#include <memory>
#include <mutex>
#include <string>

#include "amgan.h"
#include "bundle.h"
#include "engine.h"
#include "face_shape.h"

namespace amgan_impl {

// Safe to share between threads. Everything raises Error.
class Session {
  public:
    Session(const std::string &folder, const std::string &device, const std::string &precision);

    amgan_info info() const;
    const Manifest &manifest() const { return bundle_.manifest; }

    // Whether this process opened it: one that was forked since has none of the threads that work for it.
    bool is_of_this_process() const;

    // Ages a frame by a map with a margin of so many cells. Without `landmarks` the face is taken to lie where the mean
    // face does; without `pattern` it gets the one that follows from landmarks and skin. Only what `mask`, which may be
    // null, lets through changes.
    void age(const amgan_frame &frame, const Plane &map, int margin_cells, const Landmarks *landmarks,
             const float *pattern, const Plane *mask, std::uint8_t *out, std::ptrdiff_t out_stride_bytes) const;

    // Coordinates of `side` cells across the frame of a face, of the kind that the bundle's networks take.
    std::array<Plane, 3> coordinates(const Landmarks &landmarks, int side, int margin) const;

    // Ages of every place of a frame, grid by grid.
    std::vector<float> estimate(const amgan_frame &frame);

  private:
    Estimator &estimator();

    // The pattern of a face that is given none: what follows from landmarks and skin, and none where it gets younger.
    std::vector<float> own_pattern(const amgan_frame &frame, const Plane &map, const Landmarks &landmarks) const;

    long process_;
    Bundle bundle_;
    std::unique_ptr<Engine> engine_;
    std::mutex opening_;
    std::unique_ptr<Estimator> estimator_;
};

// The mask of the change of a frame, 0 to 1: the skin, and only where the age fields `now` and `wanted` differ; both may
// be null.
Plane frame_mask(const Landmarks &landmarks, int side_px, const Plane *now, const Plane *wanted, int margin_cells);

// The frame without its margin at another size.
std::vector<std::uint8_t> shrunk(const amgan_frame &frame, int side_px);

}  // namespace amgan_impl
