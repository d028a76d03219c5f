/* A polygon with soft edges: the weights that soft_polygon.py computes, in one pass.
 *
 * Coverage, both passes of the blur and their sums are whole numbers that float32 represents exactly, so that the
 * order of additions does not matter; crossings are computed in float64, with the operations in NumPy's order.
 * Python has computed all sizes; every buffer is checked against them here.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "_positions.h"

#define LINES 4     /* scan lines per cell */
#define STEPS 256   /* of a crossing in a cell */
#define FULL (LINES * STEPS)
#define SUM 16384   /* of the kernel */
#define LARGEST 8192 /* cells of a side */

#if CAN_BE_FAST
static inline double limited(double value, double most) { return value < 0.0 ? 0.0 : value > most ? most : value; }

/* Add the turns of one side of the polygon, from (x, y) to (to_x, to_y), to counts [height, width + 2]. */
static UNFUSED void add_side(double x, double y, double to_x, double to_y, int width, int height, int32_t *counts) {
    double upper = y < to_y ? y : to_y, lower = y < to_y ? to_y : y;
    int first = (int)limited(ceil(upper * LINES - 0.5), (double)LINES * height);
    int end = (int)limited(ceil(lower * LINES - 0.5), (double)LINES * height);
    int sign = to_y > y ? 1 : -1;
    for (int line = first; line < end; line++) {
        double down = (line + 0.5) / LINES - y;
        double across = (to_x - x) / (to_y - y) * down + x;
        int steps = (int)floor(limited(across, width) * STEPS + 0.5), rest = steps % STEPS;
        int32_t *at = counts + (size_t)(line / LINES) * (size_t)(width + 2) + steps / STEPS;
        at[0] += sign * (STEPS - rest);
        at[1] += sign * rest;
    }
}

/* Coverage of the cells of a row, 0 to FULL, from its turns. */
static void cover_row(const int32_t *turns, int width, float *out) {
    int32_t winding = 0;
    for (int c = 0; c < width; c++) {
        winding += turns[c];
        int32_t much = winding < 0 ? -winding : winding;
        out[c] = (float)(much < FULL ? much : FULL);
    }
}

/* Sums of ``taps`` rows or shifted rows, ``apart`` apart, times the kernel. */
static UNFUSED void blur_row(const float *from, Py_ssize_t apart, const float *kernel, int taps, int count,
                             float *out) {
    int c = 0;
    for (; c + 32 <= count; c += 32) { /* four sums at a time: each addition waits for the one before */
        __m256 totals[4] = {_mm256_setzero_ps(), _mm256_setzero_ps(), _mm256_setzero_ps(), _mm256_setzero_ps()};
        for (int k = 0; k < taps; k++) {
            __m256 weight = _mm256_set1_ps(kernel[k]);
            for (int i = 0; i < 4; i++) {
                __m256 some = _mm256_loadu_ps(from + c + 8 * i + k * apart);
                totals[i] = _mm256_add_ps(totals[i], _mm256_mul_ps(some, weight));
            }
        }
        for (int i = 0; i < 4; i++) _mm256_storeu_ps(out + c + 8 * i, totals[i]);
    }
    for (; c + 8 <= count; c += 8) {
        __m256 total = _mm256_setzero_ps();
        for (int k = 0; k < taps; k++)
            total = _mm256_add_ps(total, _mm256_mul_ps(_mm256_loadu_ps(from + c + k * apart), _mm256_set1_ps(kernel[k])));
        _mm256_storeu_ps(out + c, total);
    }
    for (; c < count; c++) {
        out[c] = 0.0f;
        for (int k = 0; k < taps; k++) out[c] += from[c + k * apart] * kernel[k];
    }
}

/* The weights of a polygon whose canvas is wider and higher than ``out`` by the reach of the kernel on every side;
 * ``room`` holds counts and two rows, and the rows between both passes. */
static void draw_polygon(const double *corners, int count, const float *kernel, int taps, const Py_buffer *out,
                         int32_t *counts, float *covered, float *between) {
    int inner = (int)out->shape[1], width = inner + taps - 1, height = (int)out->shape[0] + taps - 1;
    for (int i = 0; i < count; i++) {
        const double *from = corners + 2 * i, *to = corners + 2 * ((i + 1) % count);
        add_side(from[0], from[1], to[0], to[1], width, height, counts);
    }
    for (int r = 0; r < height; r++) {
        float *row = between + (size_t)r * (size_t)inner;
        cover_row(counts + (size_t)r * (size_t)(width + 2), width, covered);
        blur_row(covered, 1, kernel, taps, inner, row);
        for (int c = 0; c < inner; c++) row[c] = (float)(((int32_t)row[c] + SUM / 2) / SUM);
    }
    for (Py_ssize_t r = 0; r < out->shape[0]; r++) {
        float *row = (float *)((char *)out->buf + r * out->strides[0]);
        blur_row(between + (size_t)r * (size_t)inner, inner, kernel, taps, inner, row);
        for (int c = 0; c < inner; c++) row[c] *= 1.0f / ((float)FULL * SUM);
    }
}
#else
static void draw_polygon(const double *corners, int count, const float *kernel, int taps, const Py_buffer *out,
                         int32_t *counts, float *covered, float *between) {}
#endif

#include "../native/_arrays.h"

static int are_finite(const double *numbers, Py_ssize_t count) {
    for (Py_ssize_t i = 0; i < count; i++)
        if (!(fabs(numbers[i]) < 1e9)) return 0;
    return 1;
}

static PyObject *draw(PyObject *module, PyObject *args) {
    PyObject *given[3];
    Views views = {.count = 0};
    Py_buffer *corners, *kernel, *out;
    int fits = 0;
    if (!PyArg_ParseTuple(args, "OOO", &given[0], &given[1], &given[2])) return NULL;
    if ((corners = take(&views, given[0], 2, 8, 0)) && (kernel = take(&views, given[1], 1, 4, 0)) &&
        (out = take(&views, given[2], 2, 4, 1))) {
        Py_ssize_t taps = kernel->shape[0];
        fits = usable() && corners->shape[1] == 2 && corners->strides[0] == 16 && taps % 2 && taps < LARGEST &&
               out->shape[0] < LARGEST && out->shape[1] < LARGEST &&
               are_finite(corners->buf, 2 * corners->shape[0]);
        if (fits) {
            size_t height = (size_t)(out->shape[0] + taps - 1), width = (size_t)(out->shape[1] + taps - 1);
            int32_t *counts = PyMem_Calloc(height * (width + 2), sizeof *counts);
            float *covered = PyMem_Malloc((width + height * (size_t)out->shape[1]) * sizeof *covered);
            if (counts && covered) {
                Py_BEGIN_ALLOW_THREADS
                draw_polygon(corners->buf, (int)corners->shape[0], kernel->buf, (int)taps, out, counts, covered,
                             covered + width);
                Py_END_ALLOW_THREADS
            } else {
                PyErr_NoMemory();
            }
            PyMem_Free(counts);
            PyMem_Free(covered);
        }
    }
    return finish(&views, fits);
}

static PyMethodDef methods[] = {{"usable", can_use, METH_NOARGS, "See _polygons.pyi."},
                                {"draw", draw, METH_VARARGS, "See _polygons.pyi."},
                                {NULL, NULL, 0, NULL}};
static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "_polygons", NULL, 0, methods, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__polygons(void) { return PyModule_Create(&definition); }
