#include "bundle.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>

#include "error.h"
#include "sha256.h"

namespace amgan_impl {

namespace fs = std::filesystem;

namespace {

const char kManifest[] = "manifest.json";
constexpr std::size_t kMaxManifestBytes = std::size_t{16} << 20;
constexpr std::size_t kMaxFileBytes = std::size_t{4} << 30;

std::string read_file(const fs::path &path, std::size_t limit) {
    const auto refuse = [&path](const std::string &why) {
        return bundle_error("'" + path.string() + "' cannot be read: " + why);
    };
    const std::unique_ptr<std::FILE, int (*)(std::FILE *)> file(std::fopen(path.c_str(), "rb"), std::fclose);
    if (!file) throw refuse(std::strerror(errno));
    std::string content;
    char part[1 << 16];
    std::size_t got = 0;
    while ((got = std::fread(part, 1, sizeof part, file.get())) > 0) {
        content.append(part, got);
        if (content.size() > limit) throw refuse("it is far too large for what it should be");
    }
    if (std::ferror(file.get())) throw refuse(std::strerror(errno));
    return content;
}

// Whether a name stays in its folder on every system, so that a bundle is valid on all systems or on none.
bool is_plain_name(const std::string &name) {
    if (name.empty() || name.find('\0') != std::string::npos) return false;
    if (name[0] == '/' || name[0] == '\\' || (name.size() > 1 && name[1] == ':')) return false;
    for (std::size_t start = 0; start <= name.size();) {
        const std::size_t end = std::min(name.find_first_of("/\\", start), name.size());
        if (name.compare(start, end - start, "..") == 0) return false;
        start = end + 1;
    }
    return true;
}

// Whether the file is also inside the folder after resolving links.
bool is_inside(const fs::path &folder, const fs::path &file) {
    std::error_code ignored;
    const fs::path base = fs::weakly_canonical(folder, ignored), real = fs::weakly_canonical(file, ignored);
    return !base.empty() && !real.empty() &&
           std::mismatch(base.begin(), base.end(), real.begin(), real.end()).first == base.end();
}

fs::path inside(const std::string &folder, const std::string &name) {
    const fs::path file = fs::path(folder) / name;
    if (!is_plain_name(name) || !is_inside(folder, file))
        throw bundle_error("'" + folder + "' names the file '" + name +
                           "' that lies outside of it: do not use this bundle");
    return file;
}

std::string lower(std::string text) {
    for (char &c : text)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    return text;
}

}  // namespace

std::string Bundle::path_of(const FileEntry &entry) const { return inside(folder, entry.name).string(); }

std::string Bundle::read(const FileEntry &entry) const {
    const fs::path path = inside(folder, entry.name);
    std::error_code ignored;
    if (!fs::is_regular_file(path, ignored))
        throw bundle_error("'" + folder + "' lacks the file '" + entry.name +
                           "' of its manifest: copy the bundle again, whole");
    std::string content = read_file(path, kMaxFileBytes);
    const std::string found = sha256_hex(content.data(), content.size());
    if (found != lower(entry.sha256))
        throw bundle_error("'" + path.string() + "' is damaged or was replaced: its SHA-256 is " +
                           found.substr(0, 12) + "..., the manifest says " + entry.sha256.substr(0, 12) +
                           "...; copy the bundle again");
    return content;
}

const FileEntry &Bundle::file(const std::string &role, const std::string &format,
                              const std::string &precision) const {
    for (const FileEntry &entry : manifest.files)
        if (entry.role == role && entry.format == format && entry.precision == precision) return entry;
    throw bundle_error("'" + folder + "' holds no " + precision + " " + format + " " + role +
                       ": export the bundle with it");
}

Bundle open_bundle(const std::string &folder) {
    std::error_code ignored;
    if (!fs::is_directory(folder, ignored))
        throw bundle_error("there is no bundle folder '" + folder + "': give the folder that holds " + kManifest);
    const fs::path path = fs::path(folder) / kManifest;
    if (!fs::exists(path, ignored))
        throw bundle_error("'" + folder + "' is no bundle, it holds no " + kManifest +
                           ": give a folder that amgan export made");
    Bundle bundle{folder, parse_manifest(read_file(path, kMaxManifestBytes), path.string())};
    for (const FileEntry &entry : bundle.manifest.files) bundle.read(entry);
    return bundle;
}

}  // namespace amgan_impl
