/*
 * amgan.h - age a picture of a face from C.
 *
 * Plain C11 (and C++), no dependencies. A handle is an opened bundle, a folder that `amgan export` wrote. The library
 * works on canonical frames: square, upright RGB pictures of one face with horizontal eyes, as `amgan` cuts them out
 * of photos. It does not detect faces.
 *
 * Functions never throw, print, abort or keep a pointer of the caller. Each returns a status; unless it is AMGAN_OK,
 * nothing was written to the caller's pictures and maps, and amgan_last_error() describes the error and its remedy in
 * one sentence.
 *
 * Threads: all functions are thread-safe, and several may run concurrently with one handle. The exception is
 * amgan_close(), which must be called after all other calls with that handle have returned. Error texts are per
 * thread. Do not use handles in a forked process.
 *
 * Memory: the caller owns all pictures and maps. Strides are in bytes, from a row to the row below it; they may be
 * longer than a row, or negative for bottom-up pictures. Rows of floats and doubles must be aligned for their type.
 * amgan_close() frees the memory of a handle.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AMGAN_H
#define AMGAN_H

#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define AMGAN_API __attribute__((visibility("default")))
#else
#define AMGAN_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

#define AMGAN_VERSION_MAJOR 0
#define AMGAN_VERSION_MINOR 1
#define AMGAN_VERSION_PATCH 0

/* Number of zones, and number of points of the face mesh (MediaPipe's numbering). */
#define AMGAN_ZONES 15
#define AMGAN_LANDMARKS 468

typedef enum amgan_status {
    AMGAN_OK = 0,
    AMGAN_ERROR_ARGUMENT = 1, /* a null pointer, an invalid size or age */
    AMGAN_ERROR_BUNDLE = 2,   /* the bundle is missing, damaged, newer than the library, or inconsistent */
    AMGAN_ERROR_DEVICE = 3,   /* the device or precision is not available on this machine */
    AMGAN_ERROR_ENGINE = 4,   /* the network could not be loaded, or failed while it ran */
    AMGAN_ERROR_MEMORY = 5    /* there is not enough memory */
} amgan_status;

/* An opened bundle. */
typedef struct amgan amgan;

/* The properties of a handle, which owns the strings. Lengths are in px of the frame, ages in years. */
typedef struct amgan_info {
    const char *model;     /* name of the weights */
    const char *backend;   /* "OpenVINO", "AVX2", "TensorRT" or "TensorRT for RTX" */
    const char *device;    /* "cpu" or "cuda:N" */
    const char *precision; /* precision of the arithmetic: "f32", "bf16" or "f16" */
    int32_t min_side_px;   /* a frame's side is min_side_px to max_side_px, in steps of side_step_px */
    int32_t max_side_px;
    int32_t side_step_px;
    int32_t halo_px;        /* radius of the network's receptive field: see amgan_frame.margin_px */
    int32_t cell_px;        /* side of one cell of the network's aging map: see amgan_map */
    int32_t estimator_grid; /* rows and columns of the ages of amgan_estimate() */
    float min_age;          /* range of ages in zones; maps change by at most max_age - min_age */
    float max_age;
    float oldest_trained_age; /* older ages are clamped to this one */
    float neutral_age;        /* age outside the face in a zone map */
    int32_t patterns;         /* number of patterns of lines and folds: see amgan_age() */
} amgan_info;

/*
 * A canonical frame, 8-bit RGB: three bytes per pixel, red first. `pixels` points to its top left pixel.
 *
 * The network also reads halo_px pixels around the frame. If the frame is part of a larger picture in memory,
 * `margin_px` is the number of pixels that may be read on each of the four sides (also before `pixels`); more
 * than halo_px have no effect. Missing pixels are filled by repeating the edge.
 */
typedef struct amgan_frame {
    const uint8_t *pixels;
    ptrdiff_t stride_bytes;
    int32_t side_px;
    int32_t margin_px;
} amgan_frame;

/*
 * An aging map: years in every cell of the frame, in rows of 32-bit floats. For amgan_age() they are the years to
 * change, wanted minus present age, 0 for no change; for amgan_read_zones() they are ages.
 *
 * The frame is covered by side_cells x side_cells cells; `years` points to the top left one. A single cell applies to
 * the whole frame. side_px / cell_px is the network's own resolution and is used unchanged; any other number is
 * interpolated linearly. `margin_cells` more cells may be read on each of the four sides; the edge is repeated beyond
 * them.
 */
typedef struct amgan_map {
    const float *years;
    ptrdiff_t stride_bytes;
    int32_t side_cells;
    int32_t margin_cells;
} amgan_map;

/*
 * Wanted or present ages by zone, in years. years[z][0] is the zone on the person's right (on the left of an upright
 * picture), years[z][1] that on the person's left; zones that are not paired use [0] only, see
 * amgan_zone_is_paired(). NAN means the base age, which is the age of the rest of the face. `base` must be a number.
 */
typedef struct amgan_zone_ages {
    float base;
    float years[AMGAN_ZONES][2];
} amgan_zone_ages;

/* Version of the library, such as "0.1.0"; always the same pointer. */
AMGAN_API const char *amgan_version(void);

/* A short text for a status, such as "invalid argument"; never null. */
AMGAN_API const char *amgan_status_text(amgan_status status);

/*
 * The text of the last error in this thread; "" if there was none. Valid until this thread calls the library again.
 */
AMGAN_API const char *amgan_last_error(void);

/*
 * Open a bundle folder, validate it (schema and SHA-256 of every file) and load its generator.
 *
 * `device`: "auto" or null selects a GPU if bundle, library and machine support it, otherwise the CPU; "cpu", "cuda"
 * (the first GPU) and "cuda:N" select that device or fail. `precision`: null selects the fastest; "f32" and "bf16" on
 * the CPU, and "f32", "f16" and "bf16" on a GPU select that precision or fail. `*handle` is null after an error.
 * Takes one to two seconds. A handle on the CPU uses the cores of the calling thread's affinity.
 */
AMGAN_API amgan_status amgan_open(const char *folder, const char *device, const char *precision, amgan **handle);

/* Close a handle and free its memory. Null is allowed. */
AMGAN_API void amgan_close(amgan *handle);

/*
 * Get the properties of a handle. `info_bytes` is sizeof(amgan_info): a newer library writes only as many bytes, so
 * programs that were compiled with an older header keep working.
 */
AMGAN_API amgan_status amgan_get_info(const amgan *handle, amgan_info *info, size_t info_bytes);

/*
 * Age a frame by the years of a map, at most max_age - min_age in either direction.
 *
 * `landmarks`: the 468 points of the face, x and y interleaved, in units of the frame (0 to 1 across it,
 * y down).
 * With them only the skin inside the outline of the face changes, with a soft edge; eyes, open mouth and surroundings
 * keep their pixels, and less is computed. With null the face is assumed at the usual position in a canonical frame,
 * and the network's change is applied to the whole frame: less exact, and eyes and lips may change.
 * `pattern`: `patterns` mixing weights. Their sum is the strength of new lines: 1 as usual, 0 for none, at most 2.1.
 * With null they are those of amgan_choose_pattern() times amgan_line_strength(), or 0 where no age increases, as in
 * the Python package.
 * `out` receives side_px x side_px RGB pixels. It may be the frame's own memory (with the same stride), but must not
 * overlap it in any other way.
 */
AMGAN_API amgan_status amgan_age(amgan *handle, const amgan_frame *frame, const amgan_map *map,
                                 const double *landmarks, const float *pattern, uint8_t *out,
                                 ptrdiff_t out_stride_bytes);

/*
 * Age a frame by zones, as the Python package does. `landmarks` are required.
 *
 * `now`: the present ages, as from amgan_read_zones(); with null they are estimated from the frame. Where `ages` and
 * `now` agree, pixels do not change; from 6 years of difference on the change is complete. Ages of `ages` that equal
 * those of `now` may lie outside min_age to max_age. `pattern` as in amgan_age().
 */
AMGAN_API amgan_status amgan_age_zones(amgan *handle, const amgan_frame *frame, const double *landmarks,
                                       const amgan_zone_ages *ages, const amgan_zone_ages *now,
                                       const float *pattern, uint8_t *out, ptrdiff_t out_stride_bytes);

/*
 * Draw the aging map of a face with these ages, as the Python package does: side_cells x side_cells cells over the
 * frame and margin_cells more on each side. `years` points to the top left cell of the margin; side_cells is 16 to
 * 1024, margin_cells at most side_cells. Edges of zones are soft; outside the face the map has neutral_age.
 */
AMGAN_API amgan_status amgan_zone_map(const amgan *handle, const double *landmarks, const amgan_zone_ages *ages,
                                      int32_t side_cells, int32_t margin_cells, float *years,
                                      ptrdiff_t stride_bytes);

/*
 * The face coordinates of a frame, an input of the network: three planes of n x n floats, n = side_cells +
 * 2 margin_cells: u and v, -1 to 1 across the learnt atlas, and inside, 1 on the face and 0 far from it. Ranges of
 * side_cells and margin_cells as in amgan_zone_map(). Identical to the Python package.
 */
AMGAN_API amgan_status amgan_face_coordinates(const amgan *handle, const double *landmarks, int32_t side_cells,
                                              int32_t margin_cells, float *planes);

/* The pattern of a face by its proportions: `patterns` mixing weights with the sum 1. */
AMGAN_API amgan_status amgan_choose_pattern(const amgan *handle, const double *landmarks, float *weights);

/*
 * The strength of new lines that suits the skin of a face, 1 as usual: less on smooth and pale skin, more on rough
 * skin in hard light. The frame's margin is not read.
 */
AMGAN_API amgan_status amgan_line_strength(const amgan *handle, const amgan_frame *frame, const double *landmarks,
                                           float *strength);

/*
 * Estimate the apparent age in every cell of a frame: estimator_grid rows of estimator_grid ages in years.
 * Outside the face the ages are not meaningful (they tend to neutral_age). The frame's margin is not read.
 */
AMGAN_API amgan_status amgan_estimate(amgan *handle, const amgan_frame *frame, float *years,
                                      ptrdiff_t stride_bytes);

/*
 * Read the ages of zones from a map: the ages whose own map is closest by least squares. The map is usually that of
 * amgan_estimate(); a map of 128 or more cells across is assumed to be drawn and is read exactly. `landmarks` are
 * required. The map's ages may lie outside min_age to max_age, its margin is not read. Unused sides of zones become
 * NAN; without a face in the frame all ages are neutral_age.
 */
AMGAN_API amgan_status amgan_read_zones(const amgan *handle, const double *landmarks, const amgan_map *map,
                                        amgan_zone_ages *ages);

/* The age of a whole face: the mean of its zones, with the two sides of a zone averaged. Needs no handle. */
AMGAN_API amgan_status amgan_face_age(const amgan_zone_ages *ages, float *years);

/*
 * Move the ages `now` so that the whole face is `years` old; for "20 years older" pass amgan_face_age() + 20. A zone
 * keeps its offset from the whole face if the face gets older, and the share years / (age now) of it if the face gets
 * younger; an offset beyond 15 years shrinks by the length of the move, down to 15. Changed ages are clamped to
 * min_age to max_age. `ages` may be `now`.
 */
AMGAN_API amgan_status amgan_move_zones(const amgan *handle, const amgan_zone_ages *now, float years,
                                        amgan_zone_ages *ages);

/* The name of a zone, such as "forehead", for 0 <= zone < AMGAN_ZONES; otherwise null. */
AMGAN_API const char *amgan_zone_name(int32_t zone);

/* 1 for a zone that has a right and a left side, otherwise 0. */
AMGAN_API int32_t amgan_zone_is_paired(int32_t zone);

#ifdef __cplusplus
}
#endif

#endif
