// Made by generate_face_tables.py: do not edit. Polygons of amgan.runtime.face.zones and .mesh.
#include "face_tables.h"

namespace amgan_impl {

namespace {

// clang-format off
constexpr std::int16_t kForeheadPoints[] = {
    63, 68, 54, 103, 67, 109, 10, 338, 297, 332, 284, 298, 293, 334, 296, 336, 9, 107, 66, 105};
constexpr std::int16_t kFrownPoints[] = {
    9, 107, 55, 221, 193, 168, 417, 441, 285, 336};
constexpr std::int16_t kCrowsFeetRightPoints[] = {
    139, 124, 113, 226, 31, 111, 116, 34, 127, 162};
constexpr std::int16_t kCrowsFeetLeftPoints[] = {
    368, 353, 342, 446, 261, 340, 345, 264, 356, 389};
constexpr std::int16_t kUnderEyeLinesRightPoints[] = {
    25, 110, 24, 23, 22, 26, 112, 233, 232, 231, 230, 229, 228, 31};
constexpr std::int16_t kUnderEyeLinesLeftPoints[] = {
    255, 339, 254, 253, 252, 256, 341, 453, 452, 451, 450, 449, 448, 261};
constexpr std::int16_t kUnderEyeBagsRightPoints[] = {
    31, 228, 229, 230, 231, 232, 128, 121, 120, 119, 118, 117};
constexpr std::int16_t kUnderEyeBagsLeftPoints[] = {
    261, 448, 449, 450, 451, 452, 357, 350, 349, 348, 347, 346};
constexpr std::int16_t kUpperEyelidsRightPoints[] = {
    113, 225, 224, 223, 222, 221, 189, 173, 157, 158, 159, 160, 161, 246, 33, 226};
constexpr std::int16_t kUpperEyelidsLeftPoints[] = {
    342, 445, 444, 443, 442, 441, 413, 398, 384, 385, 386, 387, 388, 466, 263, 446};
constexpr std::int16_t kNasolabialRightPoints[] = {
    129, 142, 36, 205, 207, 212, 57, 186, 92, 165, 98};
constexpr std::int16_t kNasolabialLeftPoints[] = {
    358, 371, 266, 425, 427, 432, 287, 410, 322, 391, 327};
constexpr std::int16_t kUpperLipPoints[] = {
    2, 97, 98, 165, 185, 40, 39, 37, 0, 267, 269, 270, 409, 391, 327, 326};
constexpr std::int16_t kLipCornersRightPoints[] = {
    61, 57, 212, 202, 210, 211, 204, 43, 146};
constexpr std::int16_t kLipCornersLeftPoints[] = {
    291, 287, 432, 422, 430, 431, 424, 273, 375};
constexpr std::int16_t kJowlsRightPoints[] = {
    192, 138, 172, 136, 150, 149, 170, 211, 210, 214};
constexpr std::int16_t kJowlsLeftPoints[] = {
    416, 367, 397, 365, 379, 378, 395, 431, 430, 434};
constexpr std::int16_t kCheekPoresRightPoints[] = {
    118, 119, 120, 121, 217, 126, 209, 142, 36, 205, 50};
constexpr std::int16_t kCheekPoresLeftPoints[] = {
    347, 348, 349, 350, 437, 355, 429, 371, 266, 425, 280};
constexpr std::int16_t kCheekSpotsRightPoints[] = {
    116, 111, 117, 118, 50, 123, 137, 227};
constexpr std::int16_t kCheekSpotsLeftPoints[] = {
    345, 340, 346, 347, 280, 352, 366, 447};
constexpr std::int16_t kCheekRednessRightPoints[] = {
    50, 205, 207, 187, 147, 123};
constexpr std::int16_t kCheekRednessLeftPoints[] = {
    280, 425, 427, 411, 376, 352};
constexpr std::int16_t kCheekLinesRightPoints[] = {
    177, 147, 187, 207, 214, 192, 215};
constexpr std::int16_t kCheekLinesLeftPoints[] = {
    401, 376, 411, 427, 434, 416, 435};
constexpr std::int16_t kChinPoints[] = {
    18, 83, 182, 204, 211, 170, 176, 148, 152, 377, 400, 395, 431, 424, 406, 313};
constexpr std::int16_t kFaceOvalPoints[] = {
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152, 148, 176,
    149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109};
constexpr std::int16_t kRightEyePoints[] = {
    33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246};
constexpr std::int16_t kLeftEyePoints[] = {
    263, 249, 390, 373, 374, 380, 381, 382, 362, 398, 384, 385, 386, 387, 388, 466};
constexpr std::int16_t kLipsInnerPoints[] = {
    78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308, 415, 310, 311, 312, 13, 82, 81, 80, 191};
// clang-format on

template <std::size_t n> constexpr Polygon polygon(const std::int16_t (&points)[n]) { return {points, n}; }

}  // namespace

const Zone kZoneTable[kZones] = {
    {"forehead", 1, {polygon(kForeheadPoints), {}}},
    {"frown", 1, {polygon(kFrownPoints), {}}},
    {"crows-feet", 2, {polygon(kCrowsFeetRightPoints), polygon(kCrowsFeetLeftPoints)}},
    {"under-eye-lines", 2, {polygon(kUnderEyeLinesRightPoints), polygon(kUnderEyeLinesLeftPoints)}},
    {"under-eye-bags", 2, {polygon(kUnderEyeBagsRightPoints), polygon(kUnderEyeBagsLeftPoints)}},
    {"upper-eyelids", 2, {polygon(kUpperEyelidsRightPoints), polygon(kUpperEyelidsLeftPoints)}},
    {"nasolabial", 2, {polygon(kNasolabialRightPoints), polygon(kNasolabialLeftPoints)}},
    {"upper-lip", 1, {polygon(kUpperLipPoints), {}}},
    {"lip-corners", 2, {polygon(kLipCornersRightPoints), polygon(kLipCornersLeftPoints)}},
    {"jowls", 2, {polygon(kJowlsRightPoints), polygon(kJowlsLeftPoints)}},
    {"cheek-pores", 2, {polygon(kCheekPoresRightPoints), polygon(kCheekPoresLeftPoints)}},
    {"cheek-spots", 2, {polygon(kCheekSpotsRightPoints), polygon(kCheekSpotsLeftPoints)}},
    {"cheek-redness", 2, {polygon(kCheekRednessRightPoints), polygon(kCheekRednessLeftPoints)}},
    {"cheek-lines", 2, {polygon(kCheekLinesRightPoints), polygon(kCheekLinesLeftPoints)}},
    {"chin", 1, {polygon(kChinPoints), {}}},
};
const Polygon kFaceOval = polygon(kFaceOvalPoints);
const Polygon kRightEye = polygon(kRightEyePoints);
const Polygon kLeftEye = polygon(kLeftEyePoints);
const Polygon kLipsInner = polygon(kLipsInnerPoints);

}  // namespace amgan_impl
