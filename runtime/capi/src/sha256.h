// SHA-256 (FIPS 180-4).
#pragma once

#include <cstddef>
#include <string>

namespace amgan_impl {

// The hash of some bytes in lower-case hex.
std::string sha256_hex(const void *bytes, std::size_t count);

}  // namespace amgan_impl
