#include "rtx_cache.h"

#include <cuda_runtime_api.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>
#include <sstream>
#include <system_error>
#include <tuple>
#include <vector>

#include "sha256.h"

namespace fs = std::filesystem;

namespace amgan_impl {

namespace {

constexpr std::size_t kDigestBytes = 32;
constexpr std::uintmax_t kMostBytes = std::uintmax_t{256} << 20;
constexpr const char *kSuffix = ".network";

std::string environment(const char *name) {
    const char *value = std::getenv(name);
    return value == nullptr ? "" : value;
}

// The cache folder; empty if AMGAN_CACHE is "off" or there is no home folder.
fs::path cache_folder() {
    const std::string chosen = environment("AMGAN_CACHE");
    std::string word = chosen;
    std::transform(word.begin(), word.end(), word.begin(), [](unsigned char c) { return std::tolower(c); });
    if (word == "off" || word == "0" || word == "no") return {};
    if (!chosen.empty()) return chosen;
    const std::string base = environment("XDG_CACHE_HOME"), home = environment("HOME");
    if (base.empty() && home.empty()) return {};
    return (base.empty() ? fs::path(home) / ".cache" : fs::path(base)) / "amgan" / "networks";
}

// The SHA-256 of some bytes as 32 bytes.
std::string digest(const void *bytes, std::size_t count) {
    const std::string hex = sha256_hex(bytes, count);
    std::string found;
    for (std::size_t i = 0; i < hex.size(); i += 2)
        found.push_back(static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16)));
    return found;
}

// A hidden name of its own for a file while it is written.
fs::path temporary_of(const fs::path &path) {
    char number[16];
    std::snprintf(number, sizeof number, "%08x", static_cast<unsigned>(std::random_device{}()));
    return path.parent_path() / ("." + path.stem().string().substr(0, 40) + "." + number + ".part");
}

// Deletes the least recently used entries until the folder holds kMostBytes or less.
void make_room(const fs::path &folder) {
    std::error_code ignored;
    std::vector<std::tuple<fs::file_time_type, std::uintmax_t, fs::path>> entries;
    std::uintmax_t total = 0;
    for (const fs::directory_entry &entry : fs::directory_iterator(folder, ignored)) {
        std::error_code bad;
        const auto bytes = entry.file_size(bad);
        const auto time = entry.last_write_time(bad);
        if (bad || entry.path().extension() != kSuffix) continue;
        entries.emplace_back(time, bytes, entry.path());
        total += bytes;
    }
    std::sort(entries.begin(), entries.end());
    for (const auto &[time, bytes, path] : entries) {
        if (total <= kMostBytes) return;
        fs::remove(path, ignored);
        total -= bytes;
    }
}

}  // namespace

std::string rtx_entry(const std::string &plan, const std::string &version, int gpu) {
    const fs::path folder = cache_folder();
    cudaDeviceProp properties;
    int driver = 0;
    if (folder.empty() || cudaGetDeviceProperties(&properties, gpu) != cudaSuccess ||
        cudaDriverGetVersion(&driver) != cudaSuccess) {
        cudaGetLastError();
        return "";
    }
    std::ostringstream facts;
    facts << "rtx for C 1\n" << sha256_hex(plan.data(), plan.size()) << '\n' << version << '\n' << properties.name << '\n'
          << properties.major << '.' << properties.minor << '\n' << driver;
    const std::string text = facts.str();
    return (folder / (sha256_hex(text.data(), text.size()) + kSuffix)).string();
}

std::string read_entry(const std::string &path) {
    std::ifstream stream(path, std::ios::binary);
    if (!stream) return "";
    const std::string entry((std::istreambuf_iterator<char>(stream)), std::istreambuf_iterator<char>());
    if (entry.size() <= kDigestBytes ||
        digest(entry.data() + kDigestBytes, entry.size() - kDigestBytes) != entry.substr(0, kDigestBytes)) {
        drop_entry(path);
        return "";
    }
    std::error_code ignored;
    fs::last_write_time(path, fs::file_time_type::clock::now(), ignored);  // the time of the last use
    return entry.substr(kDigestBytes);
}

void write_entry(const std::string &path, const void *content, std::size_t bytes) {
    const fs::path target = path, temporary = temporary_of(target);
    std::error_code bad;
    fs::create_directories(target.parent_path(), bad);
    if (bad) return;
    {
        std::ofstream stream(temporary, std::ios::binary);
        const std::string sum = digest(content, bytes);
        stream.write(sum.data(), static_cast<std::streamsize>(sum.size()));
        stream.write(static_cast<const char *>(content), static_cast<std::streamsize>(bytes));
        stream.close();
        if (stream.good()) fs::rename(temporary, target, bad);
        else bad = std::make_error_code(std::errc::io_error);
    }
    if (bad) {
        fs::remove(temporary, bad);
        return;
    }
    make_room(target.parent_path());
}

void drop_entry(const std::string &path) {
    std::error_code ignored;
    fs::remove(path, ignored);
}

}  // namespace amgan_impl
