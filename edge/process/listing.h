#pragma once

#include <boost/json/object.hpp>
#include <string_view>
#include <vector>

namespace cfpipe::edge {

/// Prints what a command lists. For programs: each row as one line of JSON. For people: a table of those
/// members of the rows, with their names in capitals above; several values are separated by commas, those of
/// one object by blanks, and nothing (null, "", []) is `-`. Values are made printable there.
void print_list(const std::vector<std::string_view>& columns, const std::vector<boost::json::object>& rows,
                bool json);

}  // namespace cfpipe::edge
