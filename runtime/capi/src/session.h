// The object behind a handle: an opened bundle and its operations.
#pragma once

#include <memory>
#include <mutex>
#include <string>

#include "amgan.h"
#include "bundle.h"
#include "engine.h"
#include "face_shape.h"

namespace amgan_impl {

// Thread-safe. All methods raise Error.
class Session {
  public:
    Session(const std::string &folder, const std::string &device, const std::string &precision);

    amgan_info info() const;
    const Manifest &manifest() const { return bundle_.manifest; }

    // Whether this process opened it: a forked process does not have its threads.
    bool is_of_this_process() const;

    // Ages a frame by a map with a margin in cells. Without `landmarks` the face is assumed at the position of the mean
    // face; without `pattern` that of its landmarks and skin is used. The change is multiplied by `mask`, which may be
    // null.
    void age(const amgan_frame &frame, const Plane &map, int margin_cells, const Landmarks *landmarks,
             const float *pattern, const Plane *mask, std::uint8_t *out, std::ptrdiff_t out_stride_bytes) const;

    // Coordinates of `side` cells across the frame of a face, of the kind that the bundle's networks use.
    std::array<Plane, 3> coordinates(const Landmarks &landmarks, int side, int margin) const;

    // Estimated ages of a frame, grid by grid.
    std::vector<float> estimate(const amgan_frame &frame);

  private:
    Estimator &estimator();

    // The default pattern of a face: that of its landmarks and skin, and 0 where no age increases.
    std::vector<float> own_pattern(const amgan_frame &frame, const Plane &map, const Landmarks &landmarks) const;

    long process_;
    Bundle bundle_;
    std::unique_ptr<Engine> engine_;
    std::mutex opening_;
    std::unique_ptr<Estimator> estimator_;
};

// The mask of the change of a frame, 0 to 1: the skin where the age fields `now` and `wanted` differ; both may be null.
Plane frame_mask(const Landmarks &landmarks, int side_px, const Plane *now, const Plane *wanted, int margin_cells);

// The frame without its margin, resized.
std::vector<std::uint8_t> shrunk(const amgan_frame &frame, int side_px);

}  // namespace amgan_impl
