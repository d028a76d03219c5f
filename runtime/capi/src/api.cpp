// The C functions: they check arguments and convert exceptions to statuses.
#include "amgan.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <new>

#include "constants.h"
#include "error.h"
#include "session.h"
#include "zone_ages.h"

#define AMGAN_TEXT_(x) #x
#define AMGAN_TEXT(x) AMGAN_TEXT_(x)

using namespace amgan_impl;

struct amgan {
    Session session;
};

namespace {

amgan_status failed(amgan_status status, const char *sentence) noexcept {
    set_last_error(sentence);
    return status;
}

// Runs a function; an exception becomes a status and the last error.
template <typename Function> amgan_status guarded(Function &&function) noexcept {
    try {
        function();
        return AMGAN_OK;
    } catch (const Error &error) {
        return failed(error.status(), error.what());
    } catch (const std::bad_alloc &) {
        return failed(AMGAN_ERROR_MEMORY, "there is not enough memory: use smaller frames, or fewer at once");
    } catch (const std::exception &error) {
        return failed(AMGAN_ERROR_ENGINE, error.what());
    } catch (...) {
        return failed(AMGAN_ERROR_ENGINE, "something unknown went wrong in a library that libamgan uses");
    }
}

const Session &session_of(const amgan *handle) {
    if (handle == nullptr) throw argument_error("the handle is null: open a bundle first");
    if (!handle->session.is_of_this_process())
        throw engine_error("the handle was opened before a fork: open one in each process");
    return handle->session;
}

Session &session_of(amgan *handle) { return const_cast<Session &>(session_of(static_cast<const amgan *>(handle))); }

void write_rows(const float *values, int side, float *out, std::ptrdiff_t stride_bytes) {
    char *to = reinterpret_cast<char *>(out);
    for (int y = 0; y < side; ++y)
        std::memcpy(to + y * stride_bytes, values + static_cast<std::size_t>(y) * side, sizeof(float) * side);
}

void check_years(const float *years, std::ptrdiff_t stride_bytes, int side) {
    if (years == nullptr) throw argument_error("the ages to fill in are null: give memory for them");
    const auto row_bytes = static_cast<std::ptrdiff_t>(sizeof(float)) * side;
    if (stride_bytes < row_bytes && stride_bytes > -row_bytes)
        throw argument_error("the ages to fill in have a stride of " + std::to_string(stride_bytes) +
                             " bytes, but their rows have " + std::to_string(row_bytes) +
                             ": give the bytes from a row to the next");
}

void check_cells(const char *what, int side, int margin) {
    if (side < 16 || side > 1024 || margin < 0 || margin > side)
        throw argument_error(std::string(what) + " cannot have " + std::to_string(side) + " cells and a margin of " +
                             std::to_string(margin) + ": give 16 to 1024, and no more around them");
}

// The estimated ages of a frame by zone.
amgan_zone_ages shown_ages(Session &session, const amgan_frame &frame, const Landmarks &points) {
    const int grid = session.manifest().estimator_grid;
    const std::vector<float> seen = session.estimate(frame);
    Plane plane(grid);
    std::copy(seen.begin(), seen.end(), plane.values.begin());
    return read_zones(points, plane, session.manifest().neutral_age);
}

}  // namespace

const char *amgan_version(void) {
    return AMGAN_TEXT(AMGAN_VERSION_MAJOR) "." AMGAN_TEXT(AMGAN_VERSION_MINOR) "." AMGAN_TEXT(AMGAN_VERSION_PATCH);
}

const char *amgan_status_text(amgan_status status) {
    switch (status) {
        case AMGAN_OK: return "success";
        case AMGAN_ERROR_ARGUMENT: return "invalid argument";
        case AMGAN_ERROR_BUNDLE: return "bundle missing or damaged";
        case AMGAN_ERROR_DEVICE: return "device not available";
        case AMGAN_ERROR_ENGINE: return "engine failed";
        case AMGAN_ERROR_MEMORY: return "out of memory";
    }
    return "unknown status";
}

const char *amgan_last_error(void) { return last_error(); }

amgan_status amgan_open(const char *folder, const char *device, const char *precision, amgan **handle) {
    return guarded([&] {
        if (handle == nullptr) throw argument_error("the place for the handle is null: give the address of a pointer");
        *handle = nullptr;
        if (folder == nullptr) throw argument_error("the bundle's folder is null: give its path");
        *handle = new amgan{Session(folder, device == nullptr ? "auto" : device, precision == nullptr ? "" : precision)};
    });
}

void amgan_close(amgan *handle) {
    // After a fork its threads do not exist and cannot be joined: it is leaked.
    if (handle != nullptr && !handle->session.is_of_this_process()) return;
    guarded([&] { delete handle; });
}

amgan_status amgan_get_info(const amgan *handle, amgan_info *info, size_t info_bytes) {
    return guarded([&] {
        const Session &session = session_of(handle);
        if (info == nullptr) throw argument_error("the info to fill in is null: give memory for it");
        const amgan_info all = session.info();
        std::memset(info, 0, info_bytes);
        std::memcpy(info, &all, std::min(info_bytes, sizeof all));
    });
}

amgan_status amgan_age(amgan *handle, const amgan_frame *frame, const amgan_map *map, const double *landmarks,
                       const float *pattern, uint8_t *out, ptrdiff_t out_stride_bytes) {
    return guarded([&] {
        const Session &session = session_of(handle);
        check_frame(frame, session.manifest());
        check_map(map);
        check_output(out, out_stride_bytes, frame->side_px);
        const Plane years = read_map(*map, session.manifest());
        if (landmarks == nullptr) {
            session.age(*frame, years, map->margin_cells, nullptr, pattern, nullptr, out, out_stride_bytes);
        } else {
            const Landmarks points = read_landmarks(landmarks);
            const Plane mask = frame_mask(points, frame->side_px, nullptr, nullptr, 0);
            session.age(*frame, years, map->margin_cells, &points, pattern, &mask, out, out_stride_bytes);
        }
    });
}

amgan_status amgan_age_zones(amgan *handle, const amgan_frame *frame, const double *landmarks,
                             const amgan_zone_ages *ages, const amgan_zone_ages *now, const float *pattern,
                             uint8_t *out, ptrdiff_t out_stride_bytes) {
    return guarded([&] {
        Session &session = session_of(handle);
        const Manifest &m = session.manifest();
        check_frame(frame, m);
        check_wanted(ages, now, m);
        check_output(out, out_stride_bytes, frame->side_px);
        const Landmarks points = read_landmarks(landmarks);
        const int side = frame->side_px, margin = map_margin(side, m);
        const amgan_zone_ages shown = now != nullptr ? *now : shown_ages(session, *frame, points);
        const Plane before = zone_age_field(points, shown, age_constants::kMapCells, margin);
        const Plane after = zone_age_field(points, *ages, age_constants::kMapCells, margin);
        const Plane years = change_map(points, before, after, age_constants::kMapCells, margin, m.oldest_trained_age);
        const Plane mask = frame_mask(points, side, &before, &after, margin);
        session.age(*frame, years, margin, &points, pattern, &mask, out, out_stride_bytes);
    });
}

amgan_status amgan_zone_map(const amgan *handle, const double *landmarks, const amgan_zone_ages *ages,
                            int32_t side_cells, int32_t margin_cells, float *years, ptrdiff_t stride_bytes) {
    return guarded([&] {
        const Session &session = session_of(handle);
        check_wanted(ages, nullptr, session.manifest());
        check_cells("a zone map", side_cells, margin_cells);
        const int cells = side_cells + 2 * margin_cells;
        check_years(years, stride_bytes, cells);
        const Plane map = zone_map(read_landmarks(landmarks), *ages, side_cells, margin_cells,
                                   session.manifest().neutral_age);
        write_rows(map.values.data(), cells, years, stride_bytes);
    });
}

amgan_status amgan_face_coordinates(const amgan *handle, const double *landmarks, int32_t side_cells,
                                    int32_t margin_cells, float *planes) {
    return guarded([&] {
        const Session &session = session_of(handle);
        check_cells("coordinates", side_cells, margin_cells);
        if (planes == nullptr) throw argument_error("the coordinates to fill in are null: give memory for them");
        const auto found = session.coordinates(read_landmarks(landmarks), side_cells, margin_cells);
        for (const Plane &plane : found) planes = std::copy(plane.values.begin(), plane.values.end(), planes);
    });
}

amgan_status amgan_choose_pattern(const amgan *handle, const double *landmarks, float *weights) {
    return guarded([&] {
        const Session &session = session_of(handle);
        if (weights == nullptr) throw argument_error("the weights to fill in are null: give memory for them");
        const auto found = choose_pattern(read_landmarks(landmarks), session.manifest().patterns);
        std::copy(found.begin(), found.end(), weights);
    });
}

amgan_status amgan_line_strength(const amgan *handle, const amgan_frame *frame, const double *landmarks,
                                 float *strength) {
    return guarded([&] {
        check_frame(frame, session_of(handle).manifest());
        if (strength == nullptr) throw argument_error("the strength to fill in is null: give memory for it");
        *strength = static_cast<float>(read_line_strength(shrunk(*frame, line_constants::kReadPx), read_landmarks(landmarks)));
    });
}

amgan_status amgan_estimate(amgan *handle, const amgan_frame *frame, float *years, ptrdiff_t stride_bytes) {
    return guarded([&] {
        Session &session = session_of(handle);
        check_frame(frame, session.manifest());
        const int grid = session.manifest().estimator_grid;
        check_years(years, stride_bytes, grid);
        write_rows(session.estimate(*frame).data(), grid, years, stride_bytes);
    });
}

amgan_status amgan_read_zones(const amgan *handle, const double *landmarks, const amgan_map *map,
                              amgan_zone_ages *ages) {
    return guarded([&] {
        const Session &session = session_of(handle);
        check_map(map);
        if (ages == nullptr) throw argument_error("the zone ages to fill in are null: give memory for them");
        const Landmarks points = read_landmarks(landmarks);
        *ages = read_zones(points, read_seen_map(*map), session.manifest().neutral_age);
    });
}

amgan_status amgan_face_age(const amgan_zone_ages *ages, float *years) {
    return guarded([&] {
        check_some_ages(ages, "zone ages");
        if (years == nullptr) throw argument_error("the age to fill in is null: give memory for it");
        *years = static_cast<float>(face_age(*ages));
    });
}

amgan_status amgan_move_zones(const amgan *handle, const amgan_zone_ages *now, float years, amgan_zone_ages *ages) {
    return guarded([&] {
        const Session &session = session_of(handle);
        check_some_ages(now, "ages now");
        if (!is_some_age(years))
            throw argument_error("an age of " + in_words(years) + " years cannot be had: give years of a life");
        if (ages == nullptr) throw argument_error("the zone ages to fill in are null: give memory for them");
        *ages = moved(*now, years, session.manifest());
    });
}

const char *amgan_zone_name(int32_t zone) {
    return zone >= 0 && zone < AMGAN_ZONES ? kZoneTable[static_cast<std::size_t>(zone)].name : nullptr;
}

int32_t amgan_zone_is_paired(int32_t zone) {
    return zone >= 0 && zone < AMGAN_ZONES && kZoneTable[static_cast<std::size_t>(zone)].parts == 2 ? 1 : 0;
}
