/* Per-pixel operations of pasting a face in one pass, bit-identical to OpenCV 5 on a CPU with FMA.
 *
 * The change of a frame is weighted by exposure, strength and mask; samples of it are added to the photo's bytes; a
 * coarse grid of displacements is interpolated to source positions. Sums are computed in OpenCV's order: a chain of
 * fused multiply-adds over four values of four channels, a sum of products for two channels. Without FMA this module is
 * not used (paste.py calls `usable`).
 *
 * Python computes all sizes; every buffer is checked against them here.
 */
#define PY_SSIZE_T_CLEAN
#define LARGEST_GRID 4096
#include <Python.h>
#include <stdint.h>
#include <string.h>

#include "_positions.h"

#if CAN_BE_FAST
static inline uint8_t most(uint8_t a, uint8_t b) { return a > b ? a : b; }
static inline uint8_t least(uint8_t a, uint8_t b) { return a < b ? a : b; }

/* One row: (after - before) * exposure * strength * mask, and the mask. */
static UNFUSED void change_row(const uint8_t *before, const uint8_t *after, const float *mask, const float *bright,
                            const float *dark, float strength, int count, float *out) {
    for (int i = 0; i < count; i++, before += 3, after += 3, out += 4) {
        uint8_t low = least(before[0], before[1]), high = most(before[0], before[1]);
        uint8_t middle = most(low, least(high, before[2])), largest = most(high, before[2]);
        float weight = bright[middle] * dark[largest];
        for (int c = 0; c < 3; c++) out[c] = (float)(after[c] - before[c]) * weight * strength * mask[i];
        out[3] = mask[i];
    }
}

/* Four channels at (column, row) of a picture, 0 outside it. */
static inline FAST __m128 four_at(const Py_buffer *from, int column, int row) {
    if (row < 0 || column < 0 || row >= from->shape[0] || column >= from->shape[1]) return _mm_setzero_ps();
    return _mm_loadu_ps((const float *)((const char *)from->buf + row * from->strides[0]) + 4 * (Py_ssize_t)column);
}

static inline UNFUSED float within_reach(float at) {
    return at < -FARTHEST ? -FARTHEST : at > FARTHEST ? FARTHEST : at;
}

static inline FAST __m128 between(__m128 one, __m128 other, __m128 share) {
    return _mm_fmadd_ps(share, _mm_sub_ps(other, one), one);
}

/* The bilinear sample of ``from`` at a position. */
static inline FAST __m128 sample(const Py_buffer *from, float x, float y) {
    float left = __builtin_floorf(x), upper = __builtin_floorf(y);
    int column = (int)left, row = (int)upper;
    __m128 corner[4];
    if (column >= 0 && row >= 0 && column + 1 < from->shape[1] && row + 1 < from->shape[0]) {
        const char *at = (const char *)from->buf + row * from->strides[0] + (Py_ssize_t)column * 16;
        for (int k = 0; k < 2; k++) {
            corner[k] = _mm_loadu_ps((const float *)at + 4 * k);
            corner[2 + k] = _mm_loadu_ps((const float *)(at + from->strides[0]) + 4 * k);
        }
    } else {
        for (int k = 0; k < 4; k++) corner[k] = four_at(from, column + (k & 1), row + (k >> 1));
    }
    __m128 share = _mm_set1_ps(x - left);
    return between(between(corner[0], corner[1], share), between(corner[2], corner[3], share),
                   _mm_set1_ps(y - upper));
}

/* Add samples of ``from``, float32 [H, W, 4], to ``count`` pixels where the fourth channel is above 0. */
static FAST void add_row(const Py_buffer *from, const float *x, const float *y, int count, uint8_t *to) {
    for (int c = 0; c < count; c++, to += 3) {
        __m128 sum = sample(from, within_reach(x[c]), within_reach(y[c]));
        if (!(_mm_movemask_ps(_mm_cmpgt_ps(sum, _mm_setzero_ps())) & 8)) continue;
        uint32_t word = (uint32_t)to[0] | (uint32_t)to[1] << 8 | (uint32_t)to[2] << 16;
        __m128i total = _mm_add_epi32(_mm_cvtepu8_epi32(_mm_cvtsi32_si128((int)word)), _mm_cvtps_epi32(sum));
        total = _mm_packus_epi16(_mm_packs_epi32(total, total), total);
        word = (uint32_t)_mm_cvtsi128_si32(total);
        memcpy(to, &word, 3);
    }
}

/* Eight samples of one channel of ``from`` [n, n, 2], whose corners begin at ``index``, with weights ``share``. */
static inline UNFUSED __m256 sample_eight(const float *from, int side, __m256i index, const __m256 *share) {
    const int apart[4] = {0, 2, 2 * side, 2 * side + 2};
    __m256 sum = _mm256_mul_ps(_mm256_i32gather_ps(from, index, 4), share[0]);
    for (int k = 1; k < 4; k++)
        sum = _mm256_add_ps(sum, _mm256_mul_ps(_mm256_i32gather_ps(from + apart[k], index, 4), share[k]));
    return sum;
}

/* Floor of eight positions, clamped to the grid, and the fractions. */
static inline UNFUSED __m256i floors(const float *at, int side, __m256 *rest) {
    __m256 position = _mm256_loadu_ps(at), below = _mm256_floor_ps(position);
    *rest = _mm256_sub_ps(position, below);
    below = _mm256_max_ps(_mm256_min_ps(below, _mm256_set1_ps((float)(side - 4))), _mm256_set1_ps(-2.0f));
    return _mm256_add_epi32(_mm256_cvttps_epi32(below), _mm256_set1_epi32(2));
}

/* Source positions of pixels, and which of them move by ``least_px`` or more; x and y are padded to multiples of 8. */
static UNFUSED void place_row(const float *moves, int side, const float *x, const float *y, int left, int top,
                              float least_px, int count, float *across, float *down, uint8_t *wanted) {
    const __m256 one = _mm256_set1_ps(1.0f), sign = _mm256_set1_ps(-0.0f), limit = _mm256_set1_ps(least_px);
    const __m256 first = _mm256_setr_ps(0, 1, 2, 3, 4, 5, 6, 7);
    for (int c = 0; c < count; c += 8) {
        __m256 right, lower, moved[2];
        __m256i column = floors(x + c, side, &right), row = floors(y + c, side, &lower);
        __m256i index = _mm256_add_epi32(_mm256_mullo_epi32(row, _mm256_set1_epi32(side)), column);
        __m256 nearer = _mm256_sub_ps(one, right), upper = _mm256_sub_ps(one, lower);
        __m256 share[4] = {_mm256_mul_ps(nearer, upper), _mm256_mul_ps(right, upper), _mm256_mul_ps(nearer, lower),
                           _mm256_mul_ps(right, lower)};
        index = _mm256_slli_epi32(index, 1);
        for (int i = 0; i < 2; i++) moved[i] = sample_eight(moves + i, side, index, share);
        __m256 most_moved = _mm256_max_ps(_mm256_andnot_ps(sign, moved[0]), _mm256_andnot_ps(sign, moved[1]));
        int moving = _mm256_movemask_ps(_mm256_cmp_ps(most_moved, limit, _CMP_GE_OQ));
        __m256 columns = _mm256_add_ps(_mm256_set1_ps((float)(left + c)), first);
        float from_x[8], from_y[8];
        _mm256_storeu_ps(from_x, _mm256_sub_ps(columns, moved[0]));
        _mm256_storeu_ps(from_y, _mm256_sub_ps(_mm256_set1_ps((float)top), moved[1]));
        int many = count - c < 8 ? count - c : 8;
        memcpy(across + c, from_x, sizeof(float) * (size_t)many);
        memcpy(down + c, from_y, sizeof(float) * (size_t)many);
        for (int k = 0; k < many; k++) wanted[c + k] = moving >> k & 1;
    }
}
#else
static void change_row(const uint8_t *before, const uint8_t *after, const float *mask, const float *bright,
                       const float *dark, float strength, int count, float *out) {}

static void add_row(const Py_buffer *from, const float *x, const float *y, int count, uint8_t *to) {}

static void place_row(const float *moves, int side, const float *x, const float *y, int left, int top,
                      float least_px, int count, float *across, float *down, uint8_t *wanted) {}

#define CHUNK 512
#endif

static void add_rows(const Py_buffer *from, const double *along, const double *starts, const Py_buffer *out) {
    int height = (int)out->shape[0], width = (int)out->shape[1];
    float x[CHUNK], y[CHUNK];
    for (int r = 0; r < height; r++)
        for (int c = 0; c < width; c += CHUNK) {
            int many = width - c < CHUNK ? width - c : CHUNK;
            to_steps(along + c, starts[r], many, x);
            to_steps(along + width + c, starts[height + r], many, y);
            add_row(from, x, y, many, (uint8_t *)out->buf + r * out->strides[0] + (Py_ssize_t)c * 3);
        }
}

static void place_rows(const Py_buffer *moves, const double *along, const double *starts, int left, int top,
                       float least_px, const Py_buffer *across, const Py_buffer *down, const Py_buffer *wanted) {
    int height = (int)across->shape[0], width = (int)across->shape[1];
    float x[CHUNK] = {0}, y[CHUNK] = {0};
    for (int r = 0; r < height; r++)
        for (int c = 0; c < width; c += CHUNK) {
            int many = width - c < CHUNK ? width - c : CHUNK;
            to_steps(along + c, starts[r], many, x);
            to_steps(along + width + c, starts[height + r], many, y);
            place_row(moves->buf, (int)moves->shape[1], x, y, left + c, top + r, least_px, many,
                      (float *)((char *)across->buf + r * across->strides[0]) + c,
                      (float *)((char *)down->buf + r * down->strides[0]) + c,
                      (uint8_t *)wanted->buf + r * wanted->strides[0] + c);
        }
}

#include "../native/_arrays.h"

static PyObject *change(PyObject *module, PyObject *args) {
    PyObject *given[6];
    float strength;
    Views views = {.count = 0};
    Py_buffer *before, *after, *mask, *bright, *dark, *out;
    int fits = 0;
    if (!PyArg_ParseTuple(args, "OOOOOfO", &given[0], &given[1], &given[2], &given[3], &given[4], &strength,
                          &given[5]))
        return NULL;
    if ((before = take(&views, given[0], 3, 1, 0)) && (after = take(&views, given[1], 3, 1, 0)) &&
        (mask = take(&views, given[2], 2, 4, 0)) && (bright = take(&views, given[3], 1, 4, 0)) &&
        (dark = take(&views, given[4], 1, 4, 0)) && (out = take_of(&views, given[5], 3, 4, 4, 1))) {
        fits = usable() && bright->shape[0] == 256 && dark->shape[0] == 256 && alike(before, after) &&
               alike(before, mask) && alike(before, out);
        if (fits) {
            Py_BEGIN_ALLOW_THREADS
            for (Py_ssize_t r = 0; r < out->shape[0]; r++)
                change_row((const uint8_t *)before->buf + r * before->strides[0],
                           (const uint8_t *)after->buf + r * after->strides[0],
                           (const float *)((const char *)mask->buf + r * mask->strides[0]), bright->buf, dark->buf,
                           strength, (int)out->shape[1], (float *)((char *)out->buf + r * out->strides[0]));
            Py_END_ALLOW_THREADS
        }
    }
    return finish(&views, fits);
}

static PyObject *add(PyObject *module, PyObject *args) {
    PyObject *given[4];
    Views views = {.count = 0};
    Py_buffer *from, *along, *starts, *out;
    int fits = 0;
    if (!PyArg_ParseTuple(args, "OOOO", &given[0], &given[1], &given[2], &given[3])) return NULL;
    if ((from = take_of(&views, given[0], 3, 4, 4, 0)) && (along = take(&views, given[1], 2, 8, 0)) &&
        (starts = take(&views, given[2], 2, 8, 0)) && (out = take(&views, given[3], 3, 1, 1))) {
        fits = usable() && lead_to(along, starts, out);
        if (fits) {
            Py_BEGIN_ALLOW_THREADS
            add_rows(from, along->buf, starts->buf, out);
            Py_END_ALLOW_THREADS
        }
    }
    return finish(&views, fits);
}

static PyObject *places(PyObject *module, PyObject *args) {
    PyObject *given[6];
    int left, top;
    float least_px;
    Views views = {.count = 0};
    Py_buffer *moves, *along, *starts, *x, *y, *wanted;
    int fits = 0;
    if (!PyArg_ParseTuple(args, "OOOiifOOO", &given[0], &given[1], &given[2], &left, &top, &least_px, &given[3],
                          &given[4], &given[5]))
        return NULL;
    if ((moves = take_of(&views, given[0], 3, 2, 4, 0)) && (along = take(&views, given[1], 2, 8, 0)) &&
        (starts = take(&views, given[2], 2, 8, 0)) && (x = take(&views, given[3], 2, 4, 1)) &&
        (y = take(&views, given[4], 2, 4, 1)) && (wanted = take(&views, given[5], 2, 1, 1))) {
        fits = usable() && lead_to(along, starts, x) && alike(x, y) && alike(x, wanted) &&
               moves->shape[0] == moves->shape[1] && moves->shape[1] >= 5 &&
               moves->shape[1] <= LARGEST_GRID && moves->strides[0] == moves->shape[1] * 8;
        if (fits) {
            Py_BEGIN_ALLOW_THREADS
            place_rows(moves, along->buf, starts->buf, left, top, least_px, x, y, wanted);
            Py_END_ALLOW_THREADS
        }
    }
    return finish(&views, fits);
}

static PyMethodDef methods[] = {{"usable", can_use, METH_NOARGS, "See _paste.pyi."},
                                {"change", change, METH_VARARGS, "See _paste.pyi."},
                                {"add", add, METH_VARARGS, "See _paste.pyi."},
                                {"places", places, METH_VARARGS, "See _paste.pyi."},
                                {NULL, NULL, 0, NULL}};
static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "_paste", NULL, 0, methods, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__paste(void) { return PyModule_Create(&definition); }
