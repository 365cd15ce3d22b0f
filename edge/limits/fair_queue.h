#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <list>
#include <map>

#include "edge/limits/party.h"

namespace cfpipe::edge {

/// Requests of one address that wait at once.
inline constexpr std::size_t kMaxWaitingOfAddress = 8'192;

/// Whose turn a request is. The credential only divides what its address gets: anybody can make some up.
struct Asker {
  PartyKey address{};
  std::uint64_t credential = 0;
};

/// Jobs that wait, in turns: addresses one after another, and within an address its credentials. An address
/// that had nothing waiting goes ahead of those that had, every other time, so that neither starves.
/// (Compare FQ-CoDel's new and old queues, RFC 8290 4.2.)
class FairQueue {
 public:
  using Job = std::function<void()>;

  bool full(const Asker& asker) const;
  void push(const Asker& asker, Job job);
  /// The next one; there is one.
  Job pop();
  bool empty() const { return size_ == 0; }
  std::size_t size() const { return size_; }

 private:
  struct Address {
    std::map<std::uint64_t, std::deque<Job>> by_credential;
    std::list<std::uint64_t> turns;  ///< of its credentials
    std::size_t size = 0;
  };
  Job pop_of(Address& address);

  std::map<PartyKey, Address> addresses_;  ///< that have something waiting
  std::list<PartyKey> fresh_;
  std::list<PartyKey> others_;
  bool fresh_next_ = true;
  std::size_t size_ = 0;
};

}  // namespace cfpipe::edge
