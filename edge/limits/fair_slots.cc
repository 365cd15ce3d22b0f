#include "edge/limits/fair_slots.h"

#include <list>
#include <map>
#include <utility>

#include "base/platform/wakeup.h"

namespace cfpipe::edge {
namespace net = boost::asio;

/// In the frame of the coroutine that waits, and in the queue for as long as that frame is there.
struct FairSlots::Waiter {
  Waiter(std::shared_ptr<Room> r, PartyKey p);
  ~Waiter();
  Waiter(const Waiter&) = delete;
  Waiter& operator=(const Waiter&) = delete;

  std::shared_ptr<Room> room;
  PartyKey party;
  std::shared_ptr<Wakeup> granted;
  std::optional<Slot> slot;  ///< its turn has come; given back with the frame if that goes first
  std::list<Waiter*>::iterator place;
};

struct FairSlots::Room : std::enable_shared_from_this<Room> {
  struct Party {
    std::size_t busy = 0;
    std::list<Waiter*> queue;
  };

  Room(net::any_io_executor e, Limits l) : executor(std::move(e)), limits(l) {}

  Slot occupy(const PartyKey& party) {
    ++parties[party].busy;
    ++busy;
    return Slot(shared_from_this(), party);
  }
  void vacate(const PartyKey& party) {
    --busy;
    const auto found = parties.find(party);
    if (found != parties.end()) {
      --found->second.busy;
      drop_if_idle(found);
    }
    hand_out();
  }
  void drop_if_idle(std::map<PartyKey, Party>::iterator party) {
    if (party->second.busy == 0 && party->second.queue.empty()) parties.erase(party);
  }
  /// Gives what is free to those whose turn it is.
  void hand_out() {
    while (busy < limits.at_once && give_one()) {
    }
  }
  bool give_one() {
    for (auto turn = turns.begin(); turn != turns.end(); ++turn) {
      Party& party = parties[*turn];
      if (party.busy >= limits.at_once_each) continue;
      Waiter& next = *party.queue.front();
      turns.splice(turns.end(), turns, turn);
      leave(next);
      next.slot.emplace(occupy(next.party));
      next.granted->notify();
      return true;
    }
    return false;
  }
  void enter(Waiter& waiter) {
    Party& party = parties[waiter.party];
    if (party.queue.empty()) turns.push_back(waiter.party);
    waiter.place = party.queue.insert(party.queue.end(), &waiter);
    ++waiting;
  }
  void leave(Waiter& waiter) {
    const auto party = parties.find(waiter.party);
    party->second.queue.erase(waiter.place);
    --waiting;
    if (party->second.queue.empty()) turns.remove(waiter.party);
    drop_if_idle(party);
  }

  net::any_io_executor executor;
  Limits limits;
  std::size_t busy = 0;
  std::size_t waiting = 0;
  std::map<PartyKey, Party> parties;  ///< those with something in a slot or in the queue
  std::list<PartyKey> turns;          ///< parties with a request in the queue; the next in turn comes first
};

FairSlots::Waiter::Waiter(std::shared_ptr<Room> r, PartyKey p)
    : room(std::move(r)), party(std::move(p)), granted(std::make_shared<Wakeup>(room->executor)) {
  room->enter(*this);
}

FairSlots::Waiter::~Waiter() {
  if (!slot) room->leave(*this);
}

FairSlots::Slot::Slot(std::shared_ptr<Room> room, PartyKey party)
    : room_(std::move(room)), party_(std::move(party)) {}

FairSlots::Slot::~Slot() {
  if (room_) room_->vacate(party_);
}

FairSlots::FairSlots(net::any_io_executor executor, Limits limits)
    : room_(std::make_shared<Room>(std::move(executor), limits)) {}

std::size_t FairSlots::busy() const {
  return room_->busy;
}

std::size_t FairSlots::waiting() const {
  return room_->waiting;
}

net::awaitable<std::optional<FairSlots::Slot>> FairSlots::take(PartyKey party) {
  return take_in(room_, std::move(party));
}

net::awaitable<std::optional<FairSlots::Slot>> FairSlots::take_in(std::shared_ptr<Room> room,
                                                                  PartyKey party) {
  const auto known = room->parties.find(party);
  const std::size_t busy = known == room->parties.end() ? 0 : known->second.busy;
  const std::size_t queued = known == room->parties.end() ? 0 : known->second.queue.size();
  if (room->busy < room->limits.at_once && busy < room->limits.at_once_each && queued == 0)
    co_return room->occupy(party);
  if (room->waiting >= room->limits.waiting || queued >= room->limits.waiting_each) co_return std::nullopt;
  Waiter waiter(room, std::move(party));
  const auto deadline = std::chrono::steady_clock::now() + room->limits.wait;
  co_await waiter.granted->wait(deadline);
  // The turn may have come together with the end of the wait.
  if (!waiter.slot) co_return std::nullopt;
  std::optional<Slot> slot(std::move(*waiter.slot));
  co_return slot;
}

}  // namespace cfpipe::edge
