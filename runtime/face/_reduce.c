/* Reduction of RGB bytes by averaging, bit-identical to OpenCV's INTER_AREA, in a third of its time.
 *
 * `area` weights the pixels that an output pixel covers: in each row first, then over the rows, every product
 * rounded to float32 before it is added. `blocks` sums whole blocks of pixels as integers and multiplies once.
 * The three channels of a pixel share a register. Without AVX2 this module is not used (reduction.py calls
 * `usable`).
 *
 * Python computes all sizes; every buffer is checked against them here.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "_positions.h"
#include "../native/_arrays.h"

#if CAN_BE_FAST

#define LEAST_SHARE 1e-3 /* of a pixel; smaller shares are ignored, as in OpenCV */

/* The pixels that output pixel ``at`` covers in one axis: ``count`` from ``first`` on. */
typedef struct {
    int first, count;
    float before, whole, after; /* weights of the first, the middle and the last pixels */
} Cover;

static Cover cover(int at, double scale, int length) {
    double from = at * scale, to = from + scale, width = scale < length - from ? scale : length - from;
    int low = (int)ceil(from), high = (int)floor(to);
    if (high > length - 1) high = length - 1;
    if (low > high) low = high;
    Cover one = {low, high - low, 0.0f, (float)(1.0 / width), 0.0f};
    one.before = one.after = one.whole;
    if (low - from > LEAST_SHARE) {
        one.before = (float)((low - from) / width);
        one.first--;
        one.count++;
    }
    if (to - high > LEAST_SHARE) {
        double share = to - high < 1.0 ? to - high : 1.0;
        one.after = (float)((share < width ? share : width) / width);
        one.count++;
    }
    return one;
}

static inline float weight(const Cover *one, int k) {
    return k == 0 ? one->before : k == one->count - 1 ? one->after : one->whole;
}

/* Convert a row of bytes to floats, four per pixel. */
static UNFUSED void widen(const uint8_t *row, int width, float *out) {
    for (int x = 0; x < width - 1; x++, row += 3, out += 4) {
        int32_t word;
        memcpy(&word, row, 4);
        _mm_storeu_ps(out, _mm_cvtepi32_ps(_mm_cvtepu8_epi32(_mm_cvtsi32_si128(word))));
    }
    for (int c = 0; c < 3; c++) out[c] = row[c];
    out[3] = 0.0f;
}

static UNFUSED void average_row(const float *wide, const Cover *covers, int count, float *out) {
    for (int x = 0; x < count; x++, out += 4) {
        const Cover *one = covers + x;
        const float *at = wide + 4 * (Py_ssize_t)one->first;
        __m128 sum = _mm_mul_ps(_mm_loadu_ps(at), _mm_set1_ps(one->before)), whole = _mm_set1_ps(one->whole);
        for (int k = 1; k < one->count - 1; k++)
            sum = _mm_add_ps(sum, _mm_mul_ps(_mm_loadu_ps(at + 4 * k), whole));
        if (one->count > 1)
            sum = _mm_add_ps(sum, _mm_mul_ps(_mm_loadu_ps(at + 4 * (one->count - 1)), _mm_set1_ps(one->after)));
        _mm_storeu_ps(out, sum);
    }
}

static UNFUSED void add_row(const float *row, float share, int first, int count, float *sum) {
    if (first)
        for (int i = 0; i < count; i++) sum[i] = row[i] * share;
    else
        for (int i = 0; i < count; i++) sum[i] += row[i] * share;
}

static UNFUSED void to_bytes(const float *sum, int width, uint8_t *out) {
    for (int x = 0; x < width; x++, sum += 4, out += 3) {
        __m128i whole = _mm_cvtps_epi32(_mm_loadu_ps(sum));
        whole = _mm_packus_epi16(_mm_packs_epi32(whole, whole), whole);
        uint32_t word = (uint32_t)_mm_cvtsi128_si32(whole);
        memcpy(out, &word, 3);
    }
}

/* Returns 0 if memory is exhausted. */
static int area_rows(const Py_buffer *rgb, const Py_buffer *out) {
    int height = (int)rgb->shape[0], width = (int)rgb->shape[1];
    int rows = (int)out->shape[0], columns = (int)out->shape[1], row_at = -1;
    double down = 1.0 / ((double)rows / height), across = 1.0 / ((double)columns / width);
    Cover *covers = malloc(sizeof(Cover) * (size_t)columns);
    float *wide = malloc(sizeof(float) * 4 * ((size_t)width + 2 * (size_t)columns));
    int enough = covers && wide;
    if (enough) {
        float *row = wide + 4 * (size_t)width, *sum = row + 4 * (size_t)columns;
        for (int x = 0; x < columns; x++) covers[x] = cover(x, across, width);
        for (int y = 0; y < rows; y++) {
            Cover one = cover(y, down, height);
            for (int k = 0; k < one.count; k++) {
                if (row_at != one.first + k) {
                    row_at = one.first + k;
                    widen((const uint8_t *)rgb->buf + row_at * rgb->strides[0], width, wide);
                    average_row(wide, covers, columns, row);
                }
                add_row(row, weight(&one, k), k == 0, 4 * columns, sum);
            }
            to_bytes(sum, columns, (uint8_t *)out->buf + y * out->strides[0]);
        }
    }
    free(covers);
    free(wide);
    return enough;
}

/* Sums of ``factor`` rows of bytes; at most 255 of them, so that they fit. */
static UNFUSED void add_rows(const uint8_t *from, Py_ssize_t stride, int factor, int count, uint16_t *sum) {
    for (int i = 0; i < count; i++) sum[i] = from[i];
    for (int r = 1; r < factor; r++)
        for (int i = 0; i < count; i++) sum[i] = (uint16_t)(sum[i] + from[r * stride + i]);
}

static UNFUSED void average_blocks(const uint16_t *sum, int factor, int count, uint8_t *out) {
    const __m128 share = _mm_set1_ps(1.0f / (float)(factor * factor));
    for (int x = 0; x < count; x++, out += 3) {
        __m128i total = _mm_setzero_si128();
        for (int k = 0; k < factor; k++, sum += 3)
            total = _mm_add_epi32(total, _mm_cvtepu16_epi32(_mm_loadl_epi64((const __m128i *)sum)));
        __m128i whole = _mm_cvtps_epi32(_mm_mul_ps(_mm_cvtepi32_ps(total), share));
        whole = _mm_packus_epi16(_mm_packs_epi32(whole, whole), whole);
        uint32_t word = (uint32_t)_mm_cvtsi128_si32(whole);
        memcpy(out, &word, 3);
    }
}

static int block_rows(const Py_buffer *rgb, const Py_buffer *out) {
    int factor = (int)(rgb->shape[0] / out->shape[0]), columns = (int)out->shape[1], count = columns * factor * 3;
    uint16_t *sum = malloc(sizeof(uint16_t) * ((size_t)count + 1));
    if (!sum) return 0;
    sum[count] = 0; /* loaded with the last pixel, but not used */
    for (Py_ssize_t y = 0; y < out->shape[0]; y++) {
        add_rows((const uint8_t *)rgb->buf + y * factor * rgb->strides[0], rgb->strides[0], factor, count, sum);
        average_blocks(sum, factor, columns, (uint8_t *)out->buf + y * out->strides[0]);
    }
    free(sum);
    return 1;
}
#else
static int area_rows(const Py_buffer *rgb, const Py_buffer *out) { return 1; }

static int block_rows(const Py_buffer *rgb, const Py_buffer *out) { return 1; }
#endif

static int is_smaller(const Py_buffer *rgb, const Py_buffer *out) {
    return out->shape[0] <= rgb->shape[0] && out->shape[1] <= rgb->shape[1];
}

static int has_whole_blocks(const Py_buffer *rgb, const Py_buffer *out) {
    Py_ssize_t factor = rgb->shape[0] / out->shape[0];
    return factor >= 1 && factor <= 255 && rgb->shape[0] == factor * out->shape[0] &&
           rgb->shape[1] == factor * out->shape[1];
}

typedef int (*Pictures)(const Py_buffer *rgb, const Py_buffer *out);

/* Both reductions: fit says whether the sizes do, reduce is 0 when memory is short. */
static PyObject *reduced(PyObject *args, Pictures fit, Pictures reduce) {
    PyObject *given[2];
    Views views = {.count = 0};
    Py_buffer *rgb, *out;
    int fits = 0, enough = 1;
    if (!PyArg_ParseTuple(args, "OO", &given[0], &given[1])) return NULL;
    if ((rgb = take(&views, given[0], 3, 1, 0)) && (out = take(&views, given[1], 3, 1, 1))) {
        fits = usable() && fit(rgb, out);
        if (fits) {
            Py_BEGIN_ALLOW_THREADS
            enough = reduce(rgb, out);
            Py_END_ALLOW_THREADS
        }
    }
    if (!enough) PyErr_NoMemory();
    return finish(&views, fits);
}

static PyObject *area(PyObject *module, PyObject *args) { return reduced(args, is_smaller, area_rows); }

static PyObject *blocks(PyObject *module, PyObject *args) { return reduced(args, has_whole_blocks, block_rows); }

static PyMethodDef methods[] = {{"usable", can_use, METH_NOARGS, "See _reduce.pyi."},
                                {"area", area, METH_VARARGS, "See _reduce.pyi."},
                                {"blocks", blocks, METH_VARARGS, "See _reduce.pyi."},
                                {NULL, NULL, 0, NULL}};
static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "_reduce", NULL, 0, methods, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__reduce(void) { return PyModule_Create(&definition); }
