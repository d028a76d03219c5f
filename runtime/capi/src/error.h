// The exception class of the library, and the text of amgan_last_error().
#pragma once

#include <stdexcept>
#include <string>

#include "amgan.h"

namespace amgan_impl {

class Error : public std::runtime_error {
  public:
    Error(amgan_status status, const std::string &sentence) : std::runtime_error(sentence), status_(status) {}

    amgan_status status() const { return status_; }

  private:
    amgan_status status_;
};

inline Error argument_error(const std::string &sentence) { return Error(AMGAN_ERROR_ARGUMENT, sentence); }
inline Error bundle_error(const std::string &sentence) { return Error(AMGAN_ERROR_BUNDLE, sentence); }
inline Error device_error(const std::string &sentence) { return Error(AMGAN_ERROR_DEVICE, sentence); }
inline Error engine_error(const std::string &sentence) { return Error(AMGAN_ERROR_ENGINE, sentence); }

// Store a text for this thread, truncated to fit: it allocates no memory and cannot fail.
void set_last_error(const char *text) noexcept;
const char *last_error() noexcept;

// Format a number with one decimal.
std::string in_words(double value);

// The last line of another library's message; the lines before are locations in its source code.
std::string last_line(const std::string &text);

}  // namespace amgan_impl
