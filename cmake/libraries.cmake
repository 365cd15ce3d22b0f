# The libraries that come through pkg-config. All but libc go into the programs themselves: most of what a dynamically
# linked cfpipe takes to start is the loader's work. A distribution that ships its libraries wants those instead.
if(CFPIPE_SANITIZE)
  set(shared_by_default ON)  # the sanitizers hook into a shared C++ runtime
else()
  set(shared_by_default OFF)
endif()
option(CFPIPE_SHARED_LIBRARIES "Link OpenSSL, nghttp2, libsodium, libssh, yaml-cpp, SQLite, zlib and the C++ runtime as shared libraries"
  ${shared_by_default})

# Makes cfpipe::MODULE of a pkg-config module. ARCHIVES are its static libraries by name; what these need in turn is what
# pkg-config says (Libs.private), as OpenSSL's zlib and zstd where it compresses certificates, and NEEDS.
set(of_libc c dl m pthread rt)
function(cfpipe_library module)
  cmake_parse_arguments(ARG "" "VERSION" "ARCHIVES;NEEDS" ${ARGN})
  pkg_check_modules(${module} REQUIRED IMPORTED_TARGET GLOBAL ${module}${ARG_VERSION})
  add_library(cfpipe_with_${module} INTERFACE)
  add_library(cfpipe::${module} ALIAS cfpipe_with_${module})
  if(CFPIPE_SHARED_LIBRARIES)
    target_link_libraries(cfpipe_with_${module} INTERFACE PkgConfig::${module})
    return()
  endif()
  set(names ${ARG_ARCHIVES} ${${module}_STATIC_LIBRARIES})
  list(REMOVE_ITEM names ${of_libc})
  list(REMOVE_DUPLICATES names)
  foreach(name ${names})
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
cfpipe_library(libsodium ARCHIVES sodium NEEDS Threads::Threads)
cfpipe_library(yaml-cpp ARCHIVES yaml-cpp)
cfpipe_library(sqlite3 ARCHIVES sqlite3 NEEDS m ${CMAKE_DL_LIBS})
cfpipe_library(zlib ARCHIVES z)
# As an archive it also wants Kerberos.
if(NOT CFPIPE_SHARED_LIBRARIES)
  add_library(cfpipe_no_gssapi STATIC cmake/no_gssapi.cc)
endif()
cfpipe_library(libssh VERSION >=0.10 ARCHIVES ssh NEEDS cfpipe_no_gssapi cfpipe::zlib cfpipe::openssl)
if(NOT CFPIPE_SHARED_LIBRARIES)
  # Beside -static they would bring a shared libc back.
  target_link_options(cfpipe_options INTERFACE
    $<$<NOT:$<BOOL:$<TARGET_PROPERTY:CFPIPE_STATIC>>>:-static-libstdc++> $<$<NOT:$<BOOL:$<TARGET_PROPERTY:CFPIPE_STATIC>>>:-static-libgcc>
    -Wl,--as-needed)
endif()

# Only their headers: these are loaded when there is a code to show, or a name that is not ASCII.
foreach(module libqrencode libidn2)
  pkg_check_modules(${module} REQUIRED ${module})
  add_library(cfpipe_with_${module} INTERFACE)
  add_library(cfpipe::${module} ALIAS cfpipe_with_${module})
  target_include_directories(cfpipe_with_${module} SYSTEM INTERFACE ${${module}_INCLUDE_DIRS})
  target_link_libraries(cfpipe_with_${module} INTERFACE ${CMAKE_DL_LIBS})
endforeach()
