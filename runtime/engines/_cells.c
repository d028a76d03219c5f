/* Per-pixel operations of the CPU engine around its network, one pass each.
 *
 * `gather` makes the network's input: the codes of a tile and the learnt atlas, sampled bilinearly at the positions of
 * the pixels and multiplied by the years to change and by a gain, in cells of 2 x 2 px and in bf16. `condition` makes
 * the planes of SPADE's conditioning. `blend` adds the network's change to the codes. Without AVX2 and FMA this module
 * is not used (openvino_cells.py calls `usable`).
 *
 * Python computes all sizes; every buffer is checked against them here.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdint.h>
#include <string.h>

#include "../face/_positions.h"

#define CELL 4      /* px of a cell of positions and years */
#define OUTER CELL  /* px around the input of which only the positions are used */
#define COLOURS 3
#define SAMPLED 8   /* channels of the atlas: four fine, four coarse */
#define CHANNELS (COLOURS + SAMPLED)
#define PIXELS 4    /* of a cell of 2 x 2 px */
#define WIDEST 8192 /* px of a tile */
#define HALF_SPAN 63.75f
#define WAVES 5     /* of positions, each twice as many as the one before */
#define PLANES 25   /* years, u, v, their sines and cosines, inside and scale */
#define MARGIN 2    /* cells around the planes that are not used */

#if CAN_BE_FAST
static const float SHARES[CELL] = {0.375f, 0.125f, 0.125f, 0.375f};

/* A texture of four channels in bf16 with one more row and column, which repeat the last. */
typedef struct {
    const uint16_t *texels;
    int rows, columns;
} Texture;

/* Four pixels of every inner cell of a row, from two rows of cells. */
static FAST void widen_row(const float *here, const float *other, float share, int cells, float *out) {
    const __m128 shares = _mm_loadu_ps(SHARES);
    float row[WIDEST / CELL];
    for (int c = 0; c < cells; c++) row[c] = here[c] + (other[c] - here[c]) * share;
    for (int c = 1; c + 1 < cells; c++, out += CELL) {
        __m128 middle = _mm_set1_ps(row[c]);
        __m128 beside = _mm_setr_ps(row[c - 1], row[c - 1], row[c + 1], row[c + 1]);
        _mm_storeu_ps(out, _mm_fmadd_ps(_mm_sub_ps(beside, middle), shares, middle));
    }
}

/* Eight positions in -1..1 as the indices of the texels before them and the weights of those after them. */
static inline FAST __m256i texels_before(__m256 place, int count, __m256 *share) {
    __m256 wide = _mm256_set1_ps((float)count), half = _mm256_set1_ps(0.5f);
    __m256 at = _mm256_mul_ps(_mm256_fmadd_ps(place, wide, _mm256_sub_ps(wide, _mm256_set1_ps(1.0f))), half);
    at = _mm256_max_ps(_mm256_min_ps(at, _mm256_set1_ps((float)(count - 1))), _mm256_setzero_ps());
    __m256 below = _mm256_floor_ps(at);
    *share = _mm256_sub_ps(at, below);
    return _mm256_cvttps_epi32(below);
}

static FAST void find_eight(const Texture *from, __m256 u, __m256 v, int *index, float *right, float *lower) {
    __m256 across, down;
    __m256i column = texels_before(u, from->columns, &across), row = texels_before(v, from->rows, &down);
    __m256i first = _mm256_add_epi32(_mm256_mullo_epi32(row, _mm256_set1_epi32(from->columns + 1)), column);
    _mm256_storeu_si256((__m256i *)index, first);
    _mm256_storeu_ps(right, across);
    _mm256_storeu_ps(lower, down);
}

/* Eight numbers in bf16. */
static inline FAST __m256 eight_halves(const uint16_t *at) {
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)at)), 16));
}

/* Two texels interpolated between two rows. */
static inline FAST __m256 between_rows(const Texture *from, int index, float lower) {
    const uint16_t *at = from->texels + (size_t)index * 4;
    __m256 upper = eight_halves(at), below = eight_halves(at + (size_t)(from->columns + 1) * 4);
    return _mm256_fmadd_ps(_mm256_sub_ps(below, upper), _mm256_set1_ps(lower), upper);
}

/* The atlas at ``count`` pixels, a multiple of 8: [count, SAMPLED]. */
static FAST void sample_row(const Texture *fine, const Texture *coarse, const float *u, const float *v,
                            const float *years, __m256 gain, int count, float *out) {
    int index[2][8];
    float right[2][8], lower[2][8];
    for (int c = 0; c < count; c += 8) {
        __m256 across = _mm256_loadu_ps(u + c), down = _mm256_loadu_ps(v + c);
        find_eight(fine, across, down, index[0], right[0], lower[0]);
        find_eight(coarse, across, down, index[1], right[1], lower[1]);
        for (int k = 0; k < 8; k++, out += SAMPLED) {
            __m256 one = between_rows(fine, index[0][k], lower[0][k]);
            __m256 other = between_rows(coarse, index[1][k], lower[1][k]);
            __m256 left = _mm256_permute2f128_ps(one, other, 0x20), behind = _mm256_permute2f128_ps(one, other, 0x31);
            __m256 share = _mm256_set_m128(_mm_set1_ps(right[1][k]), _mm_set1_ps(right[0][k]));
            __m256 found = _mm256_fmadd_ps(_mm256_sub_ps(behind, left), share, left);
            _mm256_storeu_ps(out, _mm256_mul_ps(found, _mm256_mul_ps(gain, _mm256_set1_ps(years[c + k]))));
        }
    }
}

static inline FAST void transpose_eight(__m256 *r) {
    __m256 t[8], s[8];
    for (int i = 0; i < 4; i++) {
        t[2 * i] = _mm256_unpacklo_ps(r[2 * i], r[2 * i + 1]);
        t[2 * i + 1] = _mm256_unpackhi_ps(r[2 * i], r[2 * i + 1]);
    }
    for (int i = 0; i < 2; i++)
        for (int k = 0; k < 2; k++) {
            s[4 * i + 2 * k] = _mm256_shuffle_ps(t[4 * i + k], t[4 * i + 2 + k], 0x44);
            s[4 * i + 2 * k + 1] = _mm256_shuffle_ps(t[4 * i + k], t[4 * i + 2 + k], 0xEE);
        }
    for (int i = 0; i < 4; i++) {
        r[i] = _mm256_permute2f128_ps(s[i], s[i + 4], 0x20);
        r[i + 4] = _mm256_permute2f128_ps(s[i], s[i + 4], 0x31);
    }
}

/* Eight numbers in bf16, rounded to even. */
static inline FAST __m128i in_bf16(__m256 values) {
    __m256i bits = _mm256_castps_si256(values);
    __m256i odd = _mm256_and_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(1));
    bits = _mm256_srli_epi32(_mm256_add_epi32(_mm256_add_epi32(bits, odd), _mm256_set1_epi32(0x7FFF)), 16);
    return _mm_packus_epi32(_mm256_castsi256_si128(bits), _mm256_extracti128_si256(bits, 1));
}

static inline FAST void store_some(uint16_t *to, __m128i values, int many) {
    uint16_t part[8];
    if (many >= 8) {
        _mm_storeu_si128((__m128i *)to, values);
        return;
    }
    _mm_storeu_si128((__m128i *)part, values);
    for (int k = 0; k < many; k++) to[k] = part[k];
}

/* Write every second pixel of a row of samples [2 * cells, SAMPLED] into planes with the stride ``apart``. */
static FAST void place_samples(const float *from, int cells, uint16_t *to, Py_ssize_t apart) {
    for (int c = 0; c < cells; c += 8) {
        __m256 rows[8];
        for (int k = 0; k < 8; k++) rows[k] = _mm256_loadu_ps(from + (size_t)(c + k) * 2 * SAMPLED);
        transpose_eight(rows);
        for (int k = 0; k < SAMPLED; k++) store_some(to + k * apart + c, in_bf16(rows[k]), cells - c);
    }
}

/* The shuffles that move the bytes ``first``, ``first`` + 6 and so on of 48 to the front. */
static void fill_shuffles(int first, uint8_t shuffles[3][16]) {
    memset(shuffles, 0x80, 3 * 16);
    for (int k = 0; k < 8; k++) {
        int at = first + 6 * k;
        shuffles[at / 16][k] = (uint8_t)(at % 16);
    }
}

/* Codes of every second pixel; they are integers up to 255, which bf16 represents exactly. */
static FAST void place_codes(const uint8_t *from, int side, int cells, uint16_t *to, Py_ssize_t apart) {
    for (int k = 0; k < COLOURS; k++) {
        uint8_t shuffles[3][16];
        fill_shuffles(side * COLOURS + k, shuffles);
        for (int c = 0; c < cells; c += 8) {
            uint8_t last[48] = {0};
            const uint8_t *at = from + (size_t)c * 6;
            if (cells - c < 8) at = memcpy(last, at, (size_t)(cells - c) * 6);
            __m128i found = _mm_setzero_si128();
            for (int i = 0; i < 3; i++)
                found = _mm_or_si128(found, _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(at + 16 * i)),
                                                             _mm_loadu_si128((const __m128i *)shuffles[i])));
            __m256i bits = _mm256_castps_si256(_mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(found)));
            bits = _mm256_srli_epi32(bits, 16);
            __m128i halves = _mm_packus_epi32(_mm256_castsi256_si128(bits), _mm256_extracti128_si256(bits, 1));
            store_some(to + k * apart + c, halves, cells - c);
        }
    }
}

static FAST void gather_rows(const Py_buffer *image, const Py_buffer *planes[3], const Texture *fine,
                             const Texture *coarse, const float *gain, const Py_buffer *out) {
    int height = (int)image->shape[0], width = (int)image->shape[1], cells = width / CELL;
    int inner = width - 2 * OUTER, half = inner / 2;
    Py_ssize_t apart = out->shape[1];
    /* Vectors may end after the row, and half of each is read for one kind of pixel. */
    static _Thread_local float at[3][WIDEST + 32], samples[(WIDEST + 32) * SAMPLED];
    __m256 gains = _mm256_loadu_ps(gain);
    for (int y = OUTER; y < height - OUTER; y++) {
        int row = y / CELL, phase = y % CELL, other = phase < 2 ? row - 1 : row + 1;
        for (int p = 0; p < 3; p++) {
            const char *plane = planes[p]->buf;
            widen_row((const float *)(plane + row * planes[p]->strides[0]),
                      (const float *)(plane + other * planes[p]->strides[0]), SHARES[phase], cells, at[p]);
        }
        sample_row(fine, coarse, at[0], at[1], at[2], gains, (inner + 7) / 8 * 8, samples);
        const uint8_t *codes = (const uint8_t *)image->buf + y * image->strides[0] + OUTER * COLOURS;
        for (int side = 0; side < 2; side++) {
            int pixel = (y & 1) * 2 + side;
            uint16_t *to = (uint16_t *)out->buf + (size_t)pixel * CHANNELS * apart + (size_t)((y - OUTER) / 2) * half;
            place_codes(codes, side, half, to, apart);
            place_samples(samples + side * SAMPLED, half, to + COLOURS * apart, apart);
        }
    }
}

static inline FAST __m256 some_of(const float *from, __m256i wanted) { return _mm256_maskload_ps(from, wanted); }

/* Up to eight numbers in bf16. */
static inline FAST __m256 some_halves(const uint16_t *from, int many) {
    uint16_t part[8] = {0};
    if (many < 8) from = memcpy(part, from, sizeof(uint16_t) * (size_t)many);
    return eight_halves(from);
}

/* Add the network's change to the codes of one row, rounded and clipped to 0..255. */
static FAST void blend_row(const uint8_t *codes, const uint16_t *delta, const uint16_t *attention, Py_ssize_t apart,
                           int cells, uint8_t *out) {
    const __m256 span = _mm256_set1_ps(HALF_SPAN);
    for (int c = 0; c < cells; c += 8) {
        int many = cells - c < 8 ? cells - c : 8;
        size_t bytes = (size_t)many * 2 * COLOURS;
        uint8_t before[8 * 6 + 8] = {0}, after[8 * 6 + 8];
        __m256 rows[8];
        for (int k = 0; k < 6; k++) {
            __m256 opened = _mm256_fmadd_ps(some_halves(attention + k * apart + c, many), span, span);
            rows[k] = _mm256_mul_ps(some_halves(delta + k * apart + c, many), opened);
        }
        rows[6] = rows[7] = _mm256_setzero_ps();
        transpose_eight(rows);
        memcpy(before, codes + (size_t)c * 6, bytes);
        for (int k = 0; k < 8; k++) {
            __m256i code = _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)(before + 6 * k)));
            __m256i sum = _mm256_cvtps_epi32(_mm256_add_ps(_mm256_cvtepi32_ps(code), rows[k]));
            __m128i words = _mm_packs_epi32(_mm256_castsi256_si128(sum), _mm256_extracti128_si256(sum, 1));
            _mm_storel_epi64((__m128i *)(after + 6 * k), _mm_packus_epi16(words, words));
        }
        memcpy(out + (size_t)c * 6, after, bytes);
    }
}

/* Sine and cosine of pi times eight numbers. */
static inline FAST void turn_eight(__m256 at, __m256 *sine, __m256 *cosine) {
    const float sines[6] = {3.14159265f, -5.16771278f, 2.55016404f, -0.59926453f, 0.08214589f, -0.00737043f};
    const float cosines[7] = {1.0f, -4.93480220f, 4.05871213f, -1.33526277f, 0.23533063f, -0.02580689f, 0.00192957f};
    __m256 whole = _mm256_round_ps(at, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC), rest = _mm256_sub_ps(at, whole);
    __m256 sign = _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtps_epi32(whole), 31));
    __m256 square = _mm256_mul_ps(rest, rest), odd = _mm256_set1_ps(sines[5]), even = _mm256_set1_ps(cosines[6]);
    for (int k = 4; k >= 0; k--) odd = _mm256_fmadd_ps(odd, square, _mm256_set1_ps(sines[k]));
    for (int k = 5; k >= 0; k--) even = _mm256_fmadd_ps(even, square, _mm256_set1_ps(cosines[k]));
    *sine = _mm256_xor_ps(_mm256_mul_ps(odd, rest), sign);
    *cosine = _mm256_xor_ps(even, sign);
}

/* Write a row of planes with the stride ``apart``; ``rows`` are years, u, v, inside and scale. */
static FAST void condition_row(const float *const rows[5], int cells, uint16_t *to, Py_ssize_t apart) {
    const __m256i numbers = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    const __m256 one = _mm256_set1_ps(1.0f);
    for (int c = 0; c < cells; c += 8) {
        __m256i wanted = _mm256_cmpgt_epi32(_mm256_set1_epi32(cells - c), numbers);
        __m256 given[5], planes[PLANES];
        for (int k = 0; k < 5; k++) given[k] = some_of(rows[k] + c, wanted);
        __m256 inside = given[3];
        planes[0] = given[0];
        for (int axis = 0; axis < 2; axis++) {
            __m256 sine, cosine;
            planes[1 + axis] = _mm256_mul_ps(given[1 + axis], inside);
            turn_eight(given[1 + axis], &sine, &cosine);
            for (int wave = 0; wave < WAVES; wave++) {
                planes[3 + 2 * wave + axis] = _mm256_mul_ps(sine, inside);
                planes[3 + 2 * (WAVES + wave) + axis] = _mm256_mul_ps(cosine, inside);
                __m256 twice = _mm256_add_ps(sine, sine), before = cosine;
                cosine = _mm256_fnmadd_ps(twice, sine, one);
                sine = _mm256_mul_ps(twice, before);
            }
        }
        planes[PLANES - 2] = inside;
        planes[PLANES - 1] = given[4];
        for (int k = 0; k < PLANES; k++) store_some(to + k * apart + c, in_bf16(planes[k]), cells - c);
    }
}

static void condition_rows(const Py_buffer *const given[5], const Py_buffer *out) {
    int height = (int)given[0]->shape[0], width = (int)given[0]->shape[1], cells = width - 2 * MARGIN;
    for (int y = MARGIN; y < height - MARGIN; y++) {
        const float *rows[5];
        for (int k = 0; k < 5; k++)
            rows[k] = (const float *)((const char *)given[k]->buf + y * given[k]->strides[0]) + MARGIN;
        condition_row(rows, cells, (uint16_t *)out->buf + (size_t)(y - MARGIN) * cells, out->shape[1]);
    }
}

static void blend_rows(const Py_buffer *core, const Py_buffer *change, const Py_buffer *out) {
    Py_ssize_t apart = change->shape[1];
    int cells = (int)core->shape[1] / 2;
    for (int y = 0; y < (int)core->shape[0]; y++) {
        const uint16_t *delta = (const uint16_t *)change->buf + (size_t)(y & 1) * 6 * apart + (size_t)(y / 2) * cells;
        blend_row((const uint8_t *)core->buf + y * core->strides[0], delta, delta + PIXELS * COLOURS * apart, apart,
                  cells, (uint8_t *)out->buf + y * out->strides[0]);
    }
}
#else
typedef struct {
    const uint16_t *texels;
    int rows, columns;
} Texture;

static void gather_rows(const Py_buffer *image, const Py_buffer *planes[3], const Texture *fine,
                        const Texture *coarse, const float *gain, const Py_buffer *out) {}

static void condition_rows(const Py_buffer *const given[5], const Py_buffer *out) {}

static void blend_rows(const Py_buffer *core, const Py_buffer *change, const Py_buffer *out) {}
#endif

#include "../face/_arrays.h"

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
            Py_BEGIN_ALLOW_THREADS
            gather_rows(image, planes, &textures[0], &textures[1], gain->buf, out);
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
            Py_BEGIN_ALLOW_THREADS
            condition_rows(given, out);
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
            blend_rows(core, change, out);
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
