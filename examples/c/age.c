/*
 * Ages a face: reads a canonical frame (a square picture of one face) as binary PPM, writes the aged one.
 *
 *   cc -std=c11 age.c $(pkg-config --cflags --libs amgan) -o age
 *   ./age bundle face.ppm 70 older.ppm
 */
#include <stdio.h>
#include <stdlib.h>

#include "amgan.h"

typedef struct picture {
    int side;
    uint8_t *pixels; /* side rows of side RGB pixels, or null */
} picture;

/* Reads the next number of a PPM's header, passing over comments; -1 where there is none. */
static int next_number(FILE *file) {
    int c = fgetc(file);
    while (c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '#') {
        if (c == '#')
            while (c != '\n' && c != EOF) c = fgetc(file);
        else
            c = fgetc(file);
    }
    int number = -1;
    for (; c >= '0' && c <= '9' && number < 100000; c = fgetc(file)) number = (number < 0 ? 0 : number * 10) + (c - '0');
    return number;
}

static picture read_ppm(const char *path) {
    picture found = {0, NULL};
    FILE *file = fopen(path, "rb");
    if (file == NULL) return found;
    if (fgetc(file) == 'P' && fgetc(file) == '6') {
        const int width = next_number(file), height = next_number(file), largest = next_number(file);
        if (width > 0 && width <= 16384 && width == height && largest == 255) {
            const size_t bytes = (size_t)width * (size_t)width * 3;
            found.side = width;
            found.pixels = malloc(bytes);
            if (found.pixels != NULL && fread(found.pixels, 1, bytes, file) != bytes) {
                free(found.pixels);
                found.pixels = NULL;
            }
        }
    }
    fclose(file);
    return found;
}

static int write_ppm(const char *path, const picture *shown) {
    const size_t bytes = (size_t)shown->side * (size_t)shown->side * 3;
    FILE *file = fopen(path, "wb");
    if (file == NULL) return 0;
    int good = fprintf(file, "P6\n%d %d\n255\n", shown->side, shown->side) > 0;
    good = good && fwrite(shown->pixels, 1, bytes, file) == bytes;
    return fclose(file) == 0 && good;
}

/* Says what libamgan says is wrong; returns the program's exit status. */
static int complain(void) {
    fprintf(stderr, "age: %s\n", amgan_last_error());
    return 1;
}

int main(int count, char **words) {
    char *rest = NULL;
    const float years = count == 5 ? strtof(words[3], &rest) : 0.0f;
    if (count != 5 || rest == words[3] || *rest != '\0') {
        fprintf(stderr, "usage: age BUNDLE FACE.ppm YEARS OLDER.ppm\n");
        return 2;
    }
    picture face = read_ppm(words[2]);
    if (face.pixels == NULL) {
        fprintf(stderr, "age: '%s' cannot be read: give a square picture as binary PPM with 8 bits\n", words[2]);
        return 1;
    }

    amgan *handle = NULL;
    if (amgan_open(words[1], "auto", NULL, &handle) != AMGAN_OK) {
        free(face.pixels);
        return complain();
    }
    const ptrdiff_t stride = (ptrdiff_t)face.side * 3;
    const amgan_frame frame = {face.pixels, stride, face.side, 0};
    const amgan_map map = {&years, 0, 1, 0}; /* one cell: the same age everywhere */
    int status = 0;
    if (amgan_age(handle, &frame, &map, NULL, face.pixels, stride) != AMGAN_OK) { /* in place */
        status = complain();
    } else if (!write_ppm(words[4], &face)) {
        fprintf(stderr, "age: '%s' cannot be written: check the folder\n", words[4]);
        status = 1;
    }
    amgan_close(handle);
    free(face.pixels);
    return status;
}
