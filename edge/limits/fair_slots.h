#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>

#include "edge/limits/party.h"

namespace cfpipe::edge {

/// So much at once of something that takes its time elsewhere (at an identity provider, in an agent), and a
/// queue in front of it in which parties take turns: a party with many requests waits behind itself, not in
/// front of others. Of one loop.
class FairSlots {
  struct Room;
  struct Waiter;

 public:
  struct Limits {
    std::size_t at_once;
    std::size_t at_once_each;
    std::size_t waiting;
    std::size_t waiting_each;
    std::chrono::milliseconds wait;  ///< with the queue
  };

  FairSlots(boost::asio::any_io_executor executor, Limits limits);

  /// Held while the work is done. May live longer than the FairSlots that gave it.
  class Slot {
   public:
    Slot(Slot&& other) noexcept = default;
    Slot& operator=(Slot&&) = delete;
    ~Slot();

   private:
    friend class FairSlots;
    Slot(std::shared_ptr<Room> room, PartyKey party);
    std::shared_ptr<Room> room_;
    PartyKey party_;
  };
  /// Waits for the party's turn. Nothing: the queue is full, or the wait has ended.
  boost::asio::awaitable<std::optional<Slot>> take(PartyKey party);

  std::size_t busy() const;
  std::size_t waiting() const;

 private:
  static boost::asio::awaitable<std::optional<Slot>> take_in(std::shared_ptr<Room> room, PartyKey party);
  std::shared_ptr<Room> room_;
};

}  // namespace cfpipe::edge
