/*
 * Ages a face: reads a canonical frame (a square picture of one face) as binary PPM, writes the aged one.
 *
 *   cc -std=c11 age.c $(pkg-config --cflags --libs amgan) -o age
 *   ./age bundle face.ppm +20 older.ppm              20 years older, the whole frame
 *   ./age bundle face.ppm +20 older.ppm points.txt   20 years older than it looks, the skin alone
 *
 * points.txt holds the 468 points of the face, x and y in units of the frame; cut_face.py writes both files.
 */
#include <stdio.h>
#include <stdlib.h>

#include "amgan.h"

typedef struct picture {
    int side;
    uint8_t *pixels; /* side rows of side RGB pixels, or null */
} picture;

/* Reads the next number of a PPM's header, skipping comments; -1 if there is none. */
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

/* Reads x and y of all points of a face; returns 0 if there are fewer. */
static int read_points(const char *path, double *points) {
    FILE *file = fopen(path, "r");
    if (file == NULL) return 0;
    int found = 0;
    while (found < 2 * AMGAN_LANDMARKS && fscanf(file, "%lf", &points[found]) == 1) ++found;
    fclose(file);
    return found == 2 * AMGAN_LANDMARKS;
}

/* Ages a face in place by its points: estimates the ages of its zones, moves them, and applies the change. */
static amgan_status age_by_points(amgan *handle, const picture *face, const double *points, float years, int relative) {
    const ptrdiff_t stride = (ptrdiff_t)face->side * 3;
    const amgan_frame frame = {face->pixels, stride, face->side, 0};
    amgan_info info;
    amgan_status status = amgan_get_info(handle, &info, sizeof info);
    if (status != AMGAN_OK) return status;
    const size_t grid = (size_t)info.estimator_grid;
    float *seen = malloc(grid * grid * sizeof *seen);
    if (seen == NULL) return AMGAN_ERROR_MEMORY;
    const amgan_map map = {seen, (ptrdiff_t)(grid * sizeof *seen), info.estimator_grid, 0};
    amgan_zone_ages now, wanted;
    float face_now = 0.0f;
    status = amgan_estimate(handle, &frame, seen, map.stride_bytes);
    if (status == AMGAN_OK) status = amgan_read_zones(handle, points, &map, &now);
    if (status == AMGAN_OK) status = amgan_face_age(&now, &face_now);
    if (status == AMGAN_OK) status = amgan_move_zones(handle, &now, relative ? face_now + years : years, &wanted);
    if (status == AMGAN_OK) status = amgan_age_zones(handle, &frame, points, &wanted, &now, NULL, face->pixels, stride);
    free(seen);
    return status;
}

/* Changes the whole frame by a number of years, in place: the network alone finds the face. */
static amgan_status age_everywhere(amgan *handle, const picture *face, float years) {
    const ptrdiff_t stride = (ptrdiff_t)face->side * 3;
    const amgan_frame frame = {face->pixels, stride, face->side, 0};
    const amgan_map map = {&years, 0, 1, 0}; /* one cell: the same change everywhere */
    return amgan_age(handle, &frame, &map, NULL, NULL, face->pixels, stride);
}

int main(int count, char **words) {
    static double points[2 * AMGAN_LANDMARKS];
    char *rest = NULL;
    const int with_points = count == 6;
    const float years = count == 5 || with_points ? strtof(words[3], &rest) : 0.0f;
    const int relative = rest != NULL && (words[3][0] == '+' || words[3][0] == '-');
    if (rest == NULL || rest == words[3] || *rest != '\0' || (!relative && !with_points)) {
        fprintf(stderr, "usage: age BUNDLE FACE.ppm YEARS OLDER.ppm [POINTS.txt]; without points, +YEARS or -YEARS\n");
        return 2;
    }
    if (with_points && !read_points(words[5], points)) {
        fprintf(stderr, "age: '%s' cannot be read: give x and y of %d points\n", words[5], AMGAN_LANDMARKS);
        return 1;
    }
    picture face = read_ppm(words[2]);
    if (face.pixels == NULL) {
        fprintf(stderr, "age: '%s' cannot be read: give a square picture as binary PPM with 8 bits\n", words[2]);
        return 1;
    }

    amgan *handle = NULL;
    amgan_status status = amgan_open(words[1], "auto", NULL, &handle);
    if (status == AMGAN_OK)
        status = with_points ? age_by_points(handle, &face, points, years, relative) : age_everywhere(handle, &face, years);
    amgan_close(handle);
    int good = status == AMGAN_OK;
    if (!good) {
        fprintf(stderr, "age: %s: %s\n", amgan_status_text(status), amgan_last_error());
    } else if (!write_ppm(words[4], &face)) {
        fprintf(stderr, "age: '%s' cannot be written: check the folder\n", words[4]);
        good = 0;
    }
    free(face.pixels);
    return good ? 0 : 1;
}
