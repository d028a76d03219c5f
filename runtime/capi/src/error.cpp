#include "error.h"

#include <cstdio>
#include <cstring>

namespace amgan_impl {

namespace {
constexpr std::size_t kTextBytes = 1024;
thread_local char text_of_thread[kTextBytes];
}  // namespace

void set_last_error(const char *text) noexcept {
    std::size_t length = std::strlen(text);
    if (length >= kTextBytes) {
        length = kTextBytes - 1;
        // Do not end with an incomplete UTF-8 character.
        while (length > 0 && (static_cast<unsigned char>(text[length]) & 0xC0) == 0x80) --length;
    }
    std::memmove(text_of_thread, text, length);
    text_of_thread[length] = '\0';
}

const char *last_error() noexcept { return text_of_thread; }

std::string in_words(double value) {
    char text[64];
    std::snprintf(text, sizeof text, "%.1f", value);
    return text;
}

std::string last_line(const std::string &text) {
    const char *blank = " \t\r\n";
    const auto end = text.find_last_not_of(blank);
    if (end == std::string::npos) return "it gave no reason";
    const auto before = text.find_last_of('\n', end);
    const auto start = text.find_first_not_of(blank, before == std::string::npos ? 0 : before);
    return text.substr(start, end + 1 - start);
}

}  // namespace amgan_impl
