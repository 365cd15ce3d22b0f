#include "edge/connector/host.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

#include "base/error.h"
#include "base/log.h"

namespace cfpipe::edge {
namespace net = boost::asio;
namespace {

/// The connector decides when an idle connection is one too many.
constexpr std::chrono::milliseconds kNeverIdle = std::chrono::hours(24 * 365);

constexpr const char* kTooMany = "it has too many connections";
constexpr const char* kStopped = "the edge has stopped";
constexpr const char* kDrained = "the edge has drained it";
constexpr const char* kClosed = "the connector has closed it";

/// For the link, which the registry and tunnels hold: it keeps neither the registry nor the record.
AttachGrant alone(AttachGrant grant) {
  grant.registry.reset();
  grant.record.reset();
  return grant;
}

}  // namespace

struct ConnectorHost::Joint {
  Joint(const net::any_io_executor& executor, std::unique_ptr<tunnel::Stream> a,
        std::unique_ptr<tunnel::Stream> b, std::shared_ptr<const void> kept)
      : tunnel(std::move(kept)), pipe(std::move(a)), stream(std::move(b)), relay(executor, *pipe, *stream) {}
  const std::shared_ptr<const void> tunnel;
  const std::unique_ptr<tunnel::Stream> pipe;
  const std::unique_ptr<tunnel::Stream> stream;
  tunnel::Relay relay;
};

ConnectorHost::ConnectorHost(std::unique_ptr<transport::SocketChannel> channel, AttachGrant grant,
                             std::string peer, std::int64_t since, std::span<const std::byte> early)
    : connection_(transport::H2Connection::start(std::move(channel), transport::H2Role::client,
                                                 {kConnectorPing, kConnectorDead, kNeverIdle}, early)),
      registry_(grant.registry),
      record_(grant.record),
      link_(std::make_shared<ConnectorLink>(connection_->executor(), alone(std::move(grant)), std::move(peer),
                                            since)),
      joints_timer_(connection_->executor()),
      drain_timer_(connection_->executor()) {
  link_->carry(this);
  if (record_) record_->end.reason = kStopped;
}

ConnectorHost::~ConnectorHost() {
  registry_->remove(link_);
  link_->detach();
  joints_.clear();
  connection_->close();
}

net::awaitable<void> ConnectorHost::run() {
  const auto& who = link_->who;
  const std::string shown = who.name + " (" + who.id + ", from " + link_->from + ")";
  if (!registry_->add(link_)) {
    spdlog::warn("connector {} is refused: {}", shown, kTooMany);
    if (record_) record_->end.reason = kTooMany;
    co_return;
  }
  spdlog::info("connector {} has attached", shown);
  if (draining_) drain();
  co_await connection_->until_over();
  registry_->remove(link_);
  const std::string why = reason();
  spdlog::info("connector {} has left: {}", shown, why);
  if (record_) record_->end = {why, link_->opened()};
  record_.reset();
  while (!joints_.empty()) {
    joints_timer_.expires_at(net::steady_timer::time_point::max());
    co_await joints_timer_.async_wait(net::as_tuple(net::use_awaitable));
  }
}

std::string ConnectorHost::reason() const {
  if (!ended_.empty()) return ended_;
  if (!connection_->why().empty()) return printable(connection_->why());
  if (stopped_) return kStopped;
  return draining_ ? kDrained : kClosed;
}

void ConnectorHost::drain() {
  draining_ = true;
  link_->close_to_new();
  connection_->drain();
}

void ConnectorHost::drain_soon() {
  if (std::exchange(draining_, true)) return;
  drain_timer_.expires_after(kLateTunnels);
  drain_timer_.async_wait([link = link_, connection = connection_](const boost::system::error_code& error) {
    if (error) return;
    link->close_to_new();
    connection->drain();
  });
}

void ConnectorHost::stop() {
  stopped_ = true;
  link_->close_to_new();
  connection_->close();
}

void ConnectorHost::end(const std::string& why) {
  if (ended_.empty()) ended_ = why;
  stop();
}

void ConnectorHost::join(std::unique_ptr<tunnel::Stream> pipe, std::unique_ptr<tunnel::Stream> stream,
                         std::shared_ptr<const void> tunnel) {
  const auto [at, added] = joints_.insert(std::make_unique<Joint>(connection_->executor(), std::move(pipe),
                                                                  std::move(stream), std::move(tunnel)));
  (*at)->relay.start([this, place = at](const tunnel::Outcome&) {
    joints_.erase(place);
    if (joints_.empty()) joints_timer_.cancel();
  });
}

}  // namespace cfpipe::edge
