#pragma once

#include <string>
#include <vector>

namespace cfpipe {

/// The rows as lines of columns, for a terminal: `indent` in front of each, two spaces between the columns,
/// none at the end. Columns are as wide as their widest cell, by characters of UTF-8; cells are printable. A
/// row may be shorter than others.
std::string table(const std::vector<std::vector<std::string>>& rows, const std::string& indent = {});

}  // namespace cfpipe
