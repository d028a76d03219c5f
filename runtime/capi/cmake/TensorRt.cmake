# The TensorRT backend, for either flavour, where headers, library and CUDA are found; otherwise what stands in for it.
set(AMGAN_TENSORRT_SOURCES src/no_tensorrt.cpp)
