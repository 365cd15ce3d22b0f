#include "edge/limits/outstanding.h"

namespace cfpipe::edge {

Outstanding::Added Outstanding::add(const PartyKey& owner, const std::string& name, std::int64_t expires,
                                    std::int64_t now) {
  drop_expired(now);
  const auto old = things_.find(name);
  const bool replaces = old != things_.end();
  const bool replaces_own = replaces && old->second.owner == owner;
  const auto has = by_owner_.find(owner);
  if (has != by_owner_.end() && has->second >= most_each_ + (replaces_own ? 1 : 0))
    return Added::too_many_of_owner;
  if (things_.size() >= most_ + (replaces ? 1 : 0)) return Added::full;
  taken(name);
  things_[name] = {owner, expires};
  by_expiry_.emplace(expires, name);
  ++by_owner_[owner];
  return Added::yes;
}

void Outstanding::taken(const std::string& name) {
  const auto found = things_.find(name);
  if (found == things_.end()) return;
  const auto owner = by_owner_.find(found->second.owner);
  if (owner != by_owner_.end() && --owner->second == 0) by_owner_.erase(owner);
  by_expiry_.erase({found->second.expires, name});
  things_.erase(found);
}

void Outstanding::drop_expired(std::int64_t now) {
  while (!by_expiry_.empty() && by_expiry_.begin()->first <= now) {
    const std::string name = by_expiry_.begin()->second;
    taken(name);
  }
}

}  // namespace cfpipe::edge
