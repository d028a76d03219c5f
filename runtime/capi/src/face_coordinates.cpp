#include "face_coordinates.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include "constants.h"

namespace amgan_impl {

namespace {

using mesh_constants::kEdge;

using Point2 = std::array<double, 2>;
using Row = std::array<double, 3>;  // a x + b y + c

// The least-squares affine map from the mean face to the landmarks, for one axis.
Row fitted(const std::vector<Point2> &landmarks, std::size_t axis) {
    Row row{};
    for (std::size_t k = 0; k < row.size(); ++k) {
        double total = kFit[k][0] * landmarks[0][axis];
        for (std::size_t i = 1; i < kMeshPoints; ++i) total += kFit[k][i] * landmarks[i][axis];
        row[k] = total;
    }
    return row;
}

// Positions of all cells in units of half the atlas, row by row.
struct Positions {
    std::vector<double> u;
    std::vector<double> v;
};

// Positions by the affine map alone; 0 if the landmarks span no area.
Positions around(const Row &along_x, const Row &along_y, int side) {
    const auto count = static_cast<std::size_t>(side) * static_cast<std::size_t>(side);
    Positions positions{std::vector<double>(count), std::vector<double>(count)};
    const auto [a, b, c] = along_x;
    const auto [d, e, f] = along_y;
    const double determinant = a * e - b * d;
    if (std::fabs(determinant) < 1e-6) return positions;
    const double left = kAtlasRectangle[0], top = kAtlasRectangle[1];
    const double wide = 2.0 / (kAtlasRectangle[2] - left), high = 2.0 / (kAtlasRectangle[3] - top);
    for (int row = 0; row < side; ++row)
        for (int column = 0; column < side; ++column) {
            const double x = column - c, y = row - f;
            const std::size_t cell = static_cast<std::size_t>(row) * static_cast<std::size_t>(side) + column;
            positions.u[cell] = ((e * x - b * y) / determinant - left) * wide - 1.0;
            positions.v[cell] = ((a * y - d * x) / determinant - top) * high - 1.0;
        }
    return positions;
}

double doubled_area(const std::vector<Point2> &points, const std::int16_t *triangle) {
    const Point2 &a = points[triangle[0]], &b = points[triangle[1]], &c = points[triangle[2]];
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]);
}

// Writes the positions of all cells whose centre is in a triangle.
void draw(Positions &positions, const std::vector<Point2> &points, const std::int16_t *triangle, double area, int side) {
    const Point2 &a = points[triangle[0]], &b = points[triangle[1]], &c = points[triangle[2]];
    std::array<int, 2> low{}, high{};
    for (std::size_t axis = 0; axis < 2; ++axis) {
        const double least = std::min({a[axis], b[axis], c[axis]}), most = std::max({a[axis], b[axis], c[axis]});
        low[axis] = static_cast<int>(std::clamp(std::ceil(least), 0.0, static_cast<double>(side)));
        high[axis] = static_cast<int>(std::clamp(std::floor(most), -1.0, side - 1.0));
    }
    const double second_x = (c[1] - a[1]) / area, second_y = (a[0] - c[0]) / area;
    const double third_x = (a[1] - b[1]) / area, third_y = (b[0] - a[0]) / area;
    const double *first_at = kPositions[triangle[0]], *second_at = kPositions[triangle[1]], *third_at = kPositions[triangle[2]];
    for (int row = low[1]; row <= high[1]; ++row)
        for (int column = low[0]; column <= high[0]; ++column) {
            const double x = column - a[0], y = row - a[1];
            const double second = second_x * x + second_y * y, third = third_x * x + third_y * y;
            if (!(second >= -kEdge && third >= -kEdge && second + third <= 1.0 + kEdge)) continue;
            const std::size_t cell = static_cast<std::size_t>(row) * static_cast<std::size_t>(side) + column;
            positions.u[cell] = first_at[0] + second * (second_at[0] - first_at[0]) + third * (third_at[0] - first_at[0]);
            positions.v[cell] = first_at[1] + second * (second_at[1] - first_at[1]) + third * (third_at[1] - first_at[1]);
        }
}

Plane to_plane(const std::vector<double> &values, int side) {
    Plane plane(side);
    std::transform(values.begin(), values.end(), plane.values.begin(),
                   [](double value) { return static_cast<float>(value); });
    return plane;
}

}  // namespace

std::array<Plane, 3> face_coordinates(const Landmarks &landmarks, int side, int margin) {
    std::vector<Point2> points(kMeshPoints + kRingCount);
    for (std::size_t i = 0; i < kMeshPoints; ++i)
        for (std::size_t axis = 0; axis < 2; ++axis) points[i][axis] = landmarks[i][axis] * side + (margin - 0.5);
    const std::array<Row, 2> fit = {fitted(points, 0), fitted(points, 1)};
    for (std::size_t i = 0; i < kRingCount; ++i)
        for (std::size_t axis = 0; axis < 2; ++axis)
            points[kMeshPoints + i][axis] =
                fit[axis][0] * kRingPoints[i][0] + fit[axis][1] * kRingPoints[i][1] + fit[axis][2];

    const int cells = side + 2 * margin;
    Positions positions = around(fit[0], fit[1], cells);
    std::vector<double> areas(kTriangleCount);
    for (std::size_t t = 0; t < kTriangleCount; ++t) areas[t] = doubled_area(points, kTriangles[t]);
    std::vector<std::size_t> order(kTriangleCount);
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin() + kRingTriangles, order.end(),
                     [&areas](std::size_t one, std::size_t other) { return areas[one] < areas[other]; });
    for (const std::size_t t : order)
        if (areas[t] != 0.0) draw(positions, points, kTriangles[t], areas[t], cells);
    return {to_plane(positions.u, cells), to_plane(positions.v, cells), make_face_mask(landmarks, side, margin)};
}

std::array<Plane, 3> frame_coordinates(int side, int margin) {
    const int cells = side + 2 * margin;
    std::array<Plane, 3> planes = {Plane(cells), Plane(cells), Plane(cells, 1.0f)};
    for (int y = 0; y < cells; ++y)
        for (int x = 0; x < cells; ++x) {
            planes[0].row(y)[x] = static_cast<float>((x - margin + 0.5) * (2.0 / side) - 1.0);
            planes[1].row(y)[x] = static_cast<float>((y - margin + 0.5) * (2.0 / side) - 1.0);
        }
    return planes;
}

Landmarks mean_landmarks() {
    Landmarks points{};
    for (std::size_t i = 0; i < kMeshPoints; ++i) points[i] = {kMeanPoints[i][0], kMeanPoints[i][1]};
    return points;
}

}  // namespace amgan_impl
