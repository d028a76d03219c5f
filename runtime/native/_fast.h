/* Macros for vectorized code, and a check for the instructions that it needs. */
#ifndef AMGAN_FAST_H
#define AMGAN_FAST_H

#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>
#define CAN_BE_FAST 1
#define FAST __attribute__((target("avx2,fma")))
#define UNFUSED __attribute__((target("avx2"))) /* no contraction to fused operations */

static int usable(void) {
    __builtin_cpu_init();
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}
#else
#define CAN_BE_FAST 0

static int usable(void) { return 0; }
#endif
#endif
