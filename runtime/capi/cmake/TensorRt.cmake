# The TensorRT backend, of whichever flavour's library is found, where headers and CUDA are there, too. It is a library
# of its own, which libamgan loads when a GPU is asked for. TensorRT_ROOT names the folder of an unpacked TensorRT or
# TensorRT for RTX.
if(AMGAN_TENSORRT)  # AUTO or ON
  set(AMGAN_TENSORRT_ROOTS ${TensorRT_ROOT} $ENV{TensorRT_ROOT})
  find_package(CUDAToolkit QUIET)
  find_path(AMGAN_NVINFER_INCLUDE NvInferRuntime.h HINTS ${AMGAN_TENSORRT_ROOTS} PATH_SUFFIXES include)
  find_library(AMGAN_NVINFER_LIBRARY NAMES nvinfer HINTS ${AMGAN_TENSORRT_ROOTS} PATH_SUFFIXES lib)
  find_library(AMGAN_NVINFER_RTX_LIBRARY NAMES tensorrt_rtx HINTS ${AMGAN_TENSORRT_ROOTS} PATH_SUFFIXES lib)
  if(CUDAToolkit_FOUND AND AMGAN_NVINFER_INCLUDE AND (AMGAN_NVINFER_LIBRARY OR AMGAN_NVINFER_RTX_LIBRARY))
    set(AMGAN_TENSORRT_SOURCES src/engine_tensorrt.cpp src/rtx_cache.cpp src/tensorrt_backend.cpp
        src/tensorrt_plan.cpp)
    set(AMGAN_TENSORRT_INCLUDES ${AMGAN_NVINFER_INCLUDE})
    if(AMGAN_NVINFER_LIBRARY)
      set(AMGAN_TENSORRT_LIBRARIES ${AMGAN_NVINFER_LIBRARY} CUDA::cudart)
      set(AMGAN_TENSORRT_DEFINITIONS AMGAN_TENSORRT_FLAVOUR="tensorrt" "AMGAN_TENSORRT_NAME=\"TensorRT\""
        AMGAN_TENSORRT_RTX=0)
    else()
      set(AMGAN_TENSORRT_LIBRARIES ${AMGAN_NVINFER_RTX_LIBRARY} CUDA::cudart)
      set(AMGAN_TENSORRT_DEFINITIONS
        AMGAN_TENSORRT_FLAVOUR="tensorrt_rtx" "AMGAN_TENSORRT_NAME=\"TensorRT for RTX\"" AMGAN_TENSORRT_RTX=1)
    endif()
    message(STATUS "TensorRT backend: ${AMGAN_TENSORRT_LIBRARIES}")
  elseif(NOT AMGAN_TENSORRT STREQUAL "AUTO")
    message(FATAL_ERROR "AMGAN_TENSORRT is ON, but NvInferRuntime.h, its library or CUDA was not found: give "
                        "-DTensorRT_ROOT=... and -DCUDAToolkit_ROOT=...")
  endif()
endif()
