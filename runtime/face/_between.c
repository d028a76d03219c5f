/* Bilinear samples of planes, bit-identical to NumPy in coordinates.py, in one pass over the rows.
 *
 * Python computes all sizes; every buffer is checked against them here.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdint.h>

#include "_positions.h"

#if CAN_BE_FAST
/* Interpolate rows of a plane [., n] between columns: left + (right - left) * share, not fused, as in NumPy. */
static UNFUSED void between_columns(const float *from, const Py_buffer *const *columns, int count, float *out) {
    const int64_t *low = columns[0]->buf, *high = columns[1]->buf;
    const float *share = columns[2]->buf;
    for (int c = 0; c < count; c++) out[c] = from[low[c]] + (from[high[c]] - from[low[c]]) * share[c];
}

static UNFUSED void between_rows(const float *above, const float *below, float share, int count, float *out) {
    __m256 shares = _mm256_set1_ps(share);
    int c = 0;
    for (; c + 8 <= count; c += 8) {
        __m256 one = _mm256_loadu_ps(above + c), way = _mm256_sub_ps(_mm256_loadu_ps(below + c), one);
        _mm256_storeu_ps(out + c, _mm256_add_ps(_mm256_mul_ps(way, shares), one));
    }
    for (; c < count; c++) out[c] = (below[c] - above[c]) * share + above[c];
}

/* Bilinear samples of a plane; two interpolated rows are cached in ``kept`` [2, columns], as most are used again. */
static void plane_rows(const Py_buffer *plane, const Py_buffer *const *rows, const Py_buffer *const *columns,
                       const Py_buffer *out, float *kept) {
    const int64_t *ends[2] = {rows[0]->buf, rows[1]->buf};
    int width = (int)out->shape[1], next = 0;
    int64_t held[2] = {-1, -1};
    for (Py_ssize_t r = 0; r < out->shape[0]; r++) {
        int at[2];
        for (int i = 0; i < 2; i++) {
            int64_t wanted = ends[i][r];
            at[i] = held[0] == wanted ? 0 : held[1] == wanted ? 1 : -1;
            if (at[i] >= 0) continue;
            at[i] = i && next == at[0] ? 1 - next : next;
            held[at[i]] = wanted;
            next = 1 - at[i];
            between_columns((const float *)((const char *)plane->buf + wanted * plane->strides[0]), columns, width,
                            kept + (size_t)at[i] * (size_t)width);
        }
        between_rows(kept + (size_t)at[0] * (size_t)width, kept + (size_t)at[1] * (size_t)width,
                     ((const float *)rows[2]->buf)[r], width,
                     (float *)((char *)out->buf + r * out->strides[0]));
    }
}
#else
static void plane_rows(const Py_buffer *plane, const Py_buffer *const *rows, const Py_buffer *const *columns,
                       const Py_buffer *out, float *kept) {}
#endif

#include "../native/_arrays.h"

/* Whether ``along`` has two indices below ``limit`` and a share for each of ``count`` points. */
static int leads_along(const Py_buffer *const *along, Py_ssize_t limit, Py_ssize_t count) {
    for (int i = 0; i < 3; i++)
        if (along[i]->shape[0] != count) return 0;
    for (Py_ssize_t k = 0; k < count; k++)
        for (int i = 0; i < 2; i++) {
            int64_t at = ((const int64_t *)along[i]->buf)[k];
            if (at < 0 || at >= limit) return 0;
        }
    return 1;
}

static PyObject *between(PyObject *module, PyObject *args) {
    static const int sizes[6] = {8, 8, 4, 8, 8, 4};
    PyObject *given[8];
    Views views = {.count = 0};
    const Py_buffer *along[6];
    Py_buffer *plane, *out = NULL;
    int fits = 0, taken = 0;
    if (!PyArg_ParseTuple(args, "OOOOOOOO", &given[0], &given[1], &given[2], &given[3], &given[4], &given[5],
                          &given[6], &given[7]))
        return NULL;
    plane = take(&views, given[0], 2, 4, 0);
    while (plane && taken < 6 && (along[taken] = take(&views, given[1 + taken], 1, sizes[taken], 0))) taken++;
    if (plane && taken == 6 && (out = take(&views, given[7], 2, 4, 1))) {
        float *kept = PyMem_Malloc(2 * sizeof(float) * (size_t)out->shape[1]);
        if (!kept) PyErr_NoMemory();
        fits = kept && usable() && leads_along(along, plane->shape[0], out->shape[0]) &&
               leads_along(along + 3, plane->shape[1], out->shape[1]);
        if (fits) {
            Py_BEGIN_ALLOW_THREADS
            plane_rows(plane, along, along + 3, out, kept);
            Py_END_ALLOW_THREADS
        }
        PyMem_Free(kept);
    }
    return finish(&views, fits);
}

static PyMethodDef methods[] = {{"usable", can_use, METH_NOARGS, "See _between.pyi."},
                                {"between", between, METH_VARARGS, "See _between.pyi."},
                                {NULL, NULL, 0, NULL}};
static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "_between", NULL, 0, methods, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__between(void) { return PyModule_Create(&definition); }
