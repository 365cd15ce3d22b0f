#pragma once

#include <boost/json/object.hpp>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace cfpipe {

/// Deepest nesting accepted in a peer's JSON.
inline constexpr std::size_t kMaxJsonDepth = 16;

/// The JSON object that is the whole of `text`, or nothing. A duplicate name at any level is rejected
/// (RFC 7515 4, RFC 7517 4), since two readers could each take a different one. Throws on no input.
std::optional<boost::json::object> parse_json_object(std::string_view text);

/// The value of a string member; empty if it is absent or of another type.
std::string text_of(const boost::json::object& object, std::string_view name);
/// The value of an integral member; 0 if it is absent or of another type.
std::int64_t number_of(const boost::json::object& object, std::string_view name);

}  // namespace cfpipe
