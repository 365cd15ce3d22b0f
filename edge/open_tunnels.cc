#include "edge/open_tunnels.h"

#include <utility>

namespace cfpipe::edge {
namespace {

using Counts = std::map<std::string, std::size_t, std::less<>>;

bool full(const Counts& counts, const std::string& key, std::size_t limit) {
  const auto found = counts.find(key);
  return limit > 0 && found != counts.end() && found->second >= limit;
}

void drop(Counts& counts, const std::string& key) {
  const auto found = counts.find(key);
  if (found != counts.end() && --found->second == 0) counts.erase(found);
}

}  // namespace

std::string OpenTunnels::too_many(const std::string& identity, const std::string& peer) const {
  if (!identity.empty() && full(of_user_, identity, limits_.per_user))
    return identity + " has as many tunnels open as one user may have: " + std::to_string(limits_.per_user);
  if (full(of_address_, peer, limits_.per_address))
    return peer + " has as many tunnels open as one address may have: " + std::to_string(limits_.per_address);
  return {};
}

void OpenTunnels::add(std::int64_t id, Tunnel tunnel) {
  if (!tunnel.row.identity.empty()) ++of_user_[tunnel.row.identity];
  ++of_address_[tunnel.row.peer];
  tunnels_[id] = std::move(tunnel);
}

std::optional<AuditRow> OpenTunnels::remove(std::int64_t id) {
  auto open = tunnels_.extract(id);
  if (!open) return std::nullopt;
  AuditRow row = std::move(open.mapped().row);
  if (!row.identity.empty()) drop(of_user_, row.identity);
  drop(of_address_, row.peer);
  return row;
}

void OpenTunnels::for_each(const std::function<void(std::int64_t, const Tunnel&)>& visit) const {
  for (const auto& [id, tunnel] : tunnels_) visit(id, tunnel);
}

}  // namespace cfpipe::edge
