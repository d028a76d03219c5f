/* Positions in a picture. */
#include <stdint.h>

#include "../native/_fast.h"

#if CAN_BE_FAST
#define FARTHEST 1e6f
#define STEPS_PER_PX 32.0
#define CHUNK 512

/* Sums of a vector and a number, rounded to steps of 1/32. */
static UNFUSED void to_steps(const double *along, double start, int count, float *out) {
    for (int i = 0; i < count; i++)
        out[i] = (float)(__builtin_rint((along[i] + start) * STEPS_PER_PX) * (1.0 / STEPS_PER_PX));
}
#else
static void to_steps(const double *along, double start, int count, float *out) {}
#endif
