#include "edge/limits/seats.h"

#include <utility>

namespace cfpipe::edge {

Seats::Seats(Limits limits) : room_(std::make_shared<Room>()) {
  room_->limits = limits;
}

void Seats::set_limits(Limits limits) {
  const std::lock_guard lock(room_->mutex);
  room_->limits = limits;
}

std::optional<Seats::Seat> Seats::take(const PartyKey& party, Refusal* refusal) {
  const std::lock_guard lock(room_->mutex);
  const Limits& limits = room_->limits;
  const auto found = room_->by_party.find(party);
  const std::size_t has = found == room_->by_party.end() ? 0 : found->second;
  Refusal why = Refusal::none;
  if (limits.each > 0 && has >= limits.each) {
    why = Refusal::each;
  } else if (limits.all > 0 && room_->taken >= limits.all) {
    why = Refusal::all;
  }
  if (refusal != nullptr) *refusal = why;
  if (why != Refusal::none) return std::nullopt;
  ++room_->by_party[party];
  ++room_->taken;
  return Seat(room_, party);
}

std::size_t Seats::taken() const {
  const std::lock_guard lock(room_->mutex);
  return room_->taken;
}

Seats::Seat::Seat(std::shared_ptr<Room> room, PartyKey party)
    : room_(std::move(room)), party_(std::move(party)) {}

Seats::Seat::~Seat() {
  if (!room_) return;
  const std::lock_guard lock(room_->mutex);
  const auto found = room_->by_party.find(party_);
  if (found != room_->by_party.end() && --found->second == 0) room_->by_party.erase(found);
  --room_->taken;
}

}  // namespace cfpipe::edge
