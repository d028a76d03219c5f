// Validation and encoding of UTF-8.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace amgan_impl {

bool is_utf8(std::string_view text);

// Appends one character; `code` is at most 0x10FFFF and not a surrogate.
void append_utf8(std::string &out, std::uint32_t code);

}  // namespace amgan_impl
