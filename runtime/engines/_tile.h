/* One tile through the generator, by several threads: the steps, their memory, and who computes what. */
#ifndef AMGAN_TILE_H
#define AMGAN_TILE_H

#include "_generator.h"

#if CAN_BE_FAST
#include <pthread.h>

#define ALL_STEPS (MOST_STEPS + 2) /* and the two ends */
#define GROUPS 3                   /* of rows for each thread, so that none waits long for another */
#define SLACK 64

/* A picture of numbers, [high, wide, channels]. */
typedef struct {
    float *at;
    int high, wide, channels;
} Picture;

typedef struct {
    const Generator *by;
    Atlas atlas;
    TileInputs tile;
    uint8_t *aged;
    ptrdiff_t aged_row;
    Picture seen, planes, change;
    Step steps[MOST_STEPS];
    int count, planned, threads; /* threads that were asked for, and those that there are */
    float *spare;
    size_t spare_each;
    int next[ALL_STEPS]; /* the next group of each step that no thread has taken */
    pthread_mutex_t lock;
    pthread_cond_t all_here;
    int here, round;
} Run;

static size_t floats_of(Picture of) { return (size_t)of.high * of.wide * of.channels + SLACK; }
static size_t larger(size_t one, size_t other) { return one > other ? one : other; }

/* The picture that a convolution makes of another one. */
static Picture convolved(Picture from, const Convolution *by) {
    int less = by->taps - 1;
    return (Picture){NULL, from.high - less, from.wide - less, by->outputs};
}

/* The place in a picture that is as many rows and columns from each edge as the other one is smaller by. */
static const float *inside(Picture outer, int high, int wide) {
    return outer.at + ((size_t)(outer.high - high) / 2 * outer.wide + (outer.wide - wide) / 2) * outer.channels;
}

static Step *add_step(Run *run, const Convolution *by, void (*fill)(const Step *, int, float *, float *), Picture from,
                      Picture to, Activation activation) {
    Step *step = &run->steps[run->count++];
    *step = (Step){.by = by, .fill = fill, .from = from.at, .high = from.high, .wide = from.wide};
    step->to = (Outputs){.to = to.at, .row = (ptrdiff_t)to.wide * to.channels, .channels = to.channels, .activation = activation};
    return step;
}

/* Add another picture, as far inside as it is larger, to the output of a step. */
static void add_inside(Step *step, Picture outer, Picture to) {
    step->to.add = inside(outer, to.high, to.wide);
    step->to.add_row = (ptrdiff_t)outer.wide * outer.channels;
}

/* The layers of SPADE, in three pictures of ``memory`` in turn; returns the last. */
static Picture add_layers(Run *run, Picture x, float *memory, size_t each) {
    for (int k = 0; k < run->by->count; k++) {
        const Layer *layer = &run->by->layers[k];
        int last = k + 1 == run->by->count;
        Picture before = x, y = convolved(x, &layer->by);
        if (k % 2) before = (Picture){memory + (size_t)(k - 1) % 3 * each, x.high + 2, x.wide + 2, x.channels};
        y.at = memory + (size_t)(k + 1) % 3 * each;
        Step *step = add_step(run, &layer->by, fill_modulated, x, y, last ? POSITIVE : AS_IS);
        step->layer = layer;
        step->beside = inside(run->planes, x.high, x.wide);
        step->beside_row = (ptrdiff_t)run->planes.wide * CONDITIONS;
        if (k % 2) add_inside(step, before, y);
        x = y;
    }
    return x;
}

/* Plan the steps of a tile in ``memory`` (NULL: only its size); returns the numbers it takes, 0 for a tile that is too
 * small. */
static size_t plan_run(Run *run, float *memory) {
    const Generator *by = run->by;
    int high = (run->tile.height - 2 * OUTER) / 2, wide = (run->tile.width - 2 * OUTER) / 2;
    run->count = 0;
    Picture seen = {NULL, high, wide, SEEN}, fine = convolved(seen, &by->stem), middle = convolved(fine, &by->down1);
    Picture cells = {NULL, middle.high / 2, middle.wide / 2, 4 * middle.channels}, x = convolved(cells, &by->down2);
    Picture last = {NULL, x.high - 2 * by->count, x.wide - 2 * by->count, x.channels};
    if (last.high < 3 || last.wide < 3) return 0;
    Picture up = convolved(last, &by->up1), pixels = {NULL, 2 * up.high, 2 * up.wide, middle.channels};
    Picture end = convolved(pixels, &by->up2), change = convolved(end, &by->heads);
    Picture planes = {NULL, x.high, x.wide, CONDITIONS};
    size_t each = floats_of(x), first = larger(larger(floats_of(seen), 3 * each), floats_of(end));
    size_t second = larger(floats_of(up), floats_of(change));
    fine.at = memory, middle.at = fine.at + floats_of(fine), planes.at = middle.at + floats_of(middle);
    float *one = planes.at + floats_of(planes), *other = one + first;
    seen.at = x.at = end.at = one, up.at = change.at = other;
    cells.at = middle.at, pixels.at = up.at;
    run->seen = seen, run->planes = planes, run->change = change, run->spare = other + second;
    add_step(run, &by->stem, fill_same, seen, fine, POSITIVE);
    add_step(run, &by->down1, fill_same, fine, middle, POSITIVE);
    add_step(run, &by->down2, fill_cells, cells, x, AS_IS);
    add_step(run, &by->up1, fill_same, add_layers(run, x, one, each), up, AS_IS);
    Step *step = add_step(run, &by->up2, fill_pixels, pixels, end, POSITIVE);
    step->beside = inside(middle, pixels.high, pixels.wide), step->beside_row = (ptrdiff_t)middle.wide * middle.channels;
    add_inside(step, fine, end);
    add_step(run, &by->heads, fill_same, end, change, TANH);
    run->spare_each = larger(seen_spare_floats(run->tile.width), SLACK);
    for (int k = 0; k < run->count; k++) run->spare_each = larger(run->spare_each, step_spare_floats(&run->steps[k]));
    run->spare_each += SLACK;
    return (size_t)(run->spare - memory) + run->planned * run->spare_each;
}

/* Rows of a part of a tile: of pixels in pairs and of the conditioning at the start, of pixels at the end. */
static int rows_in(const Run *run, int part) {
    if (part == 0) return run->seen.high + run->planes.high;
    return part <= run->count ? tile_rows(&run->steps[part - 1]) : run->change.high;
}

static FAST void see(const Run *run, int first, int stop, float *spare) {
    for (int y = first; y < stop; y++) {
        if (y < run->seen.high) {
            float *to = run->seen.at + (size_t)y * run->seen.wide * SEEN;
            for (int k = 0; k < 2; k++) see_row(&run->tile, &run->atlas, OUTER + 2 * y + k, to, spare);
        } else {
            int row = y - run->seen.high;
            condition_cells(&run->tile, row + MARGIN, run->planes.at + (size_t)row * run->planes.wide * CONDITIONS);
        }
    }
}

static FAST void change_rows(const Run *run, int first, int stop) {
    Picture change = run->change;
    int top = run->tile.height / 2 - change.high, left = run->tile.width / 2 - change.wide;
    for (int y = 2 * first; y < 2 * stop; y++) {
        const uint8_t *codes = (const uint8_t *)row_of(run->tile.image, top + y) + left * COLOURS;
        change_row(codes, change.at + (size_t)(y / 2) * change.wide * HEADS, y, change.wide, run->aged + y * run->aged_row);
    }
}

/* Wait until all threads are here. */
static void meet(Run *run) {
    if (run->planned == 1) return;
    pthread_mutex_lock(&run->lock);
    int round = run->round;
    if (++run->here == run->threads) {
        run->here = 0, run->round++;
        pthread_cond_broadcast(&run->all_here);
    }
    while (round == run->round) pthread_cond_wait(&run->all_here, &run->lock);
    pthread_mutex_unlock(&run->lock);
}

typedef struct {
    Run *run;
    int number;
} Thread;

static FAST void *compute(void *given) {
    Thread *self = given;
    Run *run = self->run;
    float *spare = run->spare + self->number * run->spare_each;
    for (int part = 0; part < run->count + 2; part++) {
        int rows = rows_in(run, part), most = run->planned == 1 ? 1 : GROUPS * run->planned;
        int groups = rows < most ? rows : most, group;
        while ((group = __atomic_fetch_add(&run->next[part], 1, __ATOMIC_RELAXED)) < groups) {
            int first = (int)((long)rows * group / groups), stop = (int)((long)rows * (group + 1) / groups);
            if (part == 0)
                see(run, first, stop, spare);
            else if (part <= run->count)
                compute_rows(&run->steps[part - 1], first, stop, spare);
            else
                change_rows(run, first, stop);
        }
        meet(run);
    }
    return NULL;
}

#define MOST_THREADS 64

/* Compute a planned tile with as many threads as it was planned for, or as the system gives. */
static void compute_tile(Run *run) {
    pthread_t threads[MOST_THREADS];
    Thread selves[MOST_THREADS];
    int started = 1;
    memset(run->next, 0, sizeof run->next);
    run->here = run->round = 0;
    pthread_mutex_init(&run->lock, NULL);
    pthread_cond_init(&run->all_here, NULL);
    pthread_mutex_lock(&run->lock); /* nobody meets until it is known how many there are */
    for (; started < run->planned; started++) {
        selves[started] = (Thread){run, started};
        if (pthread_create(&threads[started], NULL, compute, &selves[started])) break;
    }
    run->threads = started;
    pthread_mutex_unlock(&run->lock);
    selves[0] = (Thread){run, 0};
    compute(&selves[0]);
    for (int k = 1; k < started; k++) pthread_join(threads[k], NULL);
    pthread_cond_destroy(&run->all_here);
    pthread_mutex_destroy(&run->lock);
}
#endif
#endif
