// Files with the kernels that TensorRT for RTX compiles for a GPU, in the user's cache folder: the folder, the format
// and the limit of runtime/engines/compiled_cache.py.
#pragma once

#include <cstddef>
#include <string>

namespace amgan_impl {

// The file of an engine's kernels on a GPU; "" if the cache is off, or the GPU or its driver cannot be told.
std::string rtx_entry(const std::string &plan, const std::string &version, int gpu);

// The content of an entry; "" if there is none or it is damaged. A damaged one is deleted.
std::string read_entry(const std::string &path);

// Writes an entry whole or not at all; an error only means that nothing is kept.
void write_entry(const std::string &path, const void *content, std::size_t bytes);

// Deletes an entry that cannot be used.
void drop_entry(const std::string &path);

}  // namespace amgan_impl
