#include "edge/process/listing.h"

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <cstdio>
#include <string>

#include "base/error.h"
#include "base/table.h"

namespace cfpipe::edge {
namespace {

std::string title(std::string_view name) {
  std::string out(name);
  std::transform(out.begin(), out.end(), out.begin(), [](char c) {
    if (c == '_') return ' ';
    return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  });
  return out;
}

std::string text(const boost::json::value& value) {
  if (value.is_null()) return {};
  if (value.is_string()) return printable(std::string_view(value.get_string()));
  if (value.is_bool()) return value.get_bool() ? "yes" : "no";
  std::string out;
  if (value.is_object()) {
    for (const auto& member : value.get_object()) out += (out.empty() ? "" : " ") + text(member.value());
    return out;
  }
  if (!value.is_array()) return boost::json::serialize(value);
  for (const boost::json::value& one : value.get_array()) out += (out.empty() ? "" : ", ") + text(one);
  return out;
}

std::string cell(const boost::json::object& row, std::string_view name) {
  const boost::json::value* value = row.if_contains({name.data(), name.size()});
  const std::string out = value == nullptr ? std::string() : text(*value);
  return out.empty() ? "-" : out;
}

}  // namespace

void print_list(const std::vector<std::string_view>& columns, const std::vector<boost::json::object>& rows,
                bool json) {
  if (json) {
    for (const auto& row : rows) std::printf("%s\n", boost::json::serialize(row).c_str());
    return;
  }
  std::vector<std::vector<std::string>> lines(1);
  for (const std::string_view name : columns) lines.front().push_back(title(name));
  for (const auto& row : rows) {
    auto& line = lines.emplace_back();
    for (const std::string_view name : columns) line.push_back(cell(row, name));
  }
  std::fputs(table(lines).c_str(), stdout);
}

}  // namespace cfpipe::edge
