#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <mutex>
#include <optional>

#include "edge/limits/party.h"

namespace cfpipe::edge {

/// Counts what parties have at once (connections, tunnels), with a limit for each and one for all together.
/// From any thread. Memory is bounded by the seats that are taken.
class Seats {
  struct Room;

 public:
  /// 0: no limit.
  struct Limits {
    std::size_t each = 0;
    std::size_t all = 0;
  };
  enum class Refusal { none, each, all };

  explicit Seats(Limits limits);
  /// For seats to be taken from now on; those that are taken already count.
  void set_limits(Limits limits);

  /// Counts for its party as long as it lives, which may be longer than the Seats that gave it. One that was
  /// default-constructed counts for none.
  class Seat {
   public:
    Seat() = default;
    Seat(Seat&& other) noexcept = default;
    Seat& operator=(Seat&&) = delete;
    ~Seat();

   private:
    friend class Seats;
    Seat(std::shared_ptr<Room> room, PartyKey party);
    std::shared_ptr<Room> room_;
    PartyKey party_;
  };
  /// Nothing: there is no room, for the reason in `refusal`.
  std::optional<Seat> take(const PartyKey& party, Refusal* refusal = nullptr);
  std::size_t taken() const;

 private:
  struct Room {
    std::mutex mutex;
    Limits limits;
    std::map<PartyKey, std::size_t> by_party;
    std::size_t taken = 0;
  };
  std::shared_ptr<Room> room_;
};

}  // namespace cfpipe::edge
