# The page of the terminal in the browser is made of npm packages, and becomes part of cfpipe-edge. AUTO leaves it out where
# npm or its packages are not to be had: nothing else of the program needs them.
set(CFPIPE_TERMINAL AUTO CACHE STRING "Build the terminal in the browser: ON, OFF, or AUTO where npm has its packages")
set_property(CACHE CFPIPE_TERMINAL PROPERTY STRINGS AUTO ON OFF)

# Installs the packages beside the build, unless these are there already; true in OUT if they are.
function(cfpipe_terminal_packages source place out)
  set(${out} FALSE PARENT_SCOPE)
  find_program(NODE node)
  find_program(NPM npm)
  if(NOT NODE OR NOT NPM)
    return()
  endif()
  file(MAKE_DIRECTORY ${place})
  file(COPY ${source}/package.json ${source}/package-lock.json ${source}/.npmrc DESTINATION ${place})
  file(SHA256 ${source}/package-lock.json wanted)
  if(EXISTS ${place}/installed)
    file(READ ${place}/installed installed)
  endif()
  if(NOT "${installed}" STREQUAL "${wanted}")
    message(STATUS "Installing the terminal's npm packages")
    execute_process(
      COMMAND ${NPM} ci --ignore-scripts --no-audit --no-fund --cache ${place}/npm-cache
      WORKING_DIRECTORY ${place} OUTPUT_QUIET ERROR_VARIABLE complaint RESULT_VARIABLE failed TIMEOUT 300)
    if(failed)
      message(STATUS "npm: ${complaint}")
      return()
    endif()
    file(WRITE ${place}/installed ${wanted})
  endif()
  set(${out} TRUE PARENT_SCOPE)
endfunction()

# The source file to build into the edge, in OUT.
function(cfpipe_terminal_bundle source out)
  set(place ${CMAKE_BINARY_DIR}/terminal)
  set(${out} ${CMAKE_CURRENT_SOURCE_DIR}/http/no_terminal.cc PARENT_SCOPE)
  set(CFPIPE_HAS_TERMINAL OFF CACHE INTERNAL "The terminal's page is built")
  if(NOT CFPIPE_TERMINAL)
    return()
  endif()
  cfpipe_terminal_packages(${source} ${place} found)
  if(NOT found)
    if(CFPIPE_TERMINAL STREQUAL AUTO)
      message(WARNING "Without npm's packages cfpipe-edge is built without the terminal in the browser (-DCFPIPE_TERMINAL=ON insists)")
    else()
      message(FATAL_ERROR "The terminal in the browser needs npm and its packages (-DCFPIPE_TERMINAL=OFF goes without)")
    endif()
    return()
  endif()
  file(GLOB parts CONFIGURE_DEPENDS ${source}/*.ts ${source}/*.css ${source}/*.mjs ${source}/tsconfig.json)
  add_custom_command(
    OUTPUT ${place}/out/terminal_bundle.cc ${place}/out/terminal.js ${place}/out/terminal.css
    COMMAND ${CMAKE_COMMAND} -E copy ${parts} ${place}
    COMMAND ${NODE} build.mjs
    WORKING_DIRECTORY ${place} DEPENDS ${parts} ${place}/installed COMMENT "Bundling the terminal's page" VERBATIM)
  # What .incbin takes in is not seen by the compiler's own list of dependencies.
  set_source_files_properties(${place}/out/terminal_bundle.cc PROPERTIES
    OBJECT_DEPENDS "${place}/out/terminal.js;${place}/out/terminal.css")
  set(${out} ${place}/out/terminal_bundle.cc PARENT_SCOPE)
  set(CFPIPE_HAS_TERMINAL ON CACHE INTERNAL "The terminal's page is built")
endfunction()

# The npm packages that the page is made of, in OUT: `NAME VERSION,NAME VERSION`. Those that only build it are not in it.
function(cfpipe_terminal_contents source out)
  set(contents)
  if(CFPIPE_HAS_TERMINAL)
    file(READ ${source}/package-lock.json lock)
    string(JSON count LENGTH "${lock}" packages)
    math(EXPR last "${count} - 1")
    foreach(index RANGE ${last})
      string(JSON path MEMBER "${lock}" packages ${index})
      string(JSON builds ERROR_VARIABLE none GET "${lock}" packages "${path}" dev)
      if(path MATCHES "node_modules/((@[^/]+/)?[^/]+)$" AND NOT builds STREQUAL ON)
        set(name ${CMAKE_MATCH_1})
        string(JSON version GET "${lock}" packages "${path}" version)
        list(APPEND contents "${name} ${version}")
      endif()
    endforeach()
    list(JOIN contents "," contents)
  endif()
  set(${out} "${contents}" PARENT_SCOPE)
endfunction()
