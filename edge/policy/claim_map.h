#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

namespace cfpipe::edge {

/// Claims of a user and their values, by name.
using Claims = std::map<std::string, std::vector<std::string>, std::less<>>;

}  // namespace cfpipe::edge
