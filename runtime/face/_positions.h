/* Positions in a picture, and a check for the instructions that the vectorized code needs. */
#include <stdint.h>

#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>
#define CAN_BE_FAST 1
#define FAST __attribute__((target("avx2,fma")))
#define UNFUSED __attribute__((target("avx2"))) /* no contraction to fused operations */
#define FARTHEST 1e6f
#define STEPS_PER_PX 32.0
#define CHUNK 512

static int usable(void) {
    __builtin_cpu_init();
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

/* Sums of a vector and a number, rounded to steps of 1/32. */
static UNFUSED void to_steps(const double *along, double start, int count, float *out) {
    for (int i = 0; i < count; i++)
        out[i] = (float)(__builtin_rint((along[i] + start) * STEPS_PER_PX) * (1.0 / STEPS_PER_PX));
}
#else
#define CAN_BE_FAST 0

static int usable(void) { return 0; }

static void to_steps(const double *along, double start, int count, float *out) {}
#endif
