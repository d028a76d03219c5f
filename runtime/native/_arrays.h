/* Buffers from Python, checked before use. Include this after the definition of `usable`. */
#include <Python.h>
#include <string.h>

#define MOST_VIEWS 12
#define LONGEST (1 << 24)

typedef struct {
    Py_buffer views[MOST_VIEWS];
    int count;
} Views;

/* Get the next buffer: ``dimensions`` axes, items of ``size`` bytes, a third axis of ``channels``, contiguous rows;
 * NULL with an error set. */
static Py_buffer *take_of(Views *views, PyObject *object, int dimensions, Py_ssize_t channels, Py_ssize_t size,
                          int writable) {
    Py_buffer *view = &views->views[views->count];
    if (PyObject_GetBuffer(object, view, writable ? PyBUF_STRIDED : PyBUF_STRIDED_RO)) return NULL;
    views->count++;
    Py_ssize_t step = size;
    int fits = view->ndim == dimensions && view->itemsize == size;
    for (int i = dimensions - 1; fits && i >= 0; i--) {
        fits = view->shape[i] >= 1 && view->shape[i] <= LONGEST && (i == 0 && dimensions > 1 ? 1 : view->strides[i] == step);
        step *= view->shape[i];
    }
    if (fits && dimensions == 3) fits = view->shape[2] == channels;
    if (fits) return view;
    PyErr_SetString(PyExc_ValueError, "an array has another type or layout than this takes");
    return NULL;
}

/* Get the next buffer; a third axis has three channels. */
static Py_buffer *take(Views *views, PyObject *object, int dimensions, Py_ssize_t size, int writable) {
    return take_of(views, object, dimensions, 3, size, writable);
}

/* Whether ``along`` and ``starts`` are contiguous and match the size of the output. */
static int lead_to(const Py_buffer *along, const Py_buffer *starts, const Py_buffer *out) {
    return along->shape[0] == 2 && starts->shape[0] == 2 && along->shape[1] == out->shape[1] &&
           starts->shape[1] == out->shape[0] && along->strides[0] == along->shape[1] * 8 &&
           starts->strides[0] == starts->shape[1] * 8;
}

/* Whether two arrays have the same numbers of rows and columns. */
static int alike(const Py_buffer *one, const Py_buffer *other) {
    return one->shape[0] == other->shape[0] && one->shape[1] == other->shape[1];
}

static PyObject *can_use(PyObject *module, PyObject *nothing) { return PyBool_FromLong(usable()); }

static PyObject *finish(Views *views, int fits) {
    for (int i = 0; i < views->count; i++) PyBuffer_Release(&views->views[i]);
    if (PyErr_Occurred()) return NULL;
    if (fits) Py_RETURN_NONE;
    PyErr_SetString(PyExc_ValueError, usable() ? "the sizes of two arrays differ" : "this CPU has no AVX2 and FMA");
    return NULL;
}
