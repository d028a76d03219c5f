/*
 * amgan.h - age a picture of a face from C.
 *
 * Plain C11 (and C++), no dependency. One handle stands for one opened bundle, the folder that `amgan export`
 * writes. The library works on canonical frames: square, upright RGB pictures of one face, eyes level, as
 * `amgan` cuts them out of photos. It finds no faces.
 *
 * Functions never throw, print, abort or keep a pointer that they are given. Each returns a status; after
 * anything but AMGAN_OK nothing was written to the caller's pictures and maps, and amgan_last_error() says in
 * one sentence what was wrong and what helps.
 *
 * Threads: every function may be called from any thread at any time, also several at once with one handle.
 * The exception is amgan_close(), which must come after all other calls with that handle have returned.
 * Error texts belong to the thread that got them. Do not use handles in a child made by fork().
 *
 * Memory: all pictures and maps are the caller's. Strides are in bytes, from a row to the next one below it;
 * they may be longer than a row, or negative for pictures that lie upside down in memory. Rows of floats and
 * doubles must be aligned as those are. What a handle owns is freed by amgan_close().
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

/* Zones of the face with an age of their own, and points of the face mesh (MediaPipe's numbering). */
#define AMGAN_ZONES 15
#define AMGAN_LANDMARKS 468

typedef enum amgan_status {
    AMGAN_OK = 0,
    AMGAN_ERROR_ARGUMENT = 1, /* a null pointer, a size or an age that makes no sense */
    AMGAN_ERROR_BUNDLE = 2,   /* the bundle is missing, damaged, newer than the library, or breaks its contract */
    AMGAN_ERROR_DEVICE = 3,   /* the device or precision cannot be had on this machine */
    AMGAN_ERROR_ENGINE = 4,   /* the network could not be loaded, or failed while it ran */
    AMGAN_ERROR_MEMORY = 5    /* there is not enough memory */
} amgan_status;

/* An opened bundle. */
typedef struct amgan amgan;

/* What a handle is and takes. Strings belong to the handle. Lengths in px of the frame, ages in years. */
typedef struct amgan_info {
    const char *model;     /* name of the weights */
    const char *backend;   /* "OpenVINO", "TensorRT" or "TensorRT for RTX" */
    const char *device;    /* "cpu" or "cuda:N" */
    const char *precision; /* "f32", "bf16" or "f16": what the arithmetic is in */
    int32_t min_side_px;   /* a frame's side is min_side_px to max_side_px, in steps of side_step_px */
    int32_t max_side_px;
    int32_t side_step_px;
    int32_t halo_px;        /* how far around a pixel the network looks: see amgan_frame.margin_px */
    int32_t cell_px;        /* side of one cell of the network's aging map: see amgan_map */
    int32_t estimator_grid; /* amgan_estimate() gives so many rows of so many ages */
    float min_age;          /* the ages that maps and zones may ask for */
    float max_age;
    float oldest_trained_age; /* older ages are taken for this one */
    float neutral_age;        /* age of everything in a zone map that is no face */
} amgan_info;

/*
 * A canonical frame, 8-bit RGB: three bytes a pixel, red first. `pixels` is its top left pixel.
 *
 * The network looks halo_px beyond the frame. Where the frame is part of a larger picture in memory, let
 * `margin_px` say how many pixels of it may be read on each of the four sides (also before `pixels`); more
 * than halo_px make no difference. What is missing is filled by repeating the edge.
 */
typedef struct amgan_frame {
    const uint8_t *pixels;
    ptrdiff_t stride_bytes;
    int32_t side_px;
    int32_t margin_px;
} amgan_frame;

/*
 * An aging map: the age in years wanted at every place of the frame, in rows of 32-bit floats.
 *
 * The frame is covered by side_cells x side_cells cells; `years` is the top left one. One cell asks for the same
 * age everywhere. side_px / cell_px cells are what the network works with and are taken as they are; any other
 * number is interpolated linearly. `margin_cells` cells more may be read on each of the four sides; what lies
 * farther out is repeated.
 */
typedef struct amgan_map {
    const float *years;
    ptrdiff_t stride_bytes;
    int32_t side_cells;
    int32_t margin_cells;
} amgan_map;

/*
 * Ages by zone, in years: those wanted, or those that a face shows. years[z][0] is the zone on the person's right (in an upright picture on its left
 * side), years[z][1] that on the person's left; zones that are not paired use [0] only, see
 * amgan_zone_is_paired(). NAN stands for the base age, which the rest of the face has. The base age is a number.
 */
typedef struct amgan_zone_ages {
    float base;
    float years[AMGAN_ZONES][2];
} amgan_zone_ages;

/* Version of the library, such as "0.1.0"; always the same pointer. */
AMGAN_API const char *amgan_version(void);

/* A few words for a status, such as "invalid argument"; never null. */
AMGAN_API const char *amgan_status_text(amgan_status status);

/*
 * What went wrong in the last call of this thread that failed; "" if none has. Valid until this thread calls the
 * library again.
 */
AMGAN_API const char *amgan_last_error(void);

/*
 * Open a bundle folder, check all of it (schema and SHA-256 of every file) and load its generator.
 *
 * `device`: "auto" or null takes a GPU where bundle, library and machine have what it takes, otherwise the CPU;
 * "cpu", "cuda" (the first GPU) and "cuda:N" take that or fail. `precision`: null takes what is fastest; "f32" and
 * "bf16" on the CPU, "f32", "f16" and "bf16" on a GPU take that or fail. `*handle` is set to null unless all went
 * well. Takes a second or two. A handle on the CPU uses the cores that the calling thread may use.
 */
AMGAN_API amgan_status amgan_open(const char *folder, const char *device, const char *precision, amgan **handle);

/* Close a handle and free what it owns. Null is allowed. */
AMGAN_API void amgan_close(amgan *handle);

/*
 * Fill in what a handle is and takes. `info_bytes` is sizeof(amgan_info): a program compiled with an older header
 * keeps working with a newer library, which fills in no more than that.
 */
AMGAN_API amgan_status amgan_get_info(const amgan *handle, amgan_info *info, size_t info_bytes);

/*
 * Age a frame as a map asks for.
 *
 * `landmarks`: the 468 points of the face, x and y in turn, in units of the frame (0 to 1 across it, y down). Only
 * the skin inside them is changed then, fading out at the outline of the face; eyes, open mouth and surroundings
 * keep their pixels, and less is computed. With null the network decides alone, over the whole frame.
 * `out` receives side_px x side_px RGB pixels. It may be the frame's own memory (with the same stride), and must not
 * overlap it otherwise.
 */
AMGAN_API amgan_status amgan_age(amgan *handle, const amgan_frame *frame, const amgan_map *map,
                                 const double *landmarks, uint8_t *out, ptrdiff_t out_stride_bytes);

/*
 * Age a frame zone by zone: amgan_age() with the map that amgan_zone_map() makes. `landmarks` are needed.
 *
 * `now`: the ages that the face shows, as amgan_read_zones() gives them. With them, what is not asked to change keeps
 * its pixels: no change where the two ages agree, the whole of it from 6 years apart. That is what the Python package
 * does; an age of `ages` that is the one of `now` may then lie outside min_age to max_age. With null all of the skin
 * is as old as `ages` say.
 */
AMGAN_API amgan_status amgan_age_zones(amgan *handle, const amgan_frame *frame, const double *landmarks,
                                       const amgan_zone_ages *ages, const amgan_zone_ages *now, uint8_t *out,
                                       ptrdiff_t out_stride_bytes);

/*
 * The aging map of a face with these ages, as the Python package draws it: side_cells x side_cells cells over the
 * frame and margin_cells more on each side. `years` is the top left cell of the margin; side_cells is 16 to 1024,
 * margin_cells at most side_cells. Edges of zones are soft, and outside the face the map is neutral.
 */
AMGAN_API amgan_status amgan_zone_map(const amgan *handle, const double *landmarks, const amgan_zone_ages *ages,
                                      int32_t side_cells, int32_t margin_cells, float *years,
                                      ptrdiff_t stride_bytes);

/*
 * How old every place of a frame looks: estimator_grid rows of as many ages in years, over the frame. Where there is
 * no face the ages mean little (they tend to neutral_age). The frame's margin is not read.
 */
AMGAN_API amgan_status amgan_estimate(amgan *handle, const amgan_frame *frame, float *years,
                                      ptrdiff_t stride_bytes);

/*
 * The ages that a map of a frame shows, zone by zone: those whose own map comes closest to it. It takes what
 * amgan_estimate() gives; a map of 128 cells or more across is taken for one that was drawn and is read exactly.
 * `landmarks` are needed. The map's ages may lie outside min_age to max_age, its margin is not read. Sides that a zone
 * does not have become NAN; without a face in the frame all ages are neutral_age.
 */
AMGAN_API amgan_status amgan_read_zones(const amgan *handle, const double *landmarks, const amgan_map *map,
                                        amgan_zone_ages *ages);

/* How old a face with these ages looks as a whole: the mean of its zones, two sides as one. Needs no handle. */
AMGAN_API amgan_status amgan_face_age(const amgan_zone_ages *ages, float *years);

/*
 * The ages to ask for so that a face of the ages `now` looks `years` old as a whole; for "20 years older" give
 * amgan_face_age() + 20. A zone that looks older or younger than the whole face keeps that offset where the face
 * grows older, and the share years / (age now) of it where it grows younger; at most 15 years are left once the face
 * has moved by what is more. Ages that move are kept within min_age to max_age. `ages` may be `now`.
 */
AMGAN_API amgan_status amgan_move_zones(const amgan *handle, const amgan_zone_ages *now, float years,
                                        amgan_zone_ages *ages);

/* Name of a zone, such as "forehead", for 0 <= zone < AMGAN_ZONES; otherwise null. */
AMGAN_API const char *amgan_zone_name(int32_t zone);

/* 1 for a zone that has a right and a left side, otherwise 0. */
AMGAN_API int32_t amgan_zone_is_paired(int32_t zone);

#ifdef __cplusplus
}
#endif

#endif
