#pragma once

#include <map>
#include <string_view>

namespace cfpipe::edge {

/// The files of edge/web by name, embedded when the program is built.
const std::map<std::string_view, std::string_view>& web_files();

}  // namespace cfpipe::edge
