#include "base/json.h"

#include <boost/json/basic_parser_impl.hpp>
#include <boost/json/parse.hpp>
#include <cstdint>
#include <set>
#include <string>
#include <vector>

namespace cfpipe {
namespace {

namespace json = boost::json;
using boost::system::error_code;

/// Parser events of which only the names matter: stops the parser at the second of two equal ones in one
/// object.
class DuplicateFinder {
 public:
  static constexpr std::size_t max_object_size = SIZE_MAX;
  static constexpr std::size_t max_array_size = SIZE_MAX;
  static constexpr std::size_t max_key_size = SIZE_MAX;
  static constexpr std::size_t max_string_size = SIZE_MAX;

  bool on_document_begin(error_code&) { return true; }
  bool on_document_end(error_code&) { return true; }
  bool on_object_begin(error_code&) {
    names_.emplace_back();
    return true;
  }
  bool on_object_end(std::size_t, error_code&) {
    names_.pop_back();
    return true;
  }
  bool on_array_begin(error_code&) { return true; }
  bool on_array_end(std::size_t, error_code&) { return true; }
  bool on_key_part(json::string_view part, std::size_t, error_code&) {
    key_.append(part.data(), part.size());
    return true;
  }
  bool on_key(json::string_view last, std::size_t, error_code& ec) {
    key_.append(last.data(), last.size());
    const bool fresh = names_.back().insert(std::move(key_)).second;
    key_.clear();
    if (!fresh) ec = json::error::syntax;
    return fresh;
  }
  bool on_string_part(json::string_view, std::size_t, error_code&) { return true; }
  bool on_string(json::string_view, std::size_t, error_code&) { return true; }
  bool on_number_part(json::string_view, error_code&) { return true; }
  bool on_int64(std::int64_t, json::string_view, error_code&) { return true; }
  bool on_uint64(std::uint64_t, json::string_view, error_code&) { return true; }
  bool on_double(double, json::string_view, error_code&) { return true; }
  bool on_bool(bool, error_code&) { return true; }
  bool on_null(error_code&) { return true; }
  bool on_comment_part(json::string_view, error_code&) { return true; }
  bool on_comment(json::string_view, error_code&) { return true; }

 private:
  std::vector<std::set<std::string>> names_;  ///< of the objects that are open now, outermost first
  std::string key_;
};

json::parse_options options() {
  json::parse_options result;
  result.max_depth = kMaxJsonDepth;
  return result;
}

bool names_are_unique(std::string_view text) {
  json::basic_parser<DuplicateFinder> finder(options());
  error_code ec;
  const std::size_t taken = finder.write_some(false, text.data(), text.size(), ec);
  return !ec && taken == text.size();
}

}  // namespace

std::optional<json::object> parse_json_object(std::string_view text) {
  error_code ec;
  json::value value = json::parse(json::string_view(text.data(), text.size()), ec, {}, options());
  if (ec || !value.is_object() || !names_are_unique(text)) return std::nullopt;
  return std::move(value.get_object());
}

std::string text_of(const json::object& object, std::string_view name) {
  const auto* value = object.if_contains(json::string_view(name.data(), name.size()));
  const auto* text = value == nullptr ? nullptr : value->if_string();
  return text == nullptr ? std::string() : std::string(text->data(), text->size());
}

std::int64_t number_of(const boost::json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  if (value == nullptr || !value->is_int64()) return 0;
  return value->get_int64();
}

}  // namespace cfpipe
