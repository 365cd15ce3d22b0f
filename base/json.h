#pragma once

#include <boost/json/object.hpp>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace cfpipe::auth {

/// Deepest nesting that is taken in a peer's JSON.
inline constexpr std::size_t kMaxJsonDepth = 16;

/// A whole text that is one JSON object, or nothing. A name that occurs twice in an object anywhere is
/// refused (RFC 7515 4, RFC 7517 4): two readers could each believe a different one. Never throws on any
/// input.
std::optional<boost::json::object> parse_json_object(std::string_view text);

/// A string member, or empty when it is absent or of another type.
std::string text_of(const boost::json::object& object, std::string_view name);
/// An integral member, or 0.
std::int64_t number_of(const boost::json::object& object, std::string_view name);

}  // namespace cfpipe::auth
