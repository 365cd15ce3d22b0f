# For scripts/mutate: files with slips in them are compiled quickly and without warnings; all else as ever, so that ccache
# has it. -DCMAKE_PROJECT_cfpipe_INCLUDE=cmake/slips.cmake -DCFPIPE_SLIPS=edge/tokens.cc;auth/jwt.cc
function(compile_slips_quickly)
  foreach(file ${CFPIPE_SLIPS})
    string(REGEX MATCH "^[a-z]+" folder ${file})
    set_source_files_properties(${CMAKE_SOURCE_DIR}/${file} DIRECTORY ${CMAKE_SOURCE_DIR}/${folder}
      PROPERTIES COMPILE_OPTIONS "-O0;-U_FORTIFY_SOURCE;-w")
  endforeach()
endfunction()
cmake_language(DEFER CALL compile_slips_quickly)
