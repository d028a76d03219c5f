#include "utf8.h"

namespace amgan_impl {

namespace {

// The number of bytes after a first byte; -1 for an invalid first byte.
int followers(unsigned char first) {
    if (first < 0x80) return 0;
    if (first >= 0xC2 && first < 0xE0) return 1;
    if (first >= 0xE0 && first < 0xF0) return 2;
    return first >= 0xF0 && first < 0xF5 ? 3 : -1;
}

}  // namespace

bool is_utf8(std::string_view text) {
    static constexpr std::uint32_t kSmallest[] = {0, 0x80, 0x800, 0x10000};
    for (std::size_t i = 0; i < text.size();) {
        const auto first = static_cast<unsigned char>(text[i++]);
        const int more = followers(first);
        if (more < 0 || text.size() - i < static_cast<std::size_t>(more)) return false;
        std::uint32_t code = more == 0 ? first : first & (0x3Fu >> more);
        for (int k = 0; k < more; ++k, ++i) {
            const auto next = static_cast<unsigned char>(text[i]);
            if ((next & 0xC0) != 0x80) return false;
            code = code << 6 | (next & 0x3F);
        }
        if (code < kSmallest[more] || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF)) return false;
    }
    return true;
}

void append_utf8(std::string &out, std::uint32_t code) {
    const auto byte = [&out](std::uint32_t value) { out += static_cast<char>(value); };
    const auto follow = [&byte, code](int shift) { byte(0x80 | (code >> shift & 0x3F)); };
    if (code < 0x80) {
        byte(code);
    } else if (code < 0x800) {
        byte(0xC0 | code >> 6), follow(0);
    } else if (code < 0x10000) {
        byte(0xE0 | code >> 12), follow(6), follow(0);
    } else {
        byte(0xF0 | code >> 18), follow(12), follow(6), follow(0);
    }
}

}  // namespace amgan_impl
