/* The changed blocks of a JPEG and their coefficient changes: the cosine transform of the difference of two pictures.
 *
 * The results are those of jpeg_blocks.py, rounded at the same steps: luma and chroma of a difference (JFIF 1.02) in
 * float32, chroma reduced by means, both passes of the transform (T.81, A.3.3) summed in float64 and rounded to
 * float32, divided by the quantization table and rounded to a whole step. Units without a difference are skipped.
 * Python checks the layout; every size is checked against it here.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "_transform.h"

#define MOST_COLOURS 3
#define MOST_BLOCKS (MOST_COLOURS * MOST_SIDE * MOST_SIDE)

typedef struct {
    const uint8_t *before, *after;
    Py_ssize_t stride_before, stride_after;
    int height, width, colours;
    int down[MOST_COLOURS], across[MOST_COLOURS]; /* blocks per unit */
    float tables[MOST_COLOURS][BLOCK];
    double cosines[BLOCK];
    uint8_t zigzag[BLOCK];
    float weights[3];
} Job;

typedef struct {
    uint32_t *indices;
    int16_t *deltas;
    size_t used, room;
} Found;

typedef float Plane[MOST_UNIT][MOST_UNIT];

/* The difference in a unit by component, with edges repeated beyond the picture; returns 0 if there is none. */
static inline int differences(const Job *job, int top, int left, int tall, int wide, Plane *planes) {
    int n = job->colours, rows = job->height - top < tall ? job->height - top : tall;
    int columns = job->width - left < wide ? job->width - left : wide;
    const uint8_t *before = job->before + top * job->stride_before + (Py_ssize_t)left * n;
    const uint8_t *after = job->after + top * job->stride_after + (Py_ssize_t)left * n;
    int same = 1;
    for (int r = 0; same && r < rows; r++)
        same = !memcmp(before + r * job->stride_before, after + r * job->stride_after, (size_t)(columns * n));
    if (same) return 0;
    for (int r = 0; r < tall; r++) {
        int line = r < rows ? r : rows - 1;
        const uint8_t *old = before + line * job->stride_before, *new = after + line * job->stride_after;
        for (int c = 0; c < wide; c++) {
            int at = (c < columns ? c : columns - 1) * n;
            float red = (float)(new[at] - old[at]);
            if (n == 1) {
                planes[0][r][c] = red;
                continue;
            }
            float green = (float)(new[at + 1] - old[at + 1]), blue = (float)(new[at + 2] - old[at + 2]);
            /* In float64 each sum is exact before rounding, as with a fused multiply-add. */
            float luma = (float)((double)green * job->weights[1] + (double)(red * job->weights[0]));
            luma = (float)((double)blue * job->weights[2] + (double)luma);
            planes[0][r][c] = luma;
            planes[1][r][c] = (blue - luma) / 1.772f;
            planes[2][r][c] = (red - luma) / 1.402f;
        }
    }
    return 1;
}

/* Reduce a plane of a unit by means over blocks of rows and columns. */
static inline void reduce(Plane plane, int tall, int wide, int rows, int columns) {
    for (int r = 0; r < tall / rows; r++)
        for (int c = 0; c < wide / columns; c++) {
            const float *one = &plane[r * rows][c * columns], *other = &plane[r * rows + rows - 1][c * columns];
            float sum = columns == 2 ? one[0] + one[1] : one[0];
            if (rows == 2) sum = sum + (columns == 2 ? other[0] + other[1] : other[0]);
            plane[r][c] = sum * (rows * columns == 4 ? 0.25f : rows * columns == 2 ? 0.5f : 1.0f);
        }
}

static int keep(Found *found, uint32_t index, const int16_t *steps, const uint8_t *zigzag) {
    if (found->used == found->room) {
        size_t room = found->room ? found->room * 2 : 1024;
        uint32_t *indices = realloc(found->indices, room * sizeof *indices);
        if (indices) found->indices = indices;
        int16_t *deltas = realloc(found->deltas, room * BLOCK * sizeof *deltas);
        if (deltas) found->deltas = deltas;
        if (!indices || !deltas) return 0;
        found->room = room;
    }
    int16_t *delta = found->deltas + found->used * BLOCK;
    for (int i = 0; i < BLOCK; i++) delta[i] = steps[zigzag[i]];
    found->indices[found->used++] = index;
    return 1;
}

/* Process all units in scan order; returns 0 if memory is exhausted. */
static FAST int find(const Job *job, uint8_t *touched, int units_down, int units_across, Found *found) {
    int most_down = 1, most_across = 1, blocks = 0;
    for (int n = 0; n < job->colours; n++) {
        if (job->down[n] > most_down) most_down = job->down[n];
        if (job->across[n] > most_across) most_across = job->across[n];
        blocks += job->down[n] * job->across[n];
    }
    int tall = PX * most_down, wide = PX * most_across;
    Plane planes[MOST_COLOURS];
    int16_t steps[BLOCK];
    for (int row = 0; row < units_down; row++)
        for (int column = 0; column < units_across; column++) {
            if (!differences(job, row * tall, column * wide, tall, wide, planes)) continue;
            uint32_t index = (uint32_t)(row * units_across + column) * (uint32_t)blocks;
            for (int n = 0; n < job->colours; n++) {
                int rows = most_down / job->down[n], columns = most_across / job->across[n];
                if (rows * columns > 1) reduce(planes[n], tall, wide, rows, columns);
                /* A block is inside the picture if its first pixel is. */
                int stored_down = (job->height * job->down[n] + tall - 1) / tall;
                int stored_across = (job->width * job->across[n] + wide - 1) / wide;
                for (int v = 0; v < job->down[n]; v++)
                    for (int h = 0; h < job->across[n]; h++, index++) {
                        if (!steps_of(job->cosines, job->tables[n], &planes[n][v * PX][h * PX], steps)) continue;
                        touched[row * units_across + column] = 1;
                        if (row * job->down[n] + v >= stored_down || column * job->across[n] + h >= stored_across)
                            continue;
                        if (!keep(found, index, steps, job->zigzag)) return 0;
                    }
            }
        }
    return 1;
}

/* Check a picture's buffer: uint8, [H, W] or [H, W, 3], contiguous rows. */
static int is_picture(const Py_buffer *view) {
    int colours = view->ndim == 3 ? (int)view->shape[2] : 1;
    if (view->itemsize != 1 || (view->ndim != 2 && view->ndim != 3) || (view->ndim == 3 && colours != 3)) return 0;
    for (int i = 0; i < 2; i++)
        if (view->shape[i] < 1 || view->shape[i] > 65535) return 0;
    if (view->strides[1] != colours || (view->ndim == 3 && view->strides[2] != 1)) return 0;
    return view->strides[0] >= view->shape[1] * colours;
}

/* Fill in a job; returns 0 if sizes do not match. */
static int prepare(Job *job, const Py_buffer *pictures, const Py_buffer *sampling, const Py_buffer *tables,
                   const Py_buffer *constants, const Py_buffer *zigzag) {
    const Py_buffer *one = &pictures[0], *other = &pictures[1];
    if (!is_picture(one) || !is_picture(other) || one->ndim != other->ndim) return 0;
    for (int i = 0; i < 2; i++)
        if (one->shape[i] != other->shape[i]) return 0;
    job->before = one->buf;
    job->after = other->buf;
    job->stride_before = one->strides[0];
    job->stride_after = other->strides[0];
    job->height = (int)one->shape[0];
    job->width = (int)one->shape[1];
    job->colours = one->ndim == 3 ? 3 : 1;
    if (sampling->len != 2 * job->colours || tables->len != job->colours * BLOCK * 4) return 0;
    if (constants->len != BLOCK * 8 + 3 * 4 || zigzag->len != BLOCK) return 0;
    for (int n = 0; n < job->colours; n++) {
        job->down[n] = ((const uint8_t *)sampling->buf)[2 * n];
        job->across[n] = ((const uint8_t *)sampling->buf)[2 * n + 1];
        if (job->down[n] < 1 || job->down[n] > MOST_SIDE || job->across[n] < 1 || job->across[n] > MOST_SIDE) return 0;
    }
    memcpy(job->tables, tables->buf, (size_t)tables->len);
    memcpy(job->cosines, constants->buf, sizeof job->cosines);
    if (!is_symmetric(job->cosines)) return 0;
    memcpy(job->weights, (const char *)constants->buf + sizeof job->cosines, sizeof job->weights);
    memcpy(job->zigzag, zigzag->buf, BLOCK);
    for (int i = 0; i < BLOCK; i++)
        if (job->zigzag[i] >= BLOCK) return 0;
    return 1;
}

static PyObject *changes(PyObject *module, PyObject *args) {
    PyObject *given[2], *result = NULL;
    Py_buffer pictures[2], rest[4], touched;
    int held = 0;
    if (!PyArg_ParseTuple(args, "OOy*y*y*y*w*", &given[0], &given[1], &rest[0], &rest[1], &rest[2], &rest[3], &touched))
        return NULL;
    Job *job = calloc(1, sizeof *job);
    Found found = {0};
    while (job && held < 2 && !PyObject_GetBuffer(given[held], &pictures[held], PyBUF_STRIDED_RO)) held++;
    if (held == 2) {
        int fits = prepare(job, pictures, &rest[0], &rest[1], &rest[2], &rest[3]), done = 0;
        if (fits) {
            int tall = PX, wide = PX;
            for (int n = 0; n < job->colours; n++) {
                if (job->down[n] * PX > tall) tall = job->down[n] * PX;
                if (job->across[n] * PX > wide) wide = job->across[n] * PX;
            }
            int down = (job->height + tall - 1) / tall, across = (job->width + wide - 1) / wide;
            fits = touched.len == (Py_ssize_t)down * across;
            if (fits) {
                Py_BEGIN_ALLOW_THREADS
                done = find(job, touched.buf, down, across, &found);
                Py_END_ALLOW_THREADS
            }
        }
        if (done)
            result = Py_BuildValue("(y#y#)", found.indices ? (char *)found.indices : "",
                                   (Py_ssize_t)(found.used * sizeof *found.indices),
                                   found.deltas ? (char *)found.deltas : "",
                                   (Py_ssize_t)(found.used * BLOCK * sizeof *found.deltas));
        else if (fits)
            PyErr_NoMemory();
        else
            PyErr_SetString(PyExc_ValueError, "an array has another type or size than this takes");
    } else if (!job) {
        PyErr_NoMemory();
    }
    free(found.indices);
    free(found.deltas);
    free(job);
    for (int i = 0; i < held; i++) PyBuffer_Release(&pictures[i]);
    for (int i = 0; i < 4; i++) PyBuffer_Release(&rest[i]);
    PyBuffer_Release(&touched);
    return result;
}

static PyObject *can_use(PyObject *module, PyObject *nothing) {
#if defined(__x86_64__) && defined(__GNUC__)
    __builtin_cpu_init();
    return PyBool_FromLong(__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"));
#else
    return PyBool_FromLong(1);
#endif
}

static PyMethodDef methods[] = {{"changes", changes, METH_VARARGS, "See _blocks.pyi."},
                                {"usable", can_use, METH_NOARGS, "See _blocks.pyi."},
                                {NULL, NULL, 0, NULL}};
static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "_blocks", NULL, 0, methods, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__blocks(void) { return PyModule_Create(&definition); }
