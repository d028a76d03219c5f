/* The whole generator on CPUs with AVX2, in fp32: see _tile.h, which libamgan may compile, too.
 *
 * Python finds the weights (avx2_weights.py) and computes all sizes; every buffer is checked against them here.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "_tile.h"

#include "../native/_arrays.h"

/* Whether a buffer of two or more axes has no gaps between its rows. */
static int is_dense(const Py_buffer *view) {
    Py_ssize_t row = view->itemsize;
    for (int k = 1; k < view->ndim; k++) row *= view->shape[k];
    return view->strides[0] == row;
}

/* The widest vectors are AVX2's. */
static PyObject *is_widest(PyObject *module, PyObject *nothing) {
#if CAN_BE_FAST
    return PyBool_FromLong(usable() && !__builtin_cpu_supports("avx512f"));
#else
    Py_RETURN_FALSE;
#endif
}

static PyObject *pack(PyObject *module, PyObject *args) {
    PyObject *objects[2];
    Views views = {.count = 0};
    Py_buffer *weights, *out;
    int taps, fits = 0;
    if (!PyArg_ParseTuple(args, "OiO", &objects[0], &taps, &objects[1])) return NULL;
    if ((weights = take(&views, objects[0], 2, 4, 0)) && (out = take(&views, objects[1], 1, 4, 1))) {
        Py_ssize_t each = taps * taps;
        fits = taps >= 1 && taps <= 3 && weights->shape[1] % each == 0 && is_dense(weights);
        if (fits) {
            int inputs = (int)(weights->shape[1] / each), outputs = (int)weights->shape[0];
            fits = out->shape[0] == (Py_ssize_t)packed_floats(taps, inputs, outputs);
            if (fits) pack_winograd(weights->buf, taps, inputs, outputs, out->buf);
        }
    }
    return finish(&views, fits);
}

#if CAN_BE_FAST
/* Read a generator from its two arrays; returns whether they fit together. */
static int take_generator(Views *views, PyObject *table, PyObject *weights, Generator *to) {
    Py_buffer *numbers = take(views, table, 2, 4, 0), *packed = numbers ? take(views, weights, 1, 4, 0) : NULL;
    if (!packed) return 0;
    return numbers->shape[1] == 3 && numbers->shape[0] <= ENDS + PARTS * MOST_LAYERS && is_dense(numbers) &&
           read_generator(numbers->buf, (int)numbers->shape[0], packed->buf, to) == (size_t)packed->shape[0];
}

static int is_tile(Py_ssize_t height, Py_ssize_t width) {
    return height % CELL == 0 && width % CELL == 0 && height >= 3 * CELL && width >= 3 * CELL && height <= WIDEST &&
           width <= WIDEST;
}

/* Read a texture; returns 0 if it is smaller than 2 x 2 or has gaps. */
static int as_texels(const Py_buffer *view, Texels *texels) {
    *texels = (Texels){view->buf, (int)view->shape[0] - 1, (int)view->shape[1] - 1};
    return texels->rows >= 1 && texels->columns >= 1 && is_dense(view);
}

static PyObject *count_floats(PyObject *module, PyObject *args) {
    PyObject *table, *weights;
    Views views = {.count = 0};
    Generator by;
    int height, width, threads;
    size_t wanted = 0;
    if (!PyArg_ParseTuple(args, "OOiii", &table, &weights, &height, &width, &threads)) return NULL;
    int fits = take_generator(&views, table, weights, &by);
    if (fits && is_tile(height, width) && threads >= 1 && threads <= MOST_THREADS) {
        Run run = {.by = &by, .tile = {.height = height, .width = width}, .planned = threads};
        wanted = plan_run(&run, (float *)SLACK);
    }
    PyObject *done = finish(&views, fits);
    if (!done) return NULL;
    Py_DECREF(done);
    return PyLong_FromSize_t(wanted);
}

/* Compute a tile whose arrays are of the right types; returns whether their sizes fit, too. */
static int age_tile(Run *run, const Py_buffer *given[8], float *memory, size_t floats) {
    const Py_buffer *image = given[0], *years = given[1], *places = given[2], *pattern = given[3], *gain = given[4];
    const Py_buffer *aged = given[7];
    Py_ssize_t height = image->shape[0], width = image->shape[1], down = height / CELL, across = width / CELL;
    int fits = usable() && is_tile(height, width) && years->shape[0] == down && years->shape[1] == across &&
               places->shape[0] == 4 * down && places->shape[1] == across && gain->shape[0] == SAMPLED &&
               pattern->shape[0] <= CONDITIONS - PLANES && as_texels(given[5], &run->atlas.fine) &&
               as_texels(given[6], &run->atlas.coarse);
    if (!fits) return 0;
    TileInputs *tile = &run->tile;
    *tile = (TileInputs){.image = {image->buf, image->strides[0]}, .height = (int)height, .width = (int)width,
                         .patterns = (int)pattern->shape[0], .pattern = pattern->buf};
    tile->given[0] = (Rows){years->buf, years->strides[0]};
    for (int k = 0; k < 4; k++)
        tile->given[1 + k] = (Rows){(const char *)places->buf + k * down * places->strides[0], places->strides[0]};
    memcpy(run->atlas.gain, gain->buf, sizeof run->atlas.gain);
    run->aged = aged->buf, run->aged_row = aged->strides[0];
    size_t wanted = plan_run(run, memory);
    if (!wanted || wanted > floats || aged->shape[0] != 2 * run->change.high || aged->shape[1] != 2 * run->change.wide) return 0;
    compute_tile(run);
    return 1;
}

static PyObject *age(PyObject *module, PyObject *args) {
    const int axes[8] = {3, 2, 2, 1, 1, 3, 3, 3}, channels[8] = {3, 0, 0, 0, 0, 4, 4, 3}, sizes[8] = {1, 4, 4, 4, 4, 4, 4, 1};
    PyObject *table, *weights, *objects[8], *memory;
    Views views = {.count = 0};
    const Py_buffer *given[8];
    Generator by;
    float span;
    int threads, fits = 0, taken = 0;
    if (!PyArg_ParseTuple(args, "OOOOOOOOOfOOi", &table, &weights, &objects[0], &objects[1], &objects[2], &objects[3],
                          &objects[4], &objects[5], &objects[6], &span, &memory, &objects[7], &threads))
        return NULL;
    int known = take_generator(&views, table, weights, &by);
    while (known && taken < 8 && (given[taken] = take_of(&views, objects[taken], axes[taken], channels[taken], sizes[taken], taken == 7)))
        taken++;
    Py_buffer *floats = taken == 8 ? take(&views, memory, 2, 4, 1) : NULL;
    if (floats && is_dense(floats) && threads >= 1 && threads <= MOST_THREADS) {
        Run run = {.by = &by, .atlas = {.span = span}, .planned = threads};
        Py_BEGIN_ALLOW_THREADS
        fits = age_tile(&run, given, floats->buf, (size_t)floats->shape[0] * (size_t)floats->shape[1]);
        Py_END_ALLOW_THREADS
    }
    return finish(&views, fits);
}
#else
static PyObject *count_floats(PyObject *module, PyObject *args) {
    Views views = {.count = 0};
    return finish(&views, 0);
}

static PyObject *age(PyObject *module, PyObject *args) { return count_floats(module, args); }
#endif

static PyMethodDef methods[] = {{"usable", can_use, METH_NOARGS, "See _avx2.pyi."},
                                {"is_widest", is_widest, METH_NOARGS, "See _avx2.pyi."},
                                {"pack", pack, METH_VARARGS, "See _avx2.pyi."},
                                {"count_floats", count_floats, METH_VARARGS, "See _avx2.pyi."},
                                {"age", age, METH_VARARGS, "See _avx2.pyi."},
                                {NULL, NULL, 0, NULL}};
static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "_avx2", NULL, 0, methods, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__avx2(void) { return PyModule_Create(&definition); }
