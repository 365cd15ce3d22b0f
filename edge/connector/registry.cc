#include "edge/connector/registry.h"

#include <algorithm>
#include <boost/asio/this_coro.hpp>
#include <iterator>
#include <tuple>
#include <utility>

namespace cfpipe::edge {

bool ConnectorRegistry::add(const std::shared_ptr<ConnectorLink>& link) {
  const std::lock_guard lock(mutex_);
  const auto found = links_.find(link->who.name);
  if (!has_room(found == links_.end() ? Links() : found->second, link->who.id)) return false;
  links_[link->who.name].push_back(link);
  ++count_;
  for (const auto& waiting : waiting_) waiting->notify();
  return true;
}

// Under the lock. `links`: of the connector's name.
bool ConnectorRegistry::has_room(const Links& links, std::string_view id) const {
  const auto same =
      std::count_if(links.begin(), links.end(), [id](const auto& one) { return one->who.id == id; });
  return count_ < kMaxLinks && static_cast<std::size_t>(same) < kMaxLinksOfConnector;
}

bool ConnectorRegistry::has_room_for(std::string_view id, std::string_view name) const {
  const std::lock_guard lock(mutex_);
  const auto found = links_.find(name);
  return has_room(found == links_.end() ? Links() : found->second, id);
}

void ConnectorRegistry::remove(const std::shared_ptr<ConnectorLink>& link) {
  const std::lock_guard lock(mutex_);
  const auto found = links_.find(link->who.name);
  if (found == links_.end()) return;
  count_ -= std::erase(found->second, link);
  if (found->second.empty()) links_.erase(found);
}

std::shared_ptr<ConnectorLink::Tunnel> ConnectorRegistry::choose(
    const std::vector<std::string>& names, const boost::asio::any_io_executor& loop,
    const std::set<std::shared_ptr<ConnectorLink>>& except) const {
  const std::lock_guard lock(mutex_);
  std::map<std::string_view, std::size_t> load;  // of each connector
  for (const auto& name : names)
    if (const auto found = links_.find(name); found != links_.end())
      for (const auto& link : found->second) load[link->who.instance] += link->tunnels();
  std::shared_ptr<ConnectorLink> best;
  const auto cost = [&](const auto& link) {
    return std::tuple(load[link->who.instance], link->executor() != loop, link->tunnels());
  };
  for (const auto& name : names) {
    const auto found = links_.find(name);
    if (found == links_.end()) continue;
    for (const auto& link : found->second) {
      if (!link->has_room() || except.contains(link)) continue;
      if (!best || cost(link) < cost(best)) best = link;
    }
  }
  return best ? std::make_shared<Tunnel>(std::move(best)) : nullptr;
}

// However the wait ends, by destruction too.
class ConnectorRegistry::Waiting {
 public:
  Waiting(ConnectorRegistry& all, std::shared_ptr<Wakeup> wakeup) : all_(all), wakeup_(std::move(wakeup)) {
    const std::lock_guard lock(all_.mutex_);
    all_.waiting_.insert(wakeup_);
  }
  ~Waiting() {
    const std::lock_guard lock(all_.mutex_);
    all_.waiting_.erase(wakeup_);
  }
  Waiting(const Waiting&) = delete;
  Waiting& operator=(const Waiting&) = delete;

 private:
  ConnectorRegistry& all_;
  const std::shared_ptr<Wakeup> wakeup_;
};

boost::asio::awaitable<std::shared_ptr<ConnectorLink::Tunnel>> ConnectorRegistry::wait_for(
    std::vector<std::string> names, std::set<std::shared_ptr<ConnectorLink>> except,
    std::chrono::steady_clock::time_point deadline) {
  const auto loop = co_await boost::asio::this_coro::executor;
  for (;;) {
    const auto wakeup = std::make_shared<Wakeup>(loop);
    const Waiting waiting(*this, wakeup);
    if (auto tunnel = choose(names, loop, except)) co_return tunnel;
    const bool woken = co_await wakeup->wait(deadline);
    if (!woken) co_return nullptr;
  }
}

bool ConnectorRegistry::is_attached(const std::vector<std::string>& names) const {
  const std::lock_guard lock(mutex_);
  return std::any_of(names.begin(), names.end(), [this](const auto& name) { return links_.contains(name); });
}

std::vector<ConnectorRegistry::Attached> ConnectorRegistry::list() const {
  const std::lock_guard lock(mutex_);
  std::vector<Attached> out;
  for (const auto& [name, links] : links_) {
    std::map<std::pair<std::string_view, std::string_view>, std::size_t> runs;  // where each is in `out`
    for (const auto& link : links) {
      const auto [run, first] = runs.emplace(
          std::pair(std::string_view(link->who.id), std::string_view(link->who.instance)), out.size());
      if (first)
        out.push_back(
            {link->who.id, name, link->who.instance, link->who.version, link->from, link->attached, 0, 0});
      Attached& one = out[run->second];
      ++one.connections;
      one.tunnels += link->tunnels();
    }
  }
  return out;
}

ConnectorRegistry::Links ConnectorRegistry::of_id(std::string_view id) const {
  const std::lock_guard lock(mutex_);
  Links out;
  for (const auto& [name, links] : links_)
    std::copy_if(links.begin(), links.end(), std::back_inserter(out),
                 [id](const auto& link) { return link->who.id == id; });
  return out;
}

std::size_t ConnectorRegistry::end(std::string_view id, const std::string& why) {
  const Links ended = of_id(id);
  for (const auto& link : ended) link->end(why);
  return ended.size();
}

}  // namespace cfpipe::edge
