// UTF-8: checking and writing it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace amgan_impl {

bool is_utf8(std::string_view text);

// Appends one character; `code` is no surrogate and at most 0x10FFFF.
void append_utf8(std::string &out, std::uint32_t code);

}  // namespace amgan_impl
