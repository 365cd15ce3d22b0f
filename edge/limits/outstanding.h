#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "edge/limits/party.h"

namespace cfpipe::edge {

/// Which things are kept for people until they are taken or expire, so that one person cannot use up the room
/// of all.
class Outstanding {
 public:
  enum class Added { yes, too_many_of_owner, full };

  Outstanding(std::size_t most_each, std::size_t most) : most_each_(most_each), most_(most) {}
  /// Counts a thing for its owner until it is taken, or until `expires`. One of the same name is replaced.
  Added add(const PartyKey& owner, const std::string& name, std::int64_t expires, std::int64_t now);
  /// It is gone. A name that is not here is no fault.
  void taken(const std::string& name);
  std::size_t size() const { return things_.size(); }

 private:
  struct Thing {
    PartyKey owner;
    std::int64_t expires = 0;
  };
  void drop_expired(std::int64_t now);

  std::size_t most_each_;
  std::size_t most_;
  std::map<std::string, Thing> things_;
  std::map<PartyKey, std::size_t> by_owner_;
  std::set<std::pair<std::int64_t, std::string>> by_expiry_;
};

}  // namespace cfpipe::edge
