#pragma once

#include <cstddef>
#include <list>
#include <map>
#include <utility>

#include "edge/limits/party.h"

namespace cfpipe::edge {

/// Something for each of the parties seen most recently. The party seen least recently is forgotten for
/// another. A flood of addresses therefore costs a fixed amount of memory, and gives the parties that it
/// displaces a clean slate: it takes nothing from them.
template <class Value>
class RecentParties {
 public:
  explicit RecentParties(std::size_t most) : most_(most) {}

  /// That of the party, which is the most recent one now. `forget` is called with a value that has to go.
  template <class Forget>
  Value& touch(const PartyKey& party, Forget forget) {
    if (const auto found = known_.find(party); found != known_.end()) {
      order_.splice(order_.begin(), order_, found->second.place);
      return found->second.value;
    }
    if (known_.size() >= most_) {
      const auto oldest = known_.find(order_.back());
      forget(oldest->second.value);
      known_.erase(oldest);
      order_.pop_back();
    }
    order_.push_front(party);
    return known_.emplace(party, Entry{Value(), order_.begin()}).first->second.value;
  }
  std::size_t size() const { return known_.size(); }

 private:
  struct Entry {
    Value value;
    std::list<PartyKey>::iterator place;
  };
  std::size_t most_;
  std::map<PartyKey, Entry> known_;
  std::list<PartyKey> order_;  ///< the most recent party is first
};

}  // namespace cfpipe::edge
