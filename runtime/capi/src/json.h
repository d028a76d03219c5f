// A small, strict JSON reader for manifests.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace amgan_impl {

struct JsonError : std::runtime_error {
    using std::runtime_error::runtime_error;
};

struct Json {
    enum class Kind { null, boolean, integer, real, text, list, object };

    Kind kind = Kind::null;
    bool boolean = false;
    std::int64_t integer = 0;
    double real = 0.0;  // also set for integers
    std::string text;
    std::vector<Json> items;
    std::vector<std::pair<std::string, Json>> members;

    // A member of an object, the last one of a repeated name; null if there is none.
    const Json *find(std::string_view name) const;
};

// Reads a whole document: RFC 8259, plus NaN and Infinity, which Python writes. Raises JsonError, also for invalid
// UTF-8 and for nesting deeper than any manifest's.
Json parse_json(std::string_view document);

}  // namespace amgan_impl
