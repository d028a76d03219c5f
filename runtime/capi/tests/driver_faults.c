/* Tests every status with all kinds of wrong calls. */
#define _POSIX_C_SOURCE 200809L
#include <malloc.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "driver.h"

static const char *name_of(int z) { return amgan_zone_name(z); }

static void check_texts(void) {
    char version[32];
    snprintf(version, sizeof version, "%d.%d.%d", AMGAN_VERSION_MAJOR, AMGAN_VERSION_MINOR, AMGAN_VERSION_PATCH);
    require(strcmp(version, amgan_version()) == 0, "the library is of the header's version");
    require(amgan_last_error()[0] == '\0', "there is no error before the first");
    for (int status = -1; status <= 6; ++status)
        require(amgan_status_text((amgan_status)(status & 7))[0] != '\0', "every status has a text");
    require(name_of(-1) == NULL && name_of(AMGAN_ZONES) == NULL && name_of(0) != NULL, "names of zones");
}

static void fail_to_open(const char *bundle, const char *broken, const char *empty) {
    amgan *handle = (amgan *)(void *)bundle; /* anything but null */
    expect(amgan_open(bundle, "cpu", NULL, NULL), AMGAN_ERROR_ARGUMENT, "no place for the handle");
    expect(amgan_open(NULL, "cpu", NULL, &handle), AMGAN_ERROR_ARGUMENT, "no folder");
    require(handle == NULL, "the handle is null after an error");
    expect(amgan_open(bundle, "tpu", NULL, &handle), AMGAN_ERROR_ARGUMENT, "an unknown device");
    expect(amgan_open(bundle, "cuda:", NULL, &handle), AMGAN_ERROR_ARGUMENT, "half a device");
    expect(amgan_open(bundle, "cpu", "f8", &handle), AMGAN_ERROR_ARGUMENT, "an unknown precision");
    expect(amgan_open("/nowhere", "cpu", NULL, &handle), AMGAN_ERROR_BUNDLE, "no such folder");
    expect(amgan_open(empty, "cpu", NULL, &handle), AMGAN_ERROR_BUNDLE, "an empty folder");
    expect(amgan_open(bundle, "cpu", "f16", &handle), AMGAN_ERROR_DEVICE, "a precision the CPU lacks");
    expect(amgan_open(bundle, "cuda:999", NULL, &handle), AMGAN_ERROR_DEVICE, "a GPU there is not");
    expect(amgan_open(broken, "cpu", NULL, &handle), AMGAN_ERROR_ENGINE, "a network that is garbage");
    require(handle == NULL, "the handle is null after an error");
}

static void fail_to_age(amgan *handle) {
    /* Changes of a map: a valid one, those just too large either way (the limit is 90 - 15 years), and none. */
    static const float younger = -20.0f, too_many = 75.5f, too_few = -75.5f, none = NAN;
    uint8_t *pixels = make_pixels(1), *out = calloc(1, PIXEL_BYTES), *zeros = calloc(1, PIXEL_BYTES);
    double *points = malloc(sizeof(double) * 2 * AMGAN_LANDMARKS);
    require(out != NULL && zeros != NULL && points != NULL, "memory");
    make_landmarks(points);
    const amgan_frame good = frame_of(pixels);
    const amgan_map map = {&younger, 0, 1, 0};
    const ptrdiff_t stride = 3 * SIDE;

    amgan_frame frame = good;
    expect(amgan_age(NULL, &good, &map, NULL, NULL, out, stride), AMGAN_ERROR_ARGUMENT, "no handle");
    expect(amgan_age(handle, NULL, &map, NULL, NULL, out, stride), AMGAN_ERROR_ARGUMENT, "no frame");
    frame.pixels = NULL;
    expect(amgan_age(handle, &frame, &map, NULL, NULL, out, stride), AMGAN_ERROR_ARGUMENT, "no pixels");
    for (int side = -64; side <= 0x7fff0000; side = side < 64 ? side + 33 : side * 32 + 1) {
        frame = good, frame.side_px = side;
        expect(amgan_age(handle, &frame, &map, NULL, NULL, out, stride), AMGAN_ERROR_ARGUMENT, "an odd side");
        if (side > 1 << 25) break;
    }
    frame = good, frame.margin_px = -1;
    expect(amgan_age(handle, &frame, &map, NULL, NULL, out, stride), AMGAN_ERROR_ARGUMENT, "a negative margin");
    frame = good, frame.stride_bytes = stride - 1;
    expect(amgan_age(handle, &frame, &map, NULL, NULL, out, stride), AMGAN_ERROR_ARGUMENT, "a short stride");
    expect(amgan_age(handle, &good, &map, NULL, NULL, NULL, stride), AMGAN_ERROR_ARGUMENT, "no output");
    expect(amgan_age(handle, &good, &map, NULL, NULL, out, 1 - stride), AMGAN_ERROR_ARGUMENT, "a short output stride");

    const amgan_map wrong[] = {{NULL, 0, 1, 0},   {&younger, 0, 0, 0},  {&younger, 0, 1, -1}, {&younger, 3, 2, 0},
                               {&too_many, 0, 1, 0}, {&too_few, 0, 1, 0}, {&none, 0, 1, 0}, {&younger, 0, 1 << 20, 0}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; ++i)
        expect(amgan_age(handle, &good, &wrong[i], NULL, NULL, out, stride), AMGAN_ERROR_ARGUMENT, "a wrong map");
    expect(amgan_age(handle, &good, NULL, NULL, NULL, out, stride), AMGAN_ERROR_ARGUMENT, "no map");

    amgan_zone_ages ages = {.base = 30.0f};
    for (int z = 0; z < AMGAN_ZONES; ++z) ages.years[z][0] = ages.years[z][1] = NAN;
    expect(amgan_age_zones(handle, &good, NULL, &ages, NULL, NULL, out, stride), AMGAN_ERROR_ARGUMENT, "no landmarks");
    expect(amgan_age_zones(handle, &good, points, NULL, NULL, NULL, out, stride), AMGAN_ERROR_ARGUMENT, "no ages");
    points[77] = INFINITY;
    expect(amgan_age_zones(handle, &good, points, &ages, NULL, NULL, out, stride), AMGAN_ERROR_ARGUMENT, "no number");
    ages.base = NAN;
    expect(amgan_age_zones(handle, &good, points, &ages, NULL, NULL, out, stride), AMGAN_ERROR_ARGUMENT, "no base age");
    ages.base = 30.0f, ages.years[3][1] = 3.0f;
    expect(amgan_age_zones(handle, &good, points, &ages, NULL, NULL, out, stride), AMGAN_ERROR_ARGUMENT, "too young a zone");
    ages.years[3][1] = NAN;
    make_landmarks(points);

    float years[32 * 32];
    expect(amgan_zone_map(handle, points, &ages, 15, 0, years, 128), AMGAN_ERROR_ARGUMENT, "too small a map");
    expect(amgan_zone_map(handle, points, &ages, 16, 17, years, 200), AMGAN_ERROR_ARGUMENT, "too wide a margin");
    expect(amgan_zone_map(handle, points, &ages, 32, 0, NULL, 128), AMGAN_ERROR_ARGUMENT, "no place for a map");
    expect(amgan_zone_map(handle, points, &ages, 32, 0, years, 127), AMGAN_ERROR_ARGUMENT, "a short map stride");
    expect(amgan_estimate(handle, &good, NULL, 64), AMGAN_ERROR_ARGUMENT, "no place for ages");
    expect(amgan_estimate(NULL, &good, years, 64), AMGAN_ERROR_ARGUMENT, "no handle to estimate with");
    require(memcmp(out, zeros, PIXEL_BYTES) == 0, "errors write nothing");

    expect(amgan_zone_map(handle, points, &ages, 32, 0, years, 128), AMGAN_OK, "a zone map");
    expect(amgan_estimate(handle, &good, years, 32 * (ptrdiff_t)sizeof(float)), AMGAN_OK, "an estimate");
    expect(amgan_age(handle, &good, &map, points, NULL, out, stride), AMGAN_OK, "a face");
    expect(amgan_age_zones(handle, &good, points, &ages, NULL, NULL, out, stride), AMGAN_OK, "zones");
    free(pixels), free(out), free(zeros), free(points);
}

/* A forked process has the handle but not its threads: calls fail and do not block. */
static void fail_after_a_fork(amgan *handle) {
    fflush(stdout);
    const pid_t child = fork();
    require(child >= 0, "a fork");
    if (child == 0) {
        amgan_info info;
        const amgan_status found = amgan_get_info(handle, &info, sizeof info);
        const int told = strstr(amgan_last_error(), "before a fork") != NULL;
        amgan_close(handle);
        _exit(found == AMGAN_ERROR_ENGINE && told ? 0 : 1);
    }
    int state = 0;
    require(waitpid(child, &state, 0) == child && WIFEXITED(state) && WEXITSTATUS(state) == 0,
            "a forked process is told that the handle is not its own");
}

static void fail_to_read_zones(amgan *handle) {
    static const float never = NAN, old = 80.0f;
    double points[2 * AMGAN_LANDMARKS];
    make_landmarks(points);
    const amgan_map map = {&old, 0, 1, 0}, wrong = {&never, 0, 1, 0}, odd = {&old, 0, 0, 0};
    amgan_zone_ages ages, good, untouched;
    float years = -1.0f;
    memset(&ages, 0x55, sizeof ages);
    untouched = ages;
    expect(amgan_read_zones(NULL, points, &map, &ages), AMGAN_ERROR_ARGUMENT, "no handle to read with");
    expect(amgan_read_zones(handle, NULL, &map, &ages), AMGAN_ERROR_ARGUMENT, "no landmarks to read with");
    expect(amgan_read_zones(handle, points, NULL, &ages), AMGAN_ERROR_ARGUMENT, "no map to read");
    expect(amgan_read_zones(handle, points, &odd, &ages), AMGAN_ERROR_ARGUMENT, "a map of no cells");
    expect(amgan_read_zones(handle, points, &wrong, &ages), AMGAN_ERROR_ARGUMENT, "a map of no ages");
    expect(amgan_read_zones(handle, points, &map, NULL), AMGAN_ERROR_ARGUMENT, "no place for zone ages");
    points[3] = NAN;
    expect(amgan_read_zones(handle, points, &map, &ages), AMGAN_ERROR_ARGUMENT, "landmarks that are none");
    make_landmarks(points);
    expect(amgan_read_zones(handle, points, &map, &good), AMGAN_OK, "reading zones");

    expect(amgan_face_age(NULL, &years), AMGAN_ERROR_ARGUMENT, "no ages of a face");
    expect(amgan_face_age(&good, NULL), AMGAN_ERROR_ARGUMENT, "no place for the face's age");
    expect(amgan_move_zones(NULL, &good, 40.0f, &ages), AMGAN_ERROR_ARGUMENT, "no handle to move with");
    expect(amgan_move_zones(handle, NULL, 40.0f, &ages), AMGAN_ERROR_ARGUMENT, "no ages to move");
    expect(amgan_move_zones(handle, &good, NAN, &ages), AMGAN_ERROR_ARGUMENT, "a move to nowhere");
    expect(amgan_move_zones(handle, &good, 40.0f, NULL), AMGAN_ERROR_ARGUMENT, "no place for moved ages");
    good.base = INFINITY;
    expect(amgan_face_age(&good, &years), AMGAN_ERROR_ARGUMENT, "a face without a base age");
    expect(amgan_move_zones(handle, &good, 40.0f, &ages), AMGAN_ERROR_ARGUMENT, "moving without a base age");
    require(memcmp(&ages, &untouched, sizeof ages) == 0 && years == -1.0f, "errors fill in no ages");

    uint8_t *pixels = make_pixels(3);
    const amgan_frame frame = frame_of(pixels);
    expect(amgan_read_zones(handle, points, &map, &good), AMGAN_OK, "reading zones");
    expect(amgan_face_age(&good, &years), AMGAN_OK, "the age of a face");
    expect(amgan_move_zones(handle, &good, years - 20.0f, &ages), AMGAN_OK, "moving zones");
    good.years[2][1] = INFINITY;
    expect(amgan_age_zones(handle, &frame, points, &ages, &good, NULL, pixels, 3 * SIDE), AMGAN_ERROR_ARGUMENT, "odd ages now");
    good.years[2][1] = NAN;
    expect(amgan_age_zones(handle, &frame, points, &ages, &good, NULL, pixels, 3 * SIDE), AMGAN_OK, "zones that move");
    free(pixels);
}

static void check_info(amgan *handle) {
    amgan_info info, part;
    expect(amgan_get_info(NULL, &info, sizeof info), AMGAN_ERROR_ARGUMENT, "info of nothing");
    expect(amgan_get_info(handle, NULL, sizeof info), AMGAN_ERROR_ARGUMENT, "no place for info");
    expect(amgan_get_info(handle, &info, sizeof info), AMGAN_OK, "info");
    require(info.min_side_px <= SIDE && info.max_side_px >= SIDE && info.model[0] != '\0', "what the info says");
    memset(&part, 0x55, sizeof part);
    expect(amgan_get_info(handle, &part, offsetof(amgan_info, max_side_px)), AMGAN_OK, "part of the info");
    require(part.min_side_px == info.min_side_px && part.max_side_px == 0x55555555, "no more than was asked for");
}

void provoke_faults(const char *bundle, const char *broken, const char *empty) {
    amgan *handle = NULL;
    check_texts();
    fail_to_open(bundle, broken, empty);
    expect(amgan_open(bundle, "cpu", "f32", &handle), AMGAN_OK, "opening");
    check_info(handle);
    fail_to_age(handle);
    fail_to_read_zones(handle);
    fail_after_a_fork(handle);
    amgan_close(handle);
    amgan_close(NULL);
}

void run_out_of_memory(const char *bundle) {
    static const float change = 30.0f;
    amgan *handle = NULL;
    amgan_info info;
    /* Large blocks come from the system, not from free heap memory, so the frame's copy is the first to fail. */
    mallopt(M_MMAP_THRESHOLD, 1 << 20);
    expect(amgan_open(bundle, "cpu", "f32", &handle), AMGAN_OK, "opening");
    expect(amgan_get_info(handle, &info, sizeof info), AMGAN_OK, "info");
    const size_t side = (size_t)info.max_side_px;
    uint8_t *pixels = calloc(side * side, 3);
    require(pixels != NULL, "memory for the largest frame");
    const amgan_frame frame = {pixels, (ptrdiff_t)(3 * side), info.max_side_px, 0};
    const amgan_map map = {&change, 0, 1, 0};

    /* Limit memory to little more than the present size: the frame's copy must be what fails. */
    unsigned long pages = 0;
    FILE *status = fopen("/proc/self/statm", "r");
    require(status != NULL && fscanf(status, "%lu", &pages) == 1, "the memory in use");
    fclose(status);
    struct rlimit limit;
    getrlimit(RLIMIT_AS, &limit);
    limit.rlim_cur = pages * 4096u + (64u << 10);
    require(setrlimit(RLIMIT_AS, &limit) == 0, "a limit of memory");
    expect(amgan_age(handle, &frame, &map, NULL, NULL, pixels, (ptrdiff_t)(3 * side)), AMGAN_ERROR_MEMORY, "too little memory");
    limit.rlim_cur = limit.rlim_max;
    require(setrlimit(RLIMIT_AS, &limit) == 0, "no limit of memory");

    uint8_t *small = make_pixels(2);
    const amgan_frame good = frame_of(small);
    expect(amgan_age(handle, &good, &map, NULL, NULL, small, 3 * SIDE), AMGAN_OK, "the handle still works");
    free(small), free(pixels);
    amgan_close(handle);
}
