#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

namespace cfpipe::edge {

/// What an identity provider says of somebody: claims and their values, by name.
using Claims = std::map<std::string, std::vector<std::string>, std::less<>>;

}  // namespace cfpipe::edge
