#include "edge/http/request.h"

#include "base/text.h"

namespace cfpipe::edge {
namespace {

/// Value of `key` in `a=b&c=d`, decoded; a broken escape reads as absent.
std::string pair_value(std::string_view pairs, std::string_view key) {
  while (!pairs.empty()) {
    const std::size_t end = pairs.find('&');
    const std::string_view pair = pairs.substr(0, end);
    const std::size_t equals = pair.find('=');
    const auto name = percent_decode(pair.substr(0, equals));
    if (name && *name == key && equals != std::string_view::npos)
      return percent_decode(pair.substr(equals + 1)).value_or(std::string());
    if (end == std::string_view::npos) break;
    pairs.remove_prefix(end + 1);
  }
  return {};
}

}  // namespace

std::string_view Request::header(std::string_view name) const {
  for (const auto& [key, value] : headers)
    if (same_text(key, name)) return value;
  return {};
}

std::string Request::query_value(std::string_view key) const {
  return pair_value(query, key);
}

std::string Request::form_value(std::string_view key) const {
  const std::string_view type = header("content-type");
  if (!same_text(trimmed(type.substr(0, type.find(';'))), "application/x-www-form-urlencoded")) return {};
  return pair_value(body, key);
}

}  // namespace cfpipe::edge
