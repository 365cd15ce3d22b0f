#include "edge/tunnel/registry.h"

#include <utility>

#include "base/text.h"
#include "edge/policy/identity.h"

namespace cfpipe::edge {
namespace {

std::string as_many_as(const std::string& who, const char* what, std::size_t limit) {
  return who + " has as many tunnels open as one " + what + " may have: " + std::to_string(limit);
}

std::string as_often_as(const std::string& who, const char* what, std::int64_t limit, std::int64_t wait) {
  return who + " has opened as many tunnels as one " + what + " may in a minute: " + std::to_string(limit) +
         "; try again in " + std::to_string(wait) + " s";
}

}  // namespace

void TunnelRegistry::set_limits(TunnelLimits limits) {
  limits_ = limits;
  of_user_.set_limits({limits.per_user, 0});
  of_address_.set_limits({limits.per_address, limits.in_all});
  opens_of_user_.set_limit(limits.opens_per_user);
  opens_of_address_.set_limit(limits.opens_per_address);
}

TunnelRegistry::Admission TunnelRegistry::admit(const Asker& asker, std::int64_t now) {
  Admission out = admit_open(asker);
  if (!out.seat) return out;
  Admission too_often = admit_rate(asker, now);
  return too_often.refusal.empty() ? std::move(out) : std::move(too_often);
}

TunnelRegistry::Admission TunnelRegistry::admit_again(const Asker& asker, std::int64_t now) {
  Admission out = admit_rate(asker, now);
  if (out.refusal.empty()) out.seat = std::make_shared<TunnelSeat>();
  return out;
}

// Its seats are free at once; what is left of it ends within the moment.
bool TunnelRegistry::give_way(const std::function<bool(const Tunnel&)>& counts) {
  Tunnel* longest = nullptr;
  for (auto& [id, tunnel] : tunnels_) {
    const auto since = tunnel.handle->detached();
    if (since == 0 || tunnel.seat.use_count() != 1 || !counts(tunnel)) continue;
    if (longest == nullptr || since < longest->handle->detached()) longest = &tunnel;
  }
  if (longest == nullptr) return false;
  longest->seat.reset();
  longest->handle->dismiss(kGaveWay);
  return true;
}

TunnelRegistry::Admission TunnelRegistry::admit_open(const Asker& asker) {
  Admission out;
  out.limit = "tunnels";
  const auto taken = [this](const auto& take, const auto& counts) {
    auto seat = take();
    return !seat && give_way(counts) ? take() : std::move(seat);
  };
  const auto person = person_key(asker.name, asker.client_id);
  auto user = taken(
      [&] { return asker.name.empty() ? std::optional<Seats::Seat>(std::in_place) : of_user_.take(person); },
      [&](const Tunnel& open) { return person_key(open.row.identity, open.client_id) == person; });
  if (!user) {
    out.refusal = as_many_as(asker.name, "user", limits_.per_user);
    return out;
  }
  Seats::Refusal why{};
  const auto place = address_key(asker.peer);
  auto address = taken(
      [&] { return of_address_.take(place, &why); },
      [&](const Tunnel& open) { return why != Seats::Refusal::each || address_key(open.row.peer) == place; });
  if (address) {
    out.seat = std::make_shared<TunnelSeat>(TunnelSeat{std::move(*user), std::move(*address)});
  } else if (why == Seats::Refusal::each) {
    out.refusal = as_many_as(asker.peer, "address", limits_.per_address);
  } else {
    out.refusal = "the edge has as many tunnels open as it takes: " + std::to_string(limits_.in_all);
  }
  return out;
}

TunnelRegistry::Admission TunnelRegistry::admit_rate(const Asker& asker, std::int64_t now) {
  Admission out;
  out.limit = "tunnel_opens";
  if (!asker.name.empty()) out.wait = opens_of_user_.take(person_key(asker.name, asker.client_id), now);
  if (out.wait > 0) {
    out.refusal = as_often_as(asker.name, "user", opens_of_user_.limit(), out.wait);
    return out;
  }
  out.wait = opens_of_address_.take(address_key(asker.peer), now);
  if (out.wait > 0) out.refusal = as_often_as(asker.peer, "address", opens_of_address_.limit(), out.wait);
  return out;
}

void TunnelRegistry::add(std::int64_t id, Tunnel tunnel) {
  tunnels_[id] = std::move(tunnel);
}

bool TunnelRegistry::is_of(const Tunnel& tunnel, const std::string& email) {
  return tunnel.client_id.empty() && !email.empty() && same_text(tunnel.row.identity, email);
}

std::optional<TunnelRegistry::Tunnel> TunnelRegistry::remove(std::int64_t id) {
  auto open = tunnels_.extract(id);
  if (!open) return std::nullopt;
  return std::move(open.mapped());
}

void TunnelRegistry::learn(const std::shared_ptr<const Identity>& person) {
  for (auto& [id, tunnel] : tunnels_)
    if (is_of(tunnel, person->email) && tunnel.who && tunnel.who->provider == person->provider)
      tunnel.who = person;
}

const TunnelRegistry::Tunnel* TunnelRegistry::find(std::int64_t id) const {
  const auto found = tunnels_.find(id);
  return found == tunnels_.end() ? nullptr : &found->second;
}

void TunnelRegistry::for_each(const std::function<void(std::int64_t, const Tunnel&)>& visit) const {
  for (const auto& [id, tunnel] : tunnels_) visit(id, tunnel);
}

}  // namespace cfpipe::edge
