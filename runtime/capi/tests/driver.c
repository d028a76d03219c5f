/*
 * Drives libamgan from C: every status, running out of memory, and threads.
 *
 *   amgan_driver faults BUNDLE BROKEN EMPTY   (BROKEN: its network is garbage with the right hash)
 *   amgan_driver memory BUNDLE
 *   amgan_driver threads BUNDLE
 */
#include "driver.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void require(int good, const char *what) {
    if (!good) {
        fprintf(stderr, "failed: %s (last error: %s)\n", what, amgan_last_error());
        exit(1);
    }
}

void expect(amgan_status found, amgan_status wanted, const char *what) {
    if (found != wanted) {
        fprintf(stderr, "failed: %s gave %d (%s), not %d: %s\n", what, (int)found, amgan_status_text(found), (int)wanted,
                amgan_last_error());
        exit(1);
    }
    if (wanted != AMGAN_OK) {
        require(amgan_last_error()[0] != '\0', "an error has a sentence");
        printf("%d %s: %s: %s\n", (int)wanted, amgan_status_text(wanted), what, amgan_last_error());
    }
}

uint8_t *make_pixels(unsigned seed) {
    uint8_t *pixels = malloc(PIXEL_BYTES);
    require(pixels != NULL, "memory for a frame");
    for (size_t i = 0; i < PIXEL_BYTES; ++i) {
        seed = seed * 1664525u + 1013904223u;
        pixels[i] = (uint8_t)(seed >> 24);
    }
    return pixels;
}

void make_landmarks(double *points) {
    for (int i = 0; i < AMGAN_LANDMARKS; ++i) {
        points[2 * i] = 0.5 + 0.3 * cos(0.7 * i);
        points[2 * i + 1] = 0.5 + 0.4 * sin(0.7 * i);
    }
}

amgan_frame frame_of(const uint8_t *pixels) {
    amgan_frame frame = {pixels, 3 * SIDE, SIDE, 0};
    return frame;
}

int main(int count, char **words) {
    if (count == 5 && strcmp(words[1], "faults") == 0) {
        provoke_faults(words[2], words[3], words[4]);
    } else if (count == 3 && strcmp(words[1], "memory") == 0) {
        run_out_of_memory(words[2]);
    } else if (count == 3 && strcmp(words[1], "threads") == 0) {
        run_threads(words[2]);
    } else {
        fprintf(stderr, "usage: amgan_driver faults BUNDLE BROKEN EMPTY | memory BUNDLE | threads BUNDLE\n");
        return 2;
    }
    puts("all good");
    return 0;
}
