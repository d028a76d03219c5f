/* Changes some blocks of a sequential JPEG's scan; all other blocks keep their symbols.
 *
 * The scan is decoded block by block and encoded again. A block is read as pairs of run and size with the bits of the
 * number; an unchanged block is written as it was read, except for the difference of its DC coefficient from the block
 * before. Huffman codes: ITU T.81, C, E and F.
 *
 * Python reads the headers (jpeg_recode.py) and passes numbers. All reads are bounds-checked, and all indices are
 * validated, as files are untrusted.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define LOOK 9
#define MOST_COMPONENTS 4
#define MOST_BLOCKS 10
#define TABLE_BYTES (16 + 256)
#define MOST_COEFFICIENT 1023

typedef struct {
    uint16_t look[1 << LOOK]; /* length * 256 + symbol of codes of at most LOOK bits, or 0 */
    int32_t last[18];         /* the largest code of each length, or -1 */
    int32_t shift[17];        /* offset from a code of that length to the index of its symbol */
    uint8_t symbols[256];
    uint16_t code[256];
    uint8_t length[256]; /* 0: the table has no code for this symbol */
} Table;

typedef struct {
    const uint8_t *at, *end;
    uint64_t bits;
    int count;
    int lacking; /* zero bits supplied beyond the data */
} Reader;

typedef struct {
    uint8_t *data;
    size_t used, room;
    uint64_t bits;
    int count;
    int failed;
} Writer;

enum { DONE, DAMAGED, NO_CODE, NO_MEMORY };

static int make_table(Table *table, const uint8_t *counts) {
    int total = 0, code = 0, entry = 0;
    for (int i = 0; i < 16; i++) total += counts[i];
    if (total > 256) return 0;
    memset(table, 0, sizeof *table);
    memcpy(table->symbols, counts + 16, (size_t)total);
    table->last[17] = INT32_MAX;
    for (int length = 1; length <= 16; length++, code <<= 1) {
        table->shift[length] = entry - code;
        for (int i = 0; i < counts[length - 1]; i++, code++, entry++) {
            uint8_t symbol = table->symbols[entry];
            if (code >= 1 << length) return 0;
            table->code[symbol] = (uint16_t)code;
            table->length[symbol] = (uint8_t)length;
            if (length <= LOOK) {
                int first = code << (LOOK - length), many = 1 << (LOOK - length);
                for (int j = 0; j < many; j++) table->look[first + j] = (uint16_t)(length << 8 | symbol);
            }
        }
        table->last[length] = counts[length - 1] ? code - 1 : -1;
    }
    return 1;
}

/* Fill the bit buffer to at least 32 bits. */
static inline void fill(Reader *in) {
    if (in->count >= 32) return;
    if (in->end - in->at >= 4) { /* four bytes together if none is 255 */
        uint32_t word = (uint32_t)in->at[0] << 24 | (uint32_t)in->at[1] << 16 | (uint32_t)in->at[2] << 8 | in->at[3];
        if (!((word & ~(word + 0x01010101u)) & 0x80808080u)) {
            in->bits |= (uint64_t)word << (32 - in->count);
            in->count += 32;
            in->at += 4;
            return;
        }
    }
    while (in->count <= 56) {
        uint8_t byte = 0;
        if (in->at < in->end && (in->at[0] != 0xFF || (in->at + 1 < in->end && in->at[1] == 0))) {
            byte = in->at[0];
            in->at += byte == 0xFF ? 2 : 1;
        } else {
            in->lacking += 8; /* a marker or the end: zeros, which may be buffered but not used */
        }
        in->bits |= (uint64_t)byte << (56 - in->count);
        in->count += 8;
    }
}

static inline uint32_t take(Reader *in, int count) {
    uint32_t value = count ? (uint32_t)(in->bits >> (64 - count)) : 0;
    in->bits <<= count;
    in->count -= count;
    return value;
}

/* The next symbol, or -1; needs at least 32 buffered bits. */
static inline int next_symbol(Reader *in, const Table *table) {
    uint16_t found = table->look[in->bits >> (64 - LOOK)];
    if (found) {
        take(in, found >> 8);
        return found & 255;
    }
    for (int length = LOOK + 1; length <= 16; length++) {
        int32_t code = (int32_t)(in->bits >> (64 - length));
        if (code <= table->last[length]) {
            int entry = code + table->shift[length];
            if (entry < 0 || entry > 255) return -1;
            take(in, length);
            return table->symbols[entry];
        }
    }
    return -1;
}

/* Reserve 32 more bytes; returns 0 if memory is exhausted. */
static int reserve(Writer *out) {
    if (out->room - out->used >= 32) return 1;
    uint8_t *data = realloc(out->data, out->room * 2);
    if (!data) {
        out->failed = 1;
        out->bits = 0;
        out->count = 0;
        return 0;
    }
    out->data = data;
    out->room *= 2;
    return 1;
}

/* Write the complete bytes, at most 8, with a zero after each 255. */
static void drain(Writer *out) {
    if (!reserve(out)) return;
    if (out->count >= 32) { /* four bytes together if none is 255 */
        uint32_t word = (uint32_t)(out->bits >> 32);
        if (!((word & ~(word + 0x01010101u)) & 0x80808080u)) {
            for (int i = 0; i < 4; i++) out->data[out->used++] = (uint8_t)(word >> (24 - 8 * i));
            out->bits <<= 32;
            out->count -= 32;
            return;
        }
    }
    while (out->count >= 8) {
        uint8_t byte = (uint8_t)(out->bits >> 56);
        out->data[out->used++] = byte;
        if (byte == 0xFF) out->data[out->used++] = 0;
        out->bits <<= 8;
        out->count -= 8;
    }
}

/* Write the lowest bits of a value, at most 32. */
static inline void put(Writer *out, uint32_t value, int count) {
    if (!count) return;
    out->bits |= (uint64_t)value << (64 - out->count - count);
    out->count += count;
    if (out->count >= 32) drain(out);
}

/* Pad the last byte with ones and write all buffered bits. */
static void flush(Writer *out) {
    int missing = -out->count & 7;
    put(out, (1u << missing) - 1, missing);
    drain(out);
}

static inline int size_of(int value) {
    unsigned rest = (unsigned)(value < 0 ? -value : value);
    int size = 0;
    for (; rest; rest >>= 1) size++;
    return size;
}

/* Write a symbol and the bits of a number; returns 0 if the table has no code for the symbol. */
static inline int put_symbol(Writer *out, const Table *table, int symbol, uint32_t bits, int size) {
    int length = table->length[symbol];
    put(out, (uint32_t)table->code[symbol] << size | bits, length + size);
    return length;
}

static inline int put_number(Writer *out, const Table *table, int run, int value) {
    int size = size_of(value);
    uint32_t bits = (uint32_t)(value < 0 ? value + (1 << size) - 1 : value);
    return size > 15 ? 0 : put_symbol(out, table, run << 4 | size, bits, size);
}

static inline int number_of(uint32_t bits, int size) {
    return size && bits < 1u << (size - 1) ? (int)bits - (1 << size) + 1 : (int)bits;
}

static inline int within(int value) {
    return value < -MOST_COEFFICIENT ? -MOST_COEFFICIENT : value > MOST_COEFFICIENT ? MOST_COEFFICIENT : value;
}

/* Write 63 AC coefficients in zigzag order. */
static int put_block(Writer *out, const Table *table, const int *values) {
    int run = 0;
    for (int i = 1; i < 64; i++) {
        if (!values[i]) {
            run++;
            continue;
        }
        for (; run > 15; run -= 16)
            if (!put_symbol(out, table, 0xF0, 0, 0)) return 0;
        if (!put_number(out, table, run, values[i])) return 0;
        run = 0;
    }
    return !run || put_symbol(out, table, 0, 0, 0);
}

/* Decode a block with its own tables, add delta [64] if given, and encode it with the new tables. */
static int recode_block(Reader *in, Writer *out, const Table *const *old, const Table *const *new,
                        const int16_t *delta, int *dc_in, int *dc_out) {
    int values[64];
    fill(in);
    int size = next_symbol(in, old[0]);
    if (size < 0 || size > 15) return DAMAGED;
    *dc_in += number_of(take(in, size), size);
    if (*dc_in < -32768 || *dc_in > 32767) return DAMAGED;
    int dc = delta ? within(*dc_in + delta[0]) : *dc_in;
    if (!put_number(out, new[0], 0, dc - *dc_out)) return NO_CODE;
    *dc_out = dc;
    if (delta) memset(values, 0, sizeof values);
    for (int i = 1; i < 64; i++) {
        fill(in);
        int symbol = next_symbol(in, old[1]);
        if (symbol < 0) return DAMAGED;
        size = symbol & 15;
        uint32_t bits = take(in, size);
        if (!delta && !put_symbol(out, new[1], symbol, bits, size)) return NO_CODE;
        if (!size) {
            if (symbol != 0xF0) {
                if (symbol) return DAMAGED;
                break;
            }
            i += 15;
        } else {
            i += symbol >> 4;
            if (i > 63) return DAMAGED;
            values[i] = number_of(bits, size);
        }
        if (i > 63) return DAMAGED;
    }
    if (in->lacking > in->count) return DAMAGED; /* bits beyond the data were used */
    if (!delta) return DONE;
    for (int i = 1; i < 64; i++) values[i] = within(values[i] + delta[i]);
    return put_block(out, new[1], values) ? DONE : NO_CODE;
}

/* Skip a restart marker in the data and write the same one. */
static int restart(Reader *in, Writer *out, int number) {
    while (in->at < in->end && in->at[0] == 0xFF && in->at + 1 < in->end && in->at[1] == 0xFF) in->at++;
    if (in->end - in->at < 2 || in->at[0] != 0xFF || in->at[1] != 0xD0 + number) return DAMAGED;
    if (in->count - in->lacking >= 8) return DAMAGED; /* unread bytes before the marker */
    in->at += 2;
    in->bits = 0;
    in->count = in->lacking = 0;
    flush(out);
    if (!reserve(out)) return NO_MEMORY;
    out->data[out->used++] = 0xFF;
    out->data[out->used++] = (uint8_t)(0xD0 + number);
    return DONE;
}

typedef struct {
    Table old[2 * MOST_COMPONENTS], new[2 * MOST_COMPONENTS];
    const uint8_t *layout;
    int blocks, components;
    uint32_t units;
    uint32_t interval;
    const uint32_t *indices;
    const int16_t *deltas;
    size_t changes;
} Job;

static int recode(Reader *in, Writer *out, Job *job) {
    int dc_in[MOST_COMPONENTS] = {0}, dc_out[MOST_COMPONENTS] = {0};
    size_t next = 0;
    uint32_t index = 0;
    for (uint32_t unit = 0; unit < job->units; unit++) {
        if (job->interval && unit && unit % job->interval == 0) {
            int status = restart(in, out, (int)((unit / job->interval - 1) & 7));
            if (status != DONE) return status;
            memset(dc_in, 0, sizeof dc_in);
            memset(dc_out, 0, sizeof dc_out);
        }
        for (int i = 0; i < job->blocks; i++, index++) {
            int one = job->layout[i];
            const Table *old[2] = {&job->old[2 * one], &job->old[2 * one + 1]};
            const Table *new[2] = {&job->new[2 * one], &job->new[2 * one + 1]};
            const int16_t *delta = NULL;
            if (next < job->changes && job->indices[next] == index) delta = job->deltas + 64 * next++;
            int status = recode_block(in, out, old, new, delta, &dc_in[one], &dc_out[one]);
            if (status != DONE) return status;
            if (out->failed) return NO_MEMORY;
        }
    }
    flush(out);
    return out->failed ? NO_MEMORY : next == job->changes ? DONE : DAMAGED;
}

static PyObject *recode_scan(PyObject *module, PyObject *args) {
    Py_buffer data, layout, old, new, indices, deltas;
    unsigned int units, interval;
    PyObject *result = NULL;
    if (!PyArg_ParseTuple(args, "y*y*Iy*y*Iy*y*", &data, &layout, &units, &old, &new, &interval, &indices, &deltas))
        return NULL;
    Job *job = calloc(1, sizeof *job);
    Writer out = {0};
    int status = NO_MEMORY, fits = 0;
    if (job) {
        job->layout = layout.buf;
        job->blocks = (int)layout.len;
        job->components = (int)(old.len / (2 * TABLE_BYTES));
        job->units = units;
        job->interval = interval;
        job->indices = indices.buf;
        job->deltas = deltas.buf;
        job->changes = (size_t)indices.len / 4;
        fits = layout.len >= 1 && layout.len <= MOST_BLOCKS && job->components >= 1 &&
               job->components <= MOST_COMPONENTS && old.len == new.len &&
               old.len == (Py_ssize_t)job->components * 2 * TABLE_BYTES && indices.len % 4 == 0 &&
               deltas.len == indices.len / 4 * 128 && units < UINT32_MAX / MOST_BLOCKS;
        for (int i = 0; fits && i < job->blocks; i++) fits = job->layout[i] < job->components;
        for (int i = 0; fits && i < 2 * job->components; i++)
            fits = make_table(&job->old[i], (const uint8_t *)old.buf + i * TABLE_BYTES) &&
                   make_table(&job->new[i], (const uint8_t *)new.buf + i * TABLE_BYTES);
        out.room = (size_t)data.len + (size_t)data.len / 4 + 1024;
        out.data = malloc(out.room);
        if (fits && out.data) {
            Reader in = {data.buf, (const uint8_t *)data.buf + data.len, 0, 0, 0};
            Py_BEGIN_ALLOW_THREADS
            status = recode(&in, &out, job);
            Py_END_ALLOW_THREADS
        } else if (!fits) {
            status = DAMAGED;
        }
    }
    if (status == DONE)
        result = PyBytes_FromStringAndSize((const char *)out.data, (Py_ssize_t)out.used);
    else if (status == NO_MEMORY)
        PyErr_NoMemory();
    else if (status == NO_CODE)
        PyErr_SetString(PyExc_LookupError, "the tables have no code for a symbol");
    else
        PyErr_SetString(PyExc_ValueError, "the scan is damaged, or not of this layout");
    free(out.data);
    free(job);
    PyBuffer_Release(&data);
    PyBuffer_Release(&layout);
    PyBuffer_Release(&old);
    PyBuffer_Release(&new);
    PyBuffer_Release(&indices);
    PyBuffer_Release(&deltas);
    return result;
}

static PyMethodDef methods[] = {{"recode_scan", recode_scan, METH_VARARGS, "See _recode.pyi."}, {NULL, NULL, 0, NULL}};
static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "_recode", NULL, 0, methods, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__recode(void) { return PyModule_Create(&definition); }
