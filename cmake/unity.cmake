# Joined ("unity") compilation: several files of a target are compiled as one that includes them. Much of what compiling a file
# takes is to instantiate Asio's and the standard library's templates, which is then done once for all of them. But an edit
# compiles the joined files again, so scripts/build asks for it only where there is no build yet. g++ alone joins: clang compiles
# each file by itself, which keeps its includes complete.
set(CFPIPE_UNITY 0 CACHE STRING "How many files of a room or of a unit test are compiled as one (0: each by itself)")

# `root`: an include root of the target that the files are below. CMake's own UNITY_BUILD names them by absolute paths, and no
# two clones would share what ccache keeps. Generated files stay alone, and those that are compiled in another way.
function(cfpipe_join target root)
  if(CFPIPE_UNITY GREATER 1 AND CMAKE_CXX_COMPILER_ID STREQUAL GNU)
    # At the end of the directory: properties of its files may be set behind this.
    cmake_language(EVAL CODE "cmake_language(DEFER CALL cfpipe_join_sources [[${target}]] [[${root}]])")
  endif()
endfunction()

function(cfpipe_join_sources target root)
  get_target_property(sources ${target} SOURCES)
  set(alone)
  set(together)
  foreach(source ${sources})
    set(other)
    foreach(property COMPILE_DEFINITIONS COMPILE_OPTIONS SKIP_PRECOMPILE_HEADERS SKIP_UNITY_BUILD_INCLUSION)
      get_source_file_property(value ${source} ${property})
      if(value)
        set(other TRUE)
      endif()
    endforeach()
    cmake_path(ABSOLUTE_PATH source OUTPUT_VARIABLE absolute)
    cmake_path(IS_PREFIX root ${absolute} NORMALIZE below)
    cmake_path(IS_PREFIX CMAKE_BINARY_DIR ${absolute} NORMALIZE generated)
    if(other OR generated OR NOT below OR source MATCHES "^\\$<")
      list(APPEND alone ${source})
    else()
      list(APPEND together ${absolute})
    endif()
  endforeach()
  set(joined)
  while(together)
    list(SUBLIST together 0 ${CFPIPE_UNITY} batch)
    list(REMOVE_ITEM together ${batch})
    set(content)
    foreach(source ${batch})
      cmake_path(RELATIVE_PATH source BASE_DIRECTORY ${root})
      string(APPEND content "#include \"${source}\"\n")
    endforeach()
    list(LENGTH joined number)
    set(file ${CMAKE_CURRENT_BINARY_DIR}/joined/${target}_${number}.cc)
    file(CONFIGURE OUTPUT ${file} CONTENT "${content}" @ONLY)
    list(APPEND joined ${file})
  endwhile()
  # g++ takes what is included for a header, where the first warning is worth something, and a neighbour's names for global ones.
  set_source_files_properties(${joined} PROPERTIES COMPILE_OPTIONS "-Wno-subobject-linkage;-Wno-shadow;-Wshadow=local")
  set_target_properties(${target} PROPERTIES SOURCES "${alone};${joined}")
endfunction()
