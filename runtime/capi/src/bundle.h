// Bundles: folders that hold everything a deployment needs, read with every check.
#pragma once

#include <string>
#include <vector>

#include "manifest.h"

namespace amgan_impl {

struct Bundle {
    std::string folder;
    Manifest manifest;

    // The entry with a role, a format and a precision; raises Error (AMGAN_ERROR_BUNDLE) when there is none.
    const FileEntry &file(const std::string &role, const std::string &format, const std::string &precision) const;

    // What a file holds, its hash checked once more: what is loaded is what the manifest means.
    std::string read(const FileEntry &entry) const;

    std::string path_of(const FileEntry &entry) const;
};

// Opens a bundle's folder and checks manifest and all files, as Bundle.open does in Python.
Bundle open_bundle(const std::string &folder);

}  // namespace amgan_impl
