# Half of what compiling a file takes is reading the standard library's and Asio's headers. They are read once for each kind of
# file: fast, small, test. -DCMAKE_DISABLE_PRECOMPILE_HEADERS=ON goes without, as clang does here: ccache wants more of it.
if(NOT CMAKE_CXX_COMPILER_ID STREQUAL GNU)
  set(CMAKE_DISABLE_PRECOMPILE_HEADERS ON)
endif()
# g++ 12 forgets what a precompiled header's pragmas silence (GCC bug 64117), and libstdc++ silences these for std::string.
if(NOT CMAKE_DISABLE_PRECOMPILE_HEADERS AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 14)
  target_compile_options(cfpipe_options INTERFACE -Wno-array-bounds -Wno-stringop-overflow -Wno-stringop-overread)
endif()
# The files of slips and of a few others are compiled in another way, and read the headers themselves.
set(CMAKE_PCH_WARN_INVALID ON)

function(cfpipe_precompile kind header)
  set(empty ${CMAKE_BINARY_DIR}/precompiled_${kind}.cc)
  file(CONFIGURE OUTPUT ${empty} CONTENT "// Holds the precompiled headers of this kind.\n")
  add_library(cfpipe_headers_${kind} OBJECT ${empty})
  target_link_libraries(cfpipe_headers_${kind} PRIVATE cfpipe_options Boost::json ${ARGN})
  target_precompile_headers(cfpipe_headers_${kind} PRIVATE ${CMAKE_SOURCE_DIR}/cmake/headers/${header}.h)
endfunction()

# The target is compiled as that kind is.
function(cfpipe_use_precompiled target kind)
  target_precompile_headers(${target} REUSE_FROM cfpipe_headers_${kind})
endfunction()
