// Bundles: folders with everything a deployment needs; reading one validates it.
#pragma once

#include <string>
#include <vector>

#include "manifest.h"

namespace amgan_impl {

struct Bundle {
    std::string folder;
    Manifest manifest;

    // The entry with a role, a format and a precision; raises Error (AMGAN_ERROR_BUNDLE) if there is none.
    const FileEntry &file(const std::string &role, const std::string &format, const std::string &precision) const;

    // The content of a file, with its hash checked again, so that it is the one in the manifest.
    std::string read(const FileEntry &entry) const;

    std::string path_of(const FileEntry &entry) const;
};

// Opens a bundle's folder and validates manifest and all files, like Bundle.open in Python.
Bundle open_bundle(const std::string &folder);

}  // namespace amgan_impl
