#pragma once

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <string_view>

namespace cfpipe::edge {

/// Where a claim is, or why it is not.
struct FoundClaim {
  const boost::json::value* value = nullptr;  ///< of the claims that were searched; null: there is none
  bool obstructed = false;  ///< a step of the path is there, and is no object: what it holds is not known
};

/// The claim of exactly that name, such as `https://example.com/groups`; else the one that the name is the
/// path to, such as `realm_access.roles`. A step of the path may have dots in its own name; of several
/// readings, the one with the longest first step counts.
FoundClaim find_claim(const boost::json::object& claims, std::string_view name);

}  // namespace cfpipe::edge
