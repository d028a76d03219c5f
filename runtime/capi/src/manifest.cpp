#include "manifest.h"

#include <algorithm>
#include <cmath>

#include "constants.h"
#include "fields.h"

namespace amgan_impl {

namespace {

// Far above any network, and small enough that sizes cannot overflow.
constexpr int kLargestPx = 65536;

bool is_target(const std::string &text) {
    const auto digit = [](char c) { return c >= '0' && c <= '9'; };
    return (text.size() == 4 || text.size() == 5) && text.compare(0, 2, "sm") == 0 &&
           std::all_of(text.begin() + 2, text.end(), digit);
}

EngineBuild read_build(const Fields &fields) {
    EngineBuild build;
    build.flavour = fields.text("flavour");
    if (build.flavour != "tensorrt" && build.flavour != "tensorrt_rtx")
        throw fields.fault("flavour", "is '" + build.flavour + "', not one of tensorrt, tensorrt_rtx");
    build.version = fields.text("version");
    build.targets = fields.texts("targets");
    if (build.targets.empty() || !std::all_of(build.targets.begin(), build.targets.end(), is_target))
        throw fields.fault("targets", "is not a list such as ['sm86']");
    fields.text("onnx_sha256");
    fields.number("half_share");
    fields.text("checked");

    const Fields profile = fields.child("profile");
    const std::vector<int> batch = profile.sizes("batch");
    if (batch.size() != 3 || batch[0] > batch[1] || batch[1] > batch[2])
        throw profile.fault("batch", "is not a smallest, a best and a largest batch");
    build.batch_low = batch[0], build.batch_best = batch[1], build.batch_high = batch[2];
    const Fields inputs = profile.child("inputs");
    for (const auto &[name, shape] : inputs.members()) build.inputs[name] = inputs.sizes(name);
    if (build.inputs.count("image") == 0) throw inputs.fault("image", "is missing");
    return build;
}

FileEntry read_entry(const std::string &name, const Fields &fields) {
    FileEntry entry;
    entry.name = name;
    entry.role = fields.text("role");
    entry.format = fields.text("format");
    entry.precision = fields.text("precision");
    entry.sha256 = fields.text("sha256");
    if (entry.format == "tensorrt") entry.build = read_build(fields.child("build"));
    return entry;
}

void check_tensors(const Fields &network, const std::string &key) {
    for (const Json &item : network.list(key)) {
        const Fields tensor = network.child_of(item, key);
        tensor.text("name");
        tensor.text("type");
        tensor.list("shape");
        if (tensor.has("range")) tensor.numbers("range", 2);
        tensor.text_or("description", "");
    }
}

void check_schema(const Fields &fields, const std::string &source) {
    const int schema = fields.whole("schema");
    if (schema > kSchema)
        throw bundle_error("'" + source + "' has schema " + std::to_string(schema) + ", newer than this library's " +
                           std::to_string(kSchema) + ": take a newer libamgan");
    if (schema > 0 && schema < kSchema)
        throw bundle_error("'" + source + "' has schema " + std::to_string(schema) +
                           ", of networks that know nothing of face coordinates: export it again from weights of " +
                           "this version");
    if (schema < 1) throw fields.fault("schema", "is " + std::to_string(schema) + ", which there never was");
}

// Refuse numbers for which tiles cannot be planned.
void check_values(const Fields &fields, const Manifest &m) {
    const auto frame = [](int px) { return px > 0 && px <= kLargestPx && px % kFrameStepPx == 0; };
    const auto some = [](int px) { return px > 0 && px <= kLargestPx; };
    const int t = m.tile_multiple;
    const auto require = [&fields](bool good, const std::string &name, double value) {
        std::string shown = std::to_string(value);
        if (!good) throw fields.fault(name, "cannot be " + shown.substr(0, shown.find(".000000")));
    };
    require(frame(m.min_frame_px), "min_frame_px", m.min_frame_px);
    require(frame(m.max_frame_px) && m.max_frame_px >= m.min_frame_px, "max_frame_px", m.max_frame_px);
    require(some(m.canonical_px), "canonical_px", m.canonical_px);
    require(t == 4 || t == 8 || t == 16 || t == 32 || t == 64, "tile_multiple", t);
    require(m.halo_px >= 0 && m.halo_px <= kLargestPx && m.halo_px % 4 == 0, "halo_px", m.halo_px);
    require(m.min_age >= 0.0 && m.min_age < m.max_age && std::isfinite(m.max_age), "age_range", m.min_age);
    require(std::isfinite(m.neutral_age), "neutral_age", m.neutral_age);
    require(m.oldest_trained_age > m.min_age && m.oldest_trained_age <= m.max_age, "oldest_trained_age",
            m.oldest_trained_age);
    require(m.patterns >= 1 && m.patterns <= pattern_constants::kMaxPatterns, "patterns", m.patterns);
    require(some(m.estimator_px), "estimator.frame_px", m.estimator_px);
    require(some(m.estimator_grid) && m.estimator_grid <= m.estimator_px, "estimator.grid", m.estimator_grid);
}

}  // namespace

Manifest parse_manifest(std::string_view document, const std::string &source) {
    Json content;
    try {
        content = parse_json(document);
    } catch (const JsonError &error) {
        throw bundle_error("'" + source + "' is damaged, it is not JSON, " + error.what() +
                           ": copy the bundle again");
    }
    const Fields fields(content, source);
    check_schema(fields, source);
    const Fields generator = fields.child("generator"), estimator = fields.child("estimator");
    const std::vector<double> range = fields.numbers("age_range", 2);

    Manifest m;
    m.model = fields.text("model");
    m.version = fields.text("version");
    m.canonical_px = fields.whole("canonical_px");
    m.min_frame_px = fields.whole("min_frame_px");
    m.max_frame_px = fields.whole("max_frame_px");
    m.halo_px = fields.whole("halo_px");
    m.tile_multiple = fields.whole("tile_multiple");
    m.min_age = range[0], m.max_age = range[1];
    m.neutral_age = fields.number("neutral_age");
    m.oldest_trained_age = fields.has("oldest_trained_age") ? fields.number("oldest_trained_age") : m.max_age;
    m.patterns = fields.whole("patterns");
    const std::string coordinates = fields.text("coordinates");
    if (coordinates != "face" && coordinates != "frame")
        throw fields.fault("coordinates", "is '" + coordinates + "', not one of face, frame");
    m.on_face = coordinates == "face";
    m.estimator_px = estimator.whole("frame_px");
    m.estimator_grid = estimator.whole("grid");
    for (const Fields *network : {&generator, &estimator})
        for (const char *key : {"inputs", "outputs"}) check_tensors(*network, key);
    const Fields files = fields.child("files");
    for (const auto &[name, entry] : files.members()) m.files.push_back(read_entry(name, files.child_of(entry, name)));
    fields.text_or("checkpoint_sha256", "");
    check_values(fields, m);
    return m;
}

}  // namespace amgan_impl
