/* Bicubic resampling of RGB bytes, bit-identical to OpenCV 5 on a CPU with FMA, in a third of its time.
 *
 * Weights are those of Keys (1981) with a = -0.75. A pixel is the sum over four rows of the sums over four
 * columns, each a chain of fused multiply-adds in float32, rounded to the nearest even byte at the end; so the
 * pixels are the same as those of cv2.remap with INTER_CUBIC and BORDER_REPLICATE. The three channels and one byte
 * of the next pixel share a register. Without FMA this module is not used (warp.py calls `usable`).
 *
 * Python computes all sizes; every buffer is checked against them here.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdint.h>
#include <string.h>

#include "_positions.h"

#if CAN_BE_FAST

typedef struct {
    const uint8_t *data;
    Py_ssize_t stride;
    int height, width;
} Source;

/* Floor of four positions, and the four weights of each. */
static inline FAST void weigh(const float *at, int32_t *floors, float (*weights)[4]) {
    const __m128 a = _mm_set1_ps(-0.75f), one = _mm_set1_ps(1.0f);
    __m128 position = _mm_max_ps(_mm_min_ps(_mm_loadu_ps(at), _mm_set1_ps(FARTHEST)), _mm_set1_ps(-FARTHEST));
    __m128 below = _mm_floor_ps(position), x = _mm_sub_ps(position, below), rest = _mm_sub_ps(one, x);
    __m128 xx = _mm_mul_ps(x, x);
    __m128 first = _mm_mul_ps(a, _mm_mul_ps(x, _mm_mul_ps(rest, rest)));
    __m128 second = _mm_fmadd_ps(_mm_fmadd_ps(_mm_set1_ps(1.25f), x, _mm_set1_ps(-2.25f)), xx, one);
    __m128 last = _mm_mul_ps(a, _mm_mul_ps(xx, rest));
    __m128 third = _mm_sub_ps(_mm_sub_ps(_mm_sub_ps(one, first), second), last);
    _mm_storeu_si128((__m128i *)floors, _mm_cvttps_epi32(below));
    _mm_storeu_ps(weights[0], first);
    _mm_storeu_ps(weights[1], second);
    _mm_storeu_ps(weights[2], third);
    _mm_storeu_ps(weights[3], last);
}

static inline int limited(int at, int length) { return at < 0 ? 0 : at >= length ? length - 1 : at; }

/* Four pixels of two rows, 12 of 16 bytes each, times weights: one row's sum in each half. */
static inline FAST __m256 two_rows(const uint8_t *upper, const uint8_t *lower, float (*across)[4], int k) {
    const __m256i one = _mm256_setr_epi8(0, -1, -1, -1, 1, -1, -1, -1, 2, -1, -1, -1, -1, -1, -1, -1, /* repeated */
                                         0, -1, -1, -1, 1, -1, -1, -1, 2, -1, -1, -1, -1, -1, -1, -1);
    const __m256i next = _mm256_set1_epi32(3);
    __m256i bytes = _mm256_inserti128_si256(_mm256_castsi128_si256(_mm_loadu_si128((const __m128i *)upper)),
                                            _mm_loadu_si128((const __m128i *)lower), 1);
    __m256i which = one;
    __m256 sum = _mm256_mul_ps(_mm256_cvtepi32_ps(_mm256_shuffle_epi8(bytes, which)), _mm256_set1_ps(across[0][k]));
#pragma GCC unroll 3
    for (int c = 1; c < 4; c++) {
        which = _mm256_add_epi32(which, next);
        sum = _mm256_fmadd_ps(_mm256_cvtepi32_ps(_mm256_shuffle_epi8(bytes, which)), _mm256_set1_ps(across[c][k]),
                              sum);
    }
    return sum;
}

/* A pixel whose 16 taps begin at ``at``; ``k`` is its index among four. */
static inline FAST void pixel(const uint8_t *at, Py_ssize_t stride, float (*across)[4], float (*down)[4], int k,
                              uint8_t *out) {
    __m256 upper = two_rows(at, at + stride, across, k);
    __m256 lower = two_rows(at + 2 * stride, at + 3 * stride, across, k);
    __m128 total = _mm_mul_ps(_mm256_castps256_ps128(upper), _mm_set1_ps(down[0][k]));
    total = _mm_fmadd_ps(_mm256_extractf128_ps(upper, 1), _mm_set1_ps(down[1][k]), total);
    total = _mm_fmadd_ps(_mm256_castps256_ps128(lower), _mm_set1_ps(down[2][k]), total);
    total = _mm_fmadd_ps(_mm256_extractf128_ps(lower, 1), _mm_set1_ps(down[3][k]), total);
    __m128i whole = _mm_cvtps_epi32(total);
    whole = _mm_packus_epi16(_mm_packs_epi32(whole, whole), whole);
    uint32_t word = (uint32_t)_mm_cvtsi128_si32(whole);
    memcpy(out, &word, 3);
}

/* The same for taps outside the picture, where its edge repeats. */
static FAST void edge_pixel(const Source *from, int x, int y, float (*across)[4], float (*down)[4], int k,
                            uint8_t *out) {
    uint8_t taps[4][16] = {{0}};
    for (int r = 0; r < 4; r++) {
        const uint8_t *line = from->data + limited(y - 1 + r, from->height) * from->stride;
        for (int c = 0; c < 4; c++) memcpy(taps[r] + 3 * c, line + 3 * limited(x - 1 + c, from->width), 3);
    }
    pixel(taps[0], 16, across, down, k, out);
}

/* Whether the taps of all four positions, and the bytes that are loaded with them, are inside the picture. */
static inline FAST int within(const Source *from, const int32_t *x, const int32_t *y) {
    __m128i column = _mm_loadu_si128((const __m128i *)x), line = _mm_loadu_si128((const __m128i *)y);
    const __m128i none = _mm_setzero_si128();
    __m128i in = _mm_and_si128(_mm_cmpgt_epi32(column, none), _mm_cmpgt_epi32(line, none));
    in = _mm_and_si128(in, _mm_cmpgt_epi32(_mm_set1_epi32(from->width - 4), column));
    in = _mm_and_si128(in, _mm_cmpgt_epi32(_mm_set1_epi32(from->height - 2), line));
    return _mm_movemask_epi8(in) == 0xFFFF;
}

/* Sample ``count`` pixels at positions (x, y), only where ``wanted`` is not 0 (NULL: all). */
static FAST void row(const Source *from, const float *x, const float *y, const uint8_t *wanted, int count,
                     uint8_t *out) {
    int32_t left[4], top[4];
    float across[4][4], down[4][4], rest_x[4] = {0}, rest_y[4] = {0};
    for (int first = 0; first < count; first += 4, out += 12) {
        int many = count - first < 4 ? count - first : 4, all = 0xF >> (4 - many), which = wanted ? 0 : all;
        for (int k = 0; wanted && k < many; k++) which |= (wanted[first + k] != 0) << k;
        if (!which) continue;
        const float *at_x = x + first, *at_y = y + first;
        if (many < 4) {
            memcpy(rest_x, at_x, sizeof(float) * (size_t)many);
            memcpy(rest_y, at_y, sizeof(float) * (size_t)many);
            at_x = rest_x;
            at_y = rest_y;
        }
        weigh(at_x, left, across);
        weigh(at_y, top, down);
        if (which == 0xF && within(from, left, top)) {
#pragma GCC unroll 4
            for (int k = 0; k < 4; k++)
                pixel(from->data + (top[k] - 1) * from->stride + (left[k] - 1) * 3, from->stride, across, down, k,
                      out + 3 * k);
            continue;
        }
        for (int k = 0; k < many; k++)
            if (which >> k & 1) edge_pixel(from, left[k], top[k], across, down, k, out + 3 * k);
    }
}

static void affine_rows(const Source *from, const double *along, const double *starts, int height, int width,
                        uint8_t *out, Py_ssize_t stride) {
    float x[CHUNK], y[CHUNK];
    for (int r = 0; r < height; r++)
        for (int c = 0; c < width; c += CHUNK) {
            int many = width - c < CHUNK ? width - c : CHUNK;
            to_steps(along + c, starts[r], many, x);
            to_steps(along + width + c, starts[height + r], many, y);
            row(from, x, y, NULL, many, out + r * stride + (Py_ssize_t)c * 3);
        }
}

static void remap_rows(const Source *from, const Py_buffer *x, const Py_buffer *y, const Py_buffer *wanted,
                       const Py_buffer *out) {
    for (Py_ssize_t r = 0; r < out->shape[0]; r++)
        row(from, (const float *)((const char *)x->buf + r * x->strides[0]),
            (const float *)((const char *)y->buf + r * y->strides[0]),
            wanted ? (const uint8_t *)wanted->buf + r * wanted->strides[0] : NULL, (int)out->shape[1],
            (uint8_t *)out->buf + r * out->strides[0]);
}
#else
typedef struct {
    const uint8_t *data;
    Py_ssize_t stride;
    int height, width;
} Source;

static void affine_rows(const Source *from, const double *along, const double *starts, int height, int width,
                        uint8_t *out, Py_ssize_t stride) {}

static void remap_rows(const Source *from, const Py_buffer *x, const Py_buffer *y, const Py_buffer *wanted,
                       const Py_buffer *out) {}
#endif

#include "../native/_arrays.h"

static Source source_of(const Py_buffer *view) {
    return (Source){view->buf, view->strides[0], (int)view->shape[0], (int)view->shape[1]};
}

static PyObject *affine(PyObject *module, PyObject *args) {
    PyObject *given[4];
    Views views = {.count = 0};
    Py_buffer *rgb, *along, *starts, *out;
    int fits = 0;
    if (!PyArg_ParseTuple(args, "OOOO", &given[0], &given[1], &given[2], &given[3])) return NULL;
    if ((rgb = take(&views, given[0], 3, 1, 0)) && (along = take(&views, given[1], 2, 8, 0)) &&
        (starts = take(&views, given[2], 2, 8, 0)) && (out = take(&views, given[3], 3, 1, 1))) {
        fits = usable() && lead_to(along, starts, out);
        if (fits) {
            Source from = source_of(rgb);
            Py_BEGIN_ALLOW_THREADS
            affine_rows(&from, along->buf, starts->buf, (int)out->shape[0], (int)out->shape[1], out->buf,
                        out->strides[0]);
            Py_END_ALLOW_THREADS
        }
    }
    return finish(&views, fits);
}

static PyObject *remap(PyObject *module, PyObject *args) {
    PyObject *given[5];
    Views views = {.count = 0};
    Py_buffer *rgb, *x, *y, *wanted, *out;
    int fits = 0;
    if (!PyArg_ParseTuple(args, "OOOOO", &given[0], &given[1], &given[2], &given[3], &given[4])) return NULL;
    if ((rgb = take(&views, given[0], 3, 1, 0)) && (x = take(&views, given[1], 2, 4, 0)) &&
        (y = take(&views, given[2], 2, 4, 0)) && (wanted = take(&views, given[3], 2, 1, 0)) &&
        (out = take(&views, given[4], 3, 1, 1))) {
        fits = usable() && alike(x, out) && alike(y, out) && alike(wanted, out);
        if (fits) {
            Source from = source_of(rgb);
            Py_BEGIN_ALLOW_THREADS
            remap_rows(&from, x, y, wanted, out);
            Py_END_ALLOW_THREADS
        }
    }
    return finish(&views, fits);
}

static PyObject *steps(PyObject *module, PyObject *args) {
    PyObject *given[3];
    Views views = {.count = 0};
    Py_buffer *along, *starts, *out;
    int fits = 0;
    if (!PyArg_ParseTuple(args, "OOO", &given[0], &given[1], &given[2])) return NULL;
    if ((along = take(&views, given[0], 1, 8, 0)) && (starts = take(&views, given[1], 1, 8, 0)) &&
        (out = take(&views, given[2], 2, 4, 1))) {
        fits = usable() && along->shape[0] == out->shape[1] && starts->shape[0] == out->shape[0];
        if (fits) {
            Py_BEGIN_ALLOW_THREADS
            for (Py_ssize_t r = 0; r < out->shape[0]; r++)
                to_steps(along->buf, ((const double *)starts->buf)[r], (int)out->shape[1],
                         (float *)((char *)out->buf + r * out->strides[0]));
            Py_END_ALLOW_THREADS
        }
    }
    return finish(&views, fits);
}

static PyMethodDef methods[] = {{"usable", can_use, METH_NOARGS, "See _resample.pyi."},
                                {"affine", affine, METH_VARARGS, "See _resample.pyi."},
                                {"remap", remap, METH_VARARGS, "See _resample.pyi."},
                                {"steps", steps, METH_VARARGS, "See _resample.pyi."},
                                {NULL, NULL, 0, NULL}};
static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "_resample", NULL, 0, methods, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__resample(void) { return PyModule_Create(&definition); }
