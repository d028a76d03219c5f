/* Shared declarations of the test driver. */
#ifndef AMGAN_DRIVER_H
#define AMGAN_DRIVER_H

#include "amgan.h"

enum { SIDE = 256, PIXEL_BYTES = SIDE * SIDE * 3 };

/* Print `what` and exit unless `good`. */
void require(int good, const char *what);

/* Require a status, and a sentence with every error. */
void expect(amgan_status found, amgan_status wanted, const char *what);

/* A frame of pseudo-random pixels; free() it. */
uint8_t *make_pixels(unsigned seed);

/* Landmarks on a circle: valid points, but no face. */
void make_landmarks(double *points);

amgan_frame frame_of(const uint8_t *pixels);

void provoke_faults(const char *bundle, const char *broken, const char *empty);
void run_out_of_memory(const char *bundle);
void run_threads(const char *bundle);

#endif
