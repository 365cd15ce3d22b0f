#include "edge/limits/fair_queue.h"

#include <utility>

namespace cfpipe::edge {

bool FairQueue::full(const Asker& asker) const {
  const auto found = addresses_.find(asker.address);
  return found != addresses_.end() && found->second.size >= kMaxWaitingOfAddress;
}

void FairQueue::push(const Asker& asker, Job job) {
  const auto [place, is_fresh] = addresses_.try_emplace(asker.address);
  if (is_fresh) fresh_.push_back(asker.address);
  Address& address = place->second;
  const auto [jobs, is_new] = address.by_credential.try_emplace(asker.credential);
  if (is_new) address.turns.push_back(asker.credential);
  jobs->second.push_back(std::move(job));
  ++address.size;
  ++size_;
}

FairQueue::Job FairQueue::pop_of(Address& address) {
  const std::uint64_t credential = address.turns.front();
  address.turns.pop_front();
  const auto found = address.by_credential.find(credential);
  Job job = std::move(found->second.front());
  found->second.pop_front();
  if (found->second.empty()) {
    address.by_credential.erase(found);
  } else {
    address.turns.push_back(credential);
  }
  --address.size;
  return job;
}

FairQueue::Job FairQueue::pop() {
  const bool take_fresh = others_.empty() || (fresh_next_ && !fresh_.empty());
  fresh_next_ = !take_fresh;
  std::list<PartyKey>& from = take_fresh ? fresh_ : others_;
  const auto found = addresses_.find(from.front());
  Job job = pop_of(found->second);
  --size_;
  if (found->second.size > 0) {
    others_.splice(others_.end(), from, from.begin());
  } else {
    addresses_.erase(found);
    from.pop_front();
  }
  return job;
}

}  // namespace cfpipe::edge
