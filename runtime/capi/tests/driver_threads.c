/* Four threads with a handle each, and four with a shared one, must get the pixels of a single thread. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "driver.h"

enum { THREADS = 4, ROUNDS = 2 };

typedef struct job {
    const char *bundle;
    amgan *shared; /* null: open one of its own */
    unsigned seed;
    const uint8_t *expected;
} job;

static void age(amgan *handle, unsigned seed, uint8_t *out) {
    const float years[4] = {-20.0f, 75.0f, 40.0f, 10.0f};
    const amgan_map map = {years, 2 * sizeof(float), 2, 0};
    uint8_t *pixels = make_pixels(seed);
    const amgan_frame frame = frame_of(pixels);
    expect(amgan_age(handle, &frame, &map, NULL, NULL, out, 3 * SIDE), AMGAN_OK, "ageing in a thread");
    free(pixels);
}

/* Twenty years older, by the estimated ages of the zones. */
static void older(amgan *handle, const float *estimated, uint8_t *out) {
    double points[2 * AMGAN_LANDMARKS];
    amgan_info info;
    amgan_zone_ages now, wanted;
    float years = 0.0f;
    make_landmarks(points);
    expect(amgan_get_info(handle, &info, sizeof info), AMGAN_OK, "info in a thread");
    const amgan_map shown = {estimated, 64 * sizeof(float), info.estimator_grid, 0};
    const amgan_frame frame = frame_of(out);
    expect(amgan_read_zones(handle, points, &shown, &now), AMGAN_OK, "reading in a thread");
    expect(amgan_face_age(&now, &years), AMGAN_OK, "a face's age in a thread");
    expect(amgan_move_zones(handle, &now, years + 20.0f, &wanted), AMGAN_OK, "moving in a thread");
    expect(amgan_age_zones(handle, &frame, points, &wanted, &now, NULL, out, 3 * SIDE), AMGAN_OK, "zones in a thread");
}

static void *work(void *argument) {
    const job *mine = argument;
    amgan *handle = mine->shared;
    uint8_t *out = malloc(PIXEL_BYTES);
    float ages[64 * 64];
    require(out != NULL, "memory in a thread");
    if (handle == NULL) expect(amgan_open(mine->bundle, "cpu", "f32", &handle), AMGAN_OK, "opening in a thread");
    for (int round = 0; round < ROUNDS; ++round) {
        char sentence[64];
        const float wrong = 1000.0f + (float)mine->seed;
        const amgan_map map = {&wrong, 0, 1, 0};
        memset(out, 0, PIXEL_BYTES);
        age(handle, mine->seed, out);
        require(memcmp(out, mine->expected, PIXEL_BYTES) == 0, "the same pixels in every thread");
        /* Each thread has its own error text. */
        const amgan_frame frame = frame_of(out);
        require(amgan_age(handle, &frame, &map, NULL, NULL, out, 3 * SIDE) == AMGAN_ERROR_ARGUMENT, "a wrong age");
        expect(amgan_estimate(handle, &frame, ages, 64 * sizeof(float)), AMGAN_OK, "an estimate in a thread");
        older(handle, ages, out);
        snprintf(sentence, sizeof sentence, "%u.0 years", 1000 + mine->seed);
        require(strstr(amgan_last_error(), sentence) != NULL, "the thread's own error");
    }
    if (mine->shared == NULL) amgan_close(handle);
    free(out);
    return NULL;
}

static void run(const char *bundle, amgan *shared, uint8_t *const *expected) {
    pthread_t threads[THREADS];
    job jobs[THREADS];
    for (unsigned i = 0; i < THREADS; ++i) {
        const job one = {bundle, shared, i, expected[i]};
        jobs[i] = one;
        require(pthread_create(&threads[i], NULL, work, &jobs[i]) == 0, "starting a thread");
    }
    for (unsigned i = 0; i < THREADS; ++i) require(pthread_join(threads[i], NULL) == 0, "ending a thread");
}

void run_threads(const char *bundle) {
    uint8_t *expected[THREADS];
    amgan *handle = NULL;
    expect(amgan_open(bundle, "cpu", "f32", &handle), AMGAN_OK, "opening");
    for (unsigned i = 0; i < THREADS; ++i) {
        expected[i] = malloc(PIXEL_BYTES);
        require(expected[i] != NULL, "memory");
        age(handle, i, expected[i]);
    }
    run(bundle, handle, expected);
    run(bundle, NULL, expected);
    for (unsigned i = 0; i < THREADS; ++i) free(expected[i]);
    amgan_close(handle);
}
