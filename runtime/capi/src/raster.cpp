#include "raster.h"

#include <algorithm>
#include <cmath>

namespace amgan_impl {

namespace {

constexpr int kPasses = 3;

// A side of a polygon that is not level.
struct Side {
    Point start;
    float slope = 0.0f;  // px across for each px down
    int top = 0;
    int bottom = 0;

    Side(Point a, Point b)
        : start(a), slope(static_cast<float>(b.x - a.x) / static_cast<float>(b.y - a.y)), top(std::min(a.y, b.y)),
          bottom(std::max(a.y, b.y)) {}

    bool reaches(int y) const { return y >= top && y <= bottom; }
    bool ends_at(int y) const { return y == top || y == bottom; }
    float at(int y) const { return static_cast<float>(y - start.y) * slope + static_cast<float>(start.x); }
};

// Where two slanted sides meet in a sharp corner, the corner's row is cut to what joins the next row without a gap.
float joined(const std::vector<Side> &sides, std::size_t which, int y, float x) {
    const Side &side = sides[which];
    const int next = y == side.bottom ? y - 1 : y + 1;
    for (std::size_t i = 0; i < which; ++i) {
        const Side &other = sides[i];
        if (!other.ends_at(y) || other.slope == 0.0f || std::round(x) != std::round(other.at(y)) ||
            !other.reaches(next))
            continue;
        const float low = std::min(side.at(next), other.at(next)), high = std::max(side.at(next), other.at(next));
        if (x > high + 1.0f) return std::round(high) + 1.0f;
        if (x < low - 1.0f) return std::round(low) - 1.0f;
        return x;
    }
    return x;
}

// Sets the pixels from one place to another, both included, as far as they are in the picture.
void fill_row(Grey &picture, int y, int from, int to) {
    if (y < 0 || y >= picture.height) return;
    from = std::max(from, 0);
    to = std::min(to, picture.width - 1);
    if (from <= to) std::fill(picture.row(y) + from, picture.row(y) + to + 1, std::uint8_t{255});
}

// To the nearest whole number; halves go away from zero, or towards it.
int away_from_zero(float x) { return static_cast<int>(std::copysign(std::floor(std::fabs(x) + 0.5f), x)); }
int towards_zero(float x) { return static_cast<int>(std::copysign(std::ceil(std::fabs(x) - 0.5f), x)); }

// One pass of a box blur along a row, its radius no whole number: 24 bits behind the point.
class BoxBlur {
  public:
    explicit BoxBlur(float radius)
        : whole_(static_cast<int>(radius)),
          inner_(static_cast<std::uint32_t>(static_cast<float>(kOne) / (radius * 2.0f + 1.0f))),
          outer_((kOne - static_cast<std::uint32_t>(2 * whole_ + 1) * inner_) / 2) {}

    void along(std::vector<std::uint8_t> &line, std::vector<std::uint8_t> &spare) const {
        const int length = static_cast<int>(line.size());
        const auto at = [&line, length](int i) { return std::uint32_t{line[std::clamp(i, 0, length - 1)]}; };
        std::uint32_t sum = 0;
        for (int i = -whole_; i <= whole_; ++i) sum += at(i);
        for (int i = 0; i < length; ++i) {
            const std::uint32_t edges = at(i - whole_ - 1) + at(i + whole_ + 1);
            spare[i] = static_cast<std::uint8_t>((sum * inner_ + edges * outer_ + kOne / 2) >> 24);
            sum += at(i + whole_ + 1) - at(i - whole_);
        }
        line.swap(spare);
    }

  private:
    static constexpr std::uint32_t kOne = 1u << 24;
    int whole_;
    std::uint32_t inner_;
    std::uint32_t outer_;
};

// The radius whose box, run several times, spreads as a Gaussian does.
float box_radius(float deviation) {
    const float variance = deviation * deviation / kPasses;
    const float length = std::sqrt(12.0f * variance + 1.0f);
    const float whole = std::floor((length - 1.0f) / 2.0f);
    const float rest = (2.0f * whole + 1.0f) * (whole * (whole + 1.0f) - 3.0f * variance) /
                       (6.0f * (variance - (whole + 1.0f) * (whole + 1.0f)));
    return whole + rest;
}

}  // namespace

void fill_polygon(Grey &picture, const std::vector<Point> &corners) {
    std::vector<Side> sides;
    int top = picture.height - 1, bottom = 0;
    for (std::size_t i = 0; i < corners.size(); ++i) {
        const Point a = corners[i], b = corners[(i + 1) % corners.size()];
        top = std::min({top, a.y, b.y});
        bottom = std::max({bottom, a.y, b.y});
        if (a.y == b.y) fill_row(picture, a.y, std::min(a.x, b.x), std::max(a.x, b.x));
        else sides.emplace_back(a, b);
    }
    std::vector<float> crossings;
    for (int y = std::max(top, 0); y <= std::min(bottom, picture.height); ++y) {
        crossings.clear();
        for (std::size_t i = 0; i < sides.size(); ++i) {
            const Side &side = sides[i];
            if (!side.reaches(y)) continue;
            const float x = side.at(y);
            // The lower end counts twice, so that the side that goes on from there begins anew.
            if (y == side.bottom && y < bottom) crossings.insert(crossings.end(), 2, x);
            else crossings.push_back(side.ends_at(y) && side.slope != 0.0f ? joined(sides, i, y, x) : x);
        }
        std::sort(crossings.begin(), crossings.end());
        for (std::size_t i = 1; i < crossings.size(); i += 2)
            fill_row(picture, y, away_from_zero(crossings[i - 1]), towards_zero(crossings[i]));
    }
}

Grey reduce_by_4(const Grey &picture) {
    Grey small(picture.width / 4, picture.height / 4);
    for (int y = 0; y < small.height; ++y)
        for (int x = 0; x < small.width; ++x) {
            int sum = 8;
            for (int dy = 0; dy < 4; ++dy)
                for (int dx = 0; dx < 4; ++dx) sum += picture.row(4 * y + dy)[4 * x + dx];
            small.row(y)[x] = static_cast<std::uint8_t>(sum / 16);
        }
    return small;
}

void blur(Grey &picture, float deviation) {
    const BoxBlur box(box_radius(deviation));
    std::vector<std::uint8_t> line(picture.width), spare(picture.width);
    for (int y = 0; y < picture.height; ++y) {
        std::copy_n(picture.row(y), picture.width, line.begin());
        for (int pass = 0; pass < kPasses; ++pass) box.along(line, spare);
        std::copy(line.begin(), line.end(), picture.row(y));
    }
    line.resize(picture.height), spare.resize(picture.height);
    for (int x = 0; x < picture.width; ++x) {
        for (int y = 0; y < picture.height; ++y) line[y] = picture.row(y)[x];
        for (int pass = 0; pass < kPasses; ++pass) box.along(line, spare);
        for (int y = 0; y < picture.height; ++y) picture.row(y)[x] = line[y];
    }
}

}  // namespace amgan_impl
