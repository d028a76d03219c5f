# Finds OpenVINO: where OpenVINO_DIR says, in the Python wheel, which has headers and CMake files in it, or installed.
if(NOT OpenVINO_DIR)
  find_package(Python3 COMPONENTS Interpreter QUIET)
  if(Python3_Interpreter_FOUND)
    execute_process(
      COMMAND ${Python3_EXECUTABLE} -c
        "import importlib.util as u; print(u.find_spec('openvino').submodule_search_locations[0] + '/cmake')"
      OUTPUT_VARIABLE AMGAN_WHEEL OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE AMGAN_NO_WHEEL)
    if(AMGAN_NO_WHEEL EQUAL 0)
      set(OpenVINO_DIR ${AMGAN_WHEEL} CACHE PATH "Folder of OpenVINOConfig.cmake")
    endif()
  endif()
endif()
find_package(OpenVINO COMPONENTS Runtime)
if(NOT OpenVINO_FOUND)
  message(FATAL_ERROR "OpenVINO was not found: pip install openvino, and give -DPython3_EXECUTABLE=... or "
                      "-DOpenVINO_DIR=.../openvino/cmake")
endif()
