// Ages frames with libamgan's TensorRT backend on the fake GPU: driver BUNDLE [pixels]. Prints a line per check; 0:
// success. With "pixels" only the pixels of frames are checked, not concurrency, failures and refusals.
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <thread>
#include <vector>

#include "engine.h"
#include "error.h"
#include "fake_gpu.h"

using namespace amgan_impl;

namespace {

FrameWork make_frame(const Engine &engine, const Bundle &bundle, int side, int marked) {
    FrameWork work;
    work.side_px = side;
    work.halo_px = bundle.manifest.halo_px;
    const int padded = work.padded_px();
    work.image.resize(std::size_t{3} * padded * padded);
    for (std::size_t i = 0; i < work.image.size(); ++i) work.image[i] = static_cast<std::uint8_t>(i * 7 + (i >> 9) * 13);
    work.map = Plane(padded / kCellPx);
    for (std::size_t i = 0; i < work.map.values.size(); ++i) work.map.values[i] = static_cast<float>(static_cast<int>(i % 150) - 75);
    for (std::size_t p = 0; p < work.positions.size(); ++p) {
        work.positions[p] = Plane(work.map.side);
        for (std::size_t i = 0; i < work.map.values.size(); ++i)
            work.positions[p].values[i] = static_cast<float>((i * (2 * p + 3) + i / static_cast<std::size_t>(work.map.side)) % 101);
    }
    // Another one for every frame size.
    work.pattern.assign(fake::kPatterns, 0.0f);
    work.pattern[static_cast<std::size_t>(side / 64) % fake::kPatterns] = 0.75f;
    work.pattern[static_cast<std::size_t>(side / 64 + 1) % fake::kPatterns] = 0.25f;
    const int step = plan_step_px(engine.traits().limits, bundle.manifest.tile_multiple);
    std::vector<std::uint8_t> cells(static_cast<std::size_t>(side / step) * (side / step));
    for (int y = 0; y < marked / step; ++y)
        for (int x = 0; x < marked / step; ++x) cells[static_cast<std::size_t>(y) * (side / step) + x] = 1;
    work.tiles = plan_tiles(side, engine.traits().limits, cells, step);
    return work;
}

// Whether every pixel of the tiles has the network's value, and every other pixel is unchanged.
bool age_right(Engine &engine, const FrameWork &work) {
    constexpr std::uint8_t kUntouched = 0xA5;
    const int side = work.side_px, halo = work.halo_px, padded = work.padded_px();
    std::vector<std::uint8_t> out(std::size_t{3} * side * side, kUntouched), wanted = out;
    engine.age(work, out.data());
    for (const Tile &tile : work.tiles)
        for (int y = tile.y0; y < tile.y0 + tile.height; ++y)
            for (int x = tile.x0; x < tile.x0 + tile.width; ++x)
                for (int c = 0; c < 3; ++c) {
                    const int row = (y + halo) / kCellPx, column = (x + halo) / kCellPx;
                    std::array<float, fake::kPositions> place;
                    for (std::size_t p = 0; p < place.size(); ++p) place[p] = work.positions[p].row(row)[column];
                    const std::uint8_t value = work.image[std::size_t{3} * ((y + halo) * padded + x + halo) + c];
                    wanted[std::size_t{3} * (y * side + x) + c] =
                        fake::aged(value, work.map.row(row)[column], place, work.pattern.data());
                }
    return out == wanted;
}

int check(bool good, const char *what) {
    std::printf("%s: %s\n", good ? "right" : "WRONG", what);
    return good ? 0 : 1;
}

int check_pixels(const Bundle &bundle) {
    const std::unique_ptr<Engine> engine = open_tensorrt(bundle, "cuda", "");
    int wrong = 0;
    char line[160];
    for (const auto &[side, marked] : std::vector<std::pair<int, int>>{
             {128, 128}, {192, 192}, {256, 256}, {320, 320}, {320, 96}, {512, 512}, {512, 224}, {1024, 1024}}) {
        const FrameWork work = make_frame(*engine, bundle, side, marked);
        std::snprintf(line, sizeof line, "frame %d, marked %d: %zu tiles of %dx%d px", side, marked, work.tiles.size(),
                      work.tiles.empty() ? 0 : work.tiles[0].width, work.tiles.empty() ? 0 : work.tiles[0].height);
        wrong += check(age_right(*engine, work), line);
    }
    FrameWork nothing = make_frame(*engine, bundle, 256, 0);
    wrong += check(nothing.tiles.empty() && age_right(*engine, nothing), "a frame without tiles");
    std::vector<std::thread> threads;
    std::vector<int> good(4);
    for (int i = 0; i < 4; ++i)
        threads.emplace_back([&, i] {
            for (int side = 128; side <= 512; side += 128)
                good[static_cast<std::size_t>(i)] += age_right(*engine, make_frame(*engine, bundle, side, side));
        });
    for (std::thread &thread : threads) thread.join();
    return wrong + check(good == std::vector<int>(4, 4), "four threads");
}

// Two frames wait for the GPU concurrently, and a repeated frame is launched as a graph.
int check_concurrency(const Bundle &bundle) {
    const std::unique_ptr<Engine> engine = open_tensorrt(bundle, "cuda", "");
    const FrameWork work = make_frame(*engine, bundle, 128, 128);
    std::vector<std::thread> threads;
    std::vector<int> good(2);
    fake::meet(2);
    for (int i = 0; i < 2; ++i)
        threads.emplace_back([&, i] { good[static_cast<std::size_t>(i)] = age_right(*engine, work); });
    for (std::thread &thread : threads) thread.join();
    fake::meet(0);
    int wrong = check(good == std::vector<int>(2, 1), "two frames at the same time");
    const int before = fake::graphs();
    for (int i = 0; i < 3; ++i) wrong += check(age_right(*engine, work), "a size that comes again");
    const FrameWork other = make_frame(*engine, bundle, 512, 512);
    for (int i = 0; i < 3; ++i) wrong += check(age_right(*engine, i == 1 ? work : other), "sizes in turn");
    return wrong + check(fake::graphs() - before >= 3, "graphs were launched");
}

// Every call of CUDA and TensorRT fails once: it must raise an error, unless the pixels are correct nevertheless, as
// without a graph; and nothing may leak.
int check_failures(const Bundle &bundle) {
    int failed = 0, wrong = 0, recovered = 0;
    for (int call = 1; call < 1000; ++call) {
        fake::fail_at(call);
        bool caught = false, right = true;
        try {
            const std::unique_ptr<Engine> engine = open_tensorrt(bundle, "cuda:0", "f16");
            const FrameWork work = make_frame(*engine, bundle, 256, 256);
            for (int i = 0; i < 3; ++i) right = age_right(*engine, work) && right;
        } catch (const Error &error) {
            caught = true;
            const bool known = error.status() == AMGAN_ERROR_DEVICE || error.status() == AMGAN_ERROR_ENGINE ||
                               error.status() == AMGAN_ERROR_MEMORY;
            if (!known) ++wrong, std::printf("WRONG: call %d gave %d, %s\n", call, error.status(), error.what());
        }
        if (fake::held() != 0) ++wrong, std::printf("WRONG: call %d left %d things\n", call, fake::held());
        if (!caught) {
            // With fewer calls than that, none failed.
            if (fake::calls() < call) break;
            if (!right) ++wrong, std::printf("WRONG: call %d failed, and nobody noticed\n", call);
            ++recovered;
        }
        ++failed;
    }
    fake::fail_at(0);
    std::printf("%d calls made to fail\n", failed);
    wrong += check(recovered >= 8 && recovered < failed / 2, "a capture that fails changes nothing");
    return wrong + check(failed > 20, "every failure is an error and leaves nothing");
}

int check_refusals(const Bundle &bundle) {
    int wrong = 0;
    for (const char *device : {"cuda:7", "cuda"}) {
        bool refused = false;
        try {
            open_tensorrt(bundle, device, "bf16");
        } catch (const Error &error) {
            refused = error.status() == AMGAN_ERROR_DEVICE;
            std::printf("%s\n", error.what());
        }
        wrong += check(refused, device);
    }
    return wrong;
}

}  // namespace

int main(int count, char **arguments) {
    try {
        const Bundle bundle = open_bundle(arguments[1]);
        int wrong = check_pixels(bundle);
        std::printf("%d contexts compiled\n", fake::compiled());
        if (count < 3) wrong += check_concurrency(bundle) + check_failures(bundle) + check_refusals(bundle);
        wrong += check(fake::held() == 0 && fake::broken() == 0, "nothing is held, no rule was broken");
        return wrong ? 1 : 0;
    } catch (const Error &error) {
        std::printf("WRONG: %s\n", error.what());
        return 2;
    }
}
