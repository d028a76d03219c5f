#include "tiles.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace amgan_impl {

namespace {

constexpr int kSmallestPx = 256;

int divided_up(int total, int size) { return (total + size - 1) / size; }

// The shortest interval of a line with all marked cells: the first cell, and one past the last.
struct Stretch {
    int first = 0;
    int end = 0;

    int length() const { return end - first; }
};

struct Cuts {
    std::vector<int> starts;
    int size = 0;
};

Stretch stretch_of(const std::vector<std::uint8_t> &line) {
    const auto marked = [](std::uint8_t flag) { return flag != 0; };
    const auto first = std::find_if(line.begin(), line.end(), marked);
    const auto last = std::find_if(line.rbegin(), line.rend(), marked);
    return {static_cast<int>(first - line.begin()), static_cast<int>(line.rend() - last)};
}

// Numbers of tiles down and across: the fewest that are short enough, then more, up to `at_least`.
std::pair<int, int> pieces(int height, int width, int longest, int at_least, int smallest) {
    int down = divided_up(height, longest), across = divided_up(width, longest);
    while (down * across < at_least) {
        const bool can_down = height >= smallest * (down + 1), can_across = width >= smallest * (across + 1);
        const bool tall = static_cast<long>(height) * across >= static_cast<long>(width) * down;
        if (can_down && (tall || !can_across)) ++down;
        else if (can_across) ++across;
        else break;
    }
    return {down, across};
}

Cuts split(const Stretch &stretch, int count) {
    Cuts cuts;
    cuts.size = divided_up(stretch.length(), count);
    for (int i = 0; i < count; ++i)
        cuts.starts.push_back(std::min(stretch.first + i * cuts.size, stretch.end - cuts.size));
    return cuts;
}

// Floor, also for negative numbers.
int half(int number) { return number >= 0 ? number / 2 : -((1 - number) / 2); }

// The fewest tiles of a given length; their excess is distributed evenly around the interval.
Cuts slide(const Stretch &stretch, int length, int line) {
    Cuts cuts;
    cuts.size = std::min(length, line);
    const int count = divided_up(stretch.length(), cuts.size);
    const int spare = count * cuts.size - stretch.length();
    const int start = std::max(0, std::min(stretch.first - half(spare), line - count * cuts.size));
    for (int i = 0; i < count; ++i) cuts.starts.push_back(std::min(start + i * cuts.size, line - cuts.size));
    return cuts;
}

// `core` 0: cores of any size.
std::vector<Tile> plan(int frame_px, const TileLimits &limits, const Size &core, const std::vector<std::uint8_t> &cells,
                       int multiple) {
    const int side = frame_px / multiple;
    const auto flag = [&cells, side](int x, int y) { return cells[static_cast<std::size_t>(y) * side + x] != 0; };
    std::vector<std::uint8_t> tall(side), wide(side);
    for (int y = 0; y < side; ++y)
        for (int x = 0; x < side; ++x)
            if (flag(x, y)) tall[y] = wide[x] = 1;
    if (std::find(tall.begin(), tall.end(), 1) == tall.end()) return {};

    const Stretch rows_of = stretch_of(tall), columns_of = stretch_of(wide);
    Cuts rows, columns;
    if (core.width > 0) {
        rows = slide(rows_of, core.height / multiple, side), columns = slide(columns_of, core.width / multiple, side);
    } else {
        const int longest = limits.max_core_px / multiple;
        const auto [down, across] =
            pieces(rows_of.length(), columns_of.length(), longest, limits.at_least, kSmallestPx / multiple);
        rows = split(rows_of, down), columns = split(columns_of, across);
    }
    const auto any = [&](int x0, int y0) {
        for (int y = y0; y < y0 + rows.size; ++y)
            for (int x = x0; x < x0 + columns.size; ++x)
                if (flag(x, y)) return true;
        return false;
    };
    std::vector<Tile> tiles;
    for (const int y : rows.starts)
        for (const int x : columns.starts)
            if (any(x, y))
                tiles.push_back({x * multiple, y * multiple, columns.size * multiple, rows.size * multiple});
    return tiles;
}

}  // namespace

int plan_step_px(const TileLimits &limits, int tile_multiple) {
    return limits.cores.empty() ? std::max(tile_multiple, kTileStepPx) : tile_multiple;
}

std::vector<Tile> plan_tiles(int frame_px, const TileLimits &limits, const std::vector<std::uint8_t> &cells,
                             int multiple) {
    if (limits.cores.empty()) return plan(frame_px, limits, {}, cells, multiple);
    std::vector<Tile> best;
    std::int64_t least = std::numeric_limits<std::int64_t>::max();
    for (const Size &core : limits.cores) {
        std::vector<Tile> tiles = plan(frame_px, limits, core, cells, multiple);
        const Size computed{core.width + limits.halo_px, core.height + limits.halo_px};
        const std::int64_t cost = static_cast<std::int64_t>(tiles.size()) * computed.area();
        if (cost < least) least = cost, best = std::move(tiles);
    }
    return best;
}

}  // namespace amgan_impl
