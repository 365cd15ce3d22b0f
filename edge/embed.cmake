# Makes OUT, a C++ file that holds every file of DIR as a string: the pages are part of the program. Done while
# configuring, and again whenever one of the files changes.
function(embed_files dir out)
  file(GLOB files LIST_DIRECTORIES false CONFIGURE_DEPENDS ${dir}/*)
  list(SORT files)
  set(entries "")
  foreach(file ${files})
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${file})
    get_filename_component(name ${file} NAME)
    file(READ ${file} content)
    string(APPEND entries "      {\"${name}\", R\"web(${content})web\"},\n")
  endforeach()
  set(source "#include \"edge/http/web_files.h\"

namespace cfpipe::edge {

const std::map<std::string_view, std::string_view>& web_files() {
  static const std::map<std::string_view, std::string_view> files{
${entries}  };
  return files;
}

}  // namespace cfpipe::edge
")
  file(CONFIGURE OUTPUT ${out} CONTENT "${source}" @ONLY)
endfunction()
