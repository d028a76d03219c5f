/* Per-pixel operations of the CPU engine around its network, one pass each.
 *
 * `gather` (_gather.h) makes the network's input: the codes of a tile and the learnt atlas, sampled bilinearly at the
 * positions of the pixels and multiplied by the years to change and by a gain, in cells of 2 x 2 px and in bf16.
 * `condition` (_condition.h) makes the planes of SPADE's conditioning. `blend` (_blend.h) adds the network's change to the
 * codes. Without AVX2 and FMA this module is not used (openvino_cells.py calls `usable`). libamgan compiles the same
 * headers.
 *
 * Python computes all sizes; every buffer is checked against them here.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "_blend.h"
#include "_condition.h"
#include "_gather.h"

#include "../native/_arrays.h"

static Rows rows_of(const Py_buffer *view) { return (Rows){view->buf, view->strides[0]}; }

/* Whether planes of cells match a tile, and ``out`` matches the output of `gather`. */
static int belong(const Py_buffer *image, const Py_buffer *planes[3], const Py_buffer *out) {
    Py_ssize_t height = image->shape[0], width = image->shape[1];
    int fits = height % CELL == 0 && width % CELL == 0 && height >= 3 * CELL && width >= 3 * CELL &&
               width <= WIDEST && height <= WIDEST && out->shape[0] == PIXELS * CHANNELS &&
               out->shape[1] == (height - 2 * OUTER) / 2 * ((width - 2 * OUTER) / 2) &&
               out->strides[0] == out->shape[1] * (Py_ssize_t)sizeof(uint16_t);
    for (int p = 0; p < 3; p++)
        fits = fits && planes[p]->shape[0] == height / CELL && planes[p]->shape[1] == width / CELL;
    return fits;
}

/* Read a texture with contiguous rows; returns 0 if it is smaller than 2 x 2. */
static int as_texture(const Py_buffer *view, Texture *texture) {
    *texture = (Texture){view->buf, (int)view->shape[0] - 1, (int)view->shape[1] - 1};
    return texture->rows >= 1 && texture->columns >= 1 && view->shape[0] < WIDEST && view->shape[1] < WIDEST &&
           view->strides[0] == view->shape[1] * 4 * (Py_ssize_t)sizeof(uint16_t);
}

static PyObject *gather(PyObject *module, PyObject *args) {
    PyObject *given[8];
    Views views = {.count = 0};
    const Py_buffer *planes[3];
    Py_buffer *image, *fine, *coarse, *gain, *out;
    int fits = 0;
    if (!PyArg_ParseTuple(args, "OOOOOOOO", &given[0], &given[1], &given[2], &given[3], &given[4], &given[5],
                          &given[6], &given[7]))
        return NULL;
    if ((image = take(&views, given[0], 3, 1, 0)) && (planes[0] = take(&views, given[1], 2, 4, 0)) &&
        (planes[1] = take(&views, given[2], 2, 4, 0)) && (planes[2] = take(&views, given[3], 2, 4, 0)) &&
        (fine = take_of(&views, given[4], 3, 4, 2, 0)) && (coarse = take_of(&views, given[5], 3, 4, 2, 0)) &&
        (gain = take(&views, given[6], 1, 4, 0)) && (out = take(&views, given[7], 2, 2, 1))) {
        Texture textures[2];
        fits = usable() && belong(image, planes, out) && gain->shape[0] == SAMPLED && as_texture(fine, &textures[0]) &&
               as_texture(coarse, &textures[1]);
        if (fits) {
            const Rows rows[3] = {rows_of(planes[0]), rows_of(planes[1]), rows_of(planes[2])};
            Py_BEGIN_ALLOW_THREADS
            gather_rows(rows_of(image), (int)image->shape[0], (int)image->shape[1], rows, &textures[0], &textures[1],
                        gain->buf, out->buf);
            Py_END_ALLOW_THREADS
        }
    }
    return finish(&views, fits);
}

static PyObject *condition(PyObject *module, PyObject *args) {
    PyObject *objects[6];
    Views views = {.count = 0};
    const Py_buffer *given[5];
    int taken = 0, fits = 0;
    if (!PyArg_ParseTuple(args, "OOOOOO", &objects[0], &objects[1], &objects[2], &objects[3], &objects[4],
                          &objects[5]))
        return NULL;
    while (taken < 5 && (given[taken] = take(&views, objects[taken], 2, 4, 0))) taken++;
    Py_buffer *out = taken == 5 ? take(&views, objects[5], 2, 2, 1) : NULL;
    if (out) {
        Py_ssize_t height = given[0]->shape[0], width = given[0]->shape[1];
        fits = usable() && height > 2 * MARGIN && width > 2 * MARGIN && height <= WIDEST && width <= WIDEST &&
               out->shape[0] >= PLANES && out->shape[1] == (height - 2 * MARGIN) * (width - 2 * MARGIN) &&
               out->strides[0] == out->shape[1] * (Py_ssize_t)sizeof(uint16_t);
        for (int k = 1; k < 5; k++) fits = fits && alike(given[0], given[k]);
        if (fits) {
            Rows rows[5];
            for (int k = 0; k < 5; k++) rows[k] = rows_of(given[k]);
            Py_BEGIN_ALLOW_THREADS
            condition_rows(rows, (int)height, (int)width, out->buf);
            Py_END_ALLOW_THREADS
        }
    }
    return finish(&views, fits);
}

static PyObject *blend(PyObject *module, PyObject *args) {
    PyObject *given[3];
    Views views = {.count = 0};
    Py_buffer *core, *change, *out;
    int fits = 0;
    if (!PyArg_ParseTuple(args, "OOO", &given[0], &given[1], &given[2])) return NULL;
    if ((core = take(&views, given[0], 3, 1, 0)) && (change = take(&views, given[1], 2, 2, 0)) &&
        (out = take(&views, given[2], 3, 1, 1))) {
        fits = usable() && alike(core, out) && core->shape[0] % 2 == 0 && core->shape[1] % 2 == 0 &&
               change->shape[0] == 2 * PIXELS * COLOURS &&
               change->shape[1] == core->shape[0] / 2 * (core->shape[1] / 2) &&
               change->strides[0] == change->shape[1] * (Py_ssize_t)sizeof(uint16_t);
        if (fits) {
            Py_BEGIN_ALLOW_THREADS
            blend_rows(rows_of(core), (int)core->shape[0], (int)core->shape[1], change->buf, out->buf, out->strides[0]);
            Py_END_ALLOW_THREADS
        }
    }
    return finish(&views, fits);
}

static PyMethodDef methods[] = {{"usable", can_use, METH_NOARGS, "See _cells.pyi."},
                                {"gather", gather, METH_VARARGS, "See _cells.pyi."},
                                {"condition", condition, METH_VARARGS, "See _cells.pyi."},
                                {"blend", blend, METH_VARARGS, "See _cells.pyi."},
                                {NULL, NULL, 0, NULL}};
static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "_cells", NULL, 0, methods, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__cells(void) { return PyModule_Create(&definition); }
