// A valid bundle with some bytes flipped and a file truncated: opened if nothing changed, otherwise refused.
// AMGAN_FUZZ_BUNDLE is the path of a bundle; the input selects the changes.
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

#include "bundle.h"
#include "error.h"

using namespace amgan_impl;
namespace fs = std::filesystem;

namespace {

struct File {
    std::string name;
    std::string content;
    bool dirty = true;
};

struct Copy {
    fs::path folder;
    std::vector<File> files;

    Copy() : folder(fs::temp_directory_path() / ("amgan-fuzz-" + std::to_string(getpid()))) {
        const char *source = std::getenv("AMGAN_FUZZ_BUNDLE");
        if (source == nullptr) std::abort();
        for (const auto &entry : fs::directory_iterator(source)) {
            std::ifstream stream(entry.path(), std::ios::binary);
            files.push_back({entry.path().filename().string(), std::string(std::istreambuf_iterator<char>(stream), {})});
        }
        fs::create_directories(folder);
    }

    ~Copy() { fs::remove_all(folder); }

    void write(const File &file, const std::string &content) const {
        std::ofstream(folder / file.name, std::ios::binary).write(content.data(),
                                                                  static_cast<std::streamsize>(content.size()));
    }
};

// Four bytes per edit: the file, the kind of change, and its position.
bool edit(std::string &content, const std::uint8_t *step) {
    if (content.empty()) return false;
    const std::size_t place = (std::size_t{step[2]} << 8 | step[3]) * 2654435761u % content.size();
    if (step[1] == 0) return false;
    if (step[1] == 0xFF) content.resize(place);
    else content[place] = static_cast<char>(content[place] ^ static_cast<char>(step[1]));
    return true;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size) {
    static Copy copy;
    bool file_changed = false;
    for (std::size_t f = 0; f < copy.files.size(); ++f) {
        std::string content = copy.files[f].content;
        for (std::size_t i = 0; i + 4 <= size; i += 4)
            if (data[i] % copy.files.size() == f) edit(content, data + i);
        const bool changed = content != copy.files[f].content;
        file_changed = file_changed || (changed && copy.files[f].name != "manifest.json");
        if (changed || copy.files[f].dirty) copy.write(copy.files[f], content);
        copy.files[f].dirty = changed;
    }
    try {
        open_bundle(copy.folder.string());
        if (file_changed) std::abort();
    } catch (const Error &error) {
        if (error.status() != AMGAN_ERROR_BUNDLE) std::abort();
    }
    return 0;
}
