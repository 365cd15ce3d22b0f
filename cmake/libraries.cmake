# The libraries that come through pkg-config. All but libc go into the programs themselves: most of what a dynamically
# linked cfpipe takes to start is the loader's work. A distribution that ships its libraries wants those instead.
if(CFPIPE_SANITIZE)
  set(shared_by_default ON)  # the sanitizers hook into a shared C++ runtime
else()
  set(shared_by_default OFF)
endif()
option(CFPIPE_SHARED_LIBRARIES "Link OpenSSL, nghttp2, libidn2, libsodium, yaml-cpp, SQLite and the C++ runtime as shared libraries"
  ${shared_by_default})

# Makes cfpipe::MODULE of a pkg-config module. ARCHIVES are its static libraries by name, NEEDS what these need in turn.
function(cfpipe_library module)
  cmake_parse_arguments(ARG "" "VERSION" "ARCHIVES;NEEDS" ${ARGN})
  pkg_check_modules(${module} REQUIRED IMPORTED_TARGET GLOBAL ${module}${ARG_VERSION})
  add_library(cfpipe_with_${module} INTERFACE)
  add_library(cfpipe::${module} ALIAS cfpipe_with_${module})
  if(CFPIPE_SHARED_LIBRARIES)
    target_link_libraries(cfpipe_with_${module} INTERFACE PkgConfig::${module})
    return()
  endif()
  foreach(name ${ARG_ARCHIVES})
    find_library(archive lib${name}.a HINTS ${${module}_LIBDIR} NO_CACHE)
    if(NOT archive)
      message(FATAL_ERROR "lib${name}.a is missing: install it, or link shared libraries with -DCFPIPE_SHARED_LIBRARIES=ON")
    endif()
    target_link_libraries(cfpipe_with_${module} INTERFACE ${archive})
    unset(archive)
  endforeach()
  target_include_directories(cfpipe_with_${module} SYSTEM INTERFACE ${${module}_INCLUDE_DIRS})
  target_link_libraries(cfpipe_with_${module} INTERFACE ${ARG_NEEDS})
endfunction()

find_package(Threads REQUIRED)
cfpipe_library(openssl VERSION >=3.0 ARCHIVES ssl crypto NEEDS ${CMAKE_DL_LIBS} Threads::Threads)
cfpipe_library(libnghttp2 ARCHIVES nghttp2)
cfpipe_library(libidn2 ARCHIVES idn2 unistring)
cfpipe_library(libsodium ARCHIVES sodium NEEDS Threads::Threads)
cfpipe_library(yaml-cpp ARCHIVES yaml-cpp)
cfpipe_library(sqlite3 ARCHIVES sqlite3 NEEDS m ${CMAKE_DL_LIBS})
if(NOT CFPIPE_SHARED_LIBRARIES)
  target_link_options(cfpipe_options INTERFACE -static-libstdc++ -static-libgcc -Wl,--as-needed)
endif()

# Only its header: the library itself has no archive to link, and is loaded when there is a code to show.
pkg_check_modules(libqrencode REQUIRED libqrencode)
add_library(cfpipe_with_libqrencode INTERFACE)
add_library(cfpipe::libqrencode ALIAS cfpipe_with_libqrencode)
target_include_directories(cfpipe_with_libqrencode SYSTEM INTERFACE ${libqrencode_INCLUDE_DIRS})
target_link_libraries(cfpipe_with_libqrencode INTERFACE ${CMAKE_DL_LIBS})
