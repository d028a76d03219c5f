// The manifest of a bundle, with the same checks as in the Python package.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace amgan_impl {

constexpr int kSchema = 2;
constexpr int kFrameStepPx = 64;

// The build of a TensorRT engine and its input sizes, without the batch.
struct EngineBuild {
    std::string flavour;
    std::string version;
    std::vector<std::string> targets;
    int batch_low = 0;
    int batch_best = 0;
    int batch_high = 0;
    std::map<std::string, std::vector<int>> inputs;
};

struct FileEntry {
    std::string name;
    std::string role;
    std::string format;
    std::string precision;
    std::string sha256;
    std::optional<EngineBuild> build;
};

// Lengths in px of the frame, ages in years; see amgan.runtime.bundle.manifest in Python.
struct Manifest {
    std::string model;
    std::string version;
    int canonical_px = 0;
    int min_frame_px = 0;
    int max_frame_px = 0;
    int halo_px = 0;
    int tile_multiple = 0;
    double min_age = 0.0;
    double max_age = 0.0;
    double neutral_age = 0.0;
    double oldest_trained_age = 0.0;
    int patterns = 0;
    bool on_face = true;  // coordinates are positions on the face, not gradients across the frame
    int estimator_px = 0;
    int estimator_grid = 0;
    std::vector<FileEntry> files;
};

// Parses manifest.json; raises Error (AMGAN_ERROR_BUNDLE), which names `source` and the invalid field.
Manifest parse_manifest(std::string_view document, const std::string &source);

}  // namespace amgan_impl
