#pragma once

#include <atomic>
#include <boost/asio/any_io_executor.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "edge/http/request_handler.h"
#include "transport/http2/connection.h"
#include "tunnel/stream.h"

namespace cfpipe::edge {

/// What serves a connection of a connector, on its loop.
class LinkHost {
 public:
  virtual ~LinkHost() = default;
  virtual const std::shared_ptr<transport::H2Connection>& connection() const = 0;
  /// Ends the connection with all of its tunnels.
  virtual void end(const std::string& why) = 0;
  /// Moves bytes between a stream of the connection and the end of a pipe to another loop, until both have
  /// ended. `tunnel` is kept as long.
  virtual void join(std::unique_ptr<tunnel::Stream> pipe, std::unique_ptr<tunnel::Stream> stream,
                    std::shared_ptr<const void> tunnel) = 0;
};

/// A connection of a connector, shared (std::shared_ptr) by the loop that serves it and by those whose
/// tunnels go through it. Once it has ended, its loop is not touched any more.
class ConnectorLink : public std::enable_shared_from_this<ConnectorLink> {
 public:
  /// `since`: Unix seconds. `peer`: address.
  ConnectorLink(boost::asio::any_io_executor executor, AttachGrant grant, std::string peer,
                std::int64_t since)
      : who(std::move(grant)), from(std::move(peer)), attached(since), executor_(std::move(executor)) {}
  ConnectorLink(const ConnectorLink&) = delete;
  ConnectorLink& operator=(const ConnectorLink&) = delete;

  const AttachGrant who;
  const std::string from;
  const std::int64_t attached;

  // From any thread:
  using Job = std::function<void(LinkHost&)>;
  /// Runs `job` on the connection's loop, where it is dropped if the connection has ended by then. False: it
  /// has ended already, and the job was dropped here.
  bool post(Job job);
  /// Ends the connection with all of its tunnels. The first reason counts, and is logged.
  void end(std::string why);
  std::size_t tunnels() const { return tunnels_.load(std::memory_order_relaxed); }
  /// Whether another tunnel may be opened, as far as this thread can know.
  bool has_room() const;
  /// The loop that serves it.
  const boost::asio::any_io_executor& executor() const { return executor_; }

  // From the connection's loop:
  /// `host` serves the connection until detach().
  void carry(LinkHost* host) { host_ = host; }
  /// Takes no further tunnels: the connector drains.
  void close_to_new() { closing_.store(true, std::memory_order_relaxed); }
  /// A tunnel was opened; how many were.
  void count_opened() { ++opened_; }
  std::uint64_t opened() const { return opened_; }
  /// The connection is over, and its loop may go.
  void detach();

  /// Counts one tunnel for as long as it lives; on any thread.
  class Tunnel {
   public:
    explicit Tunnel(std::shared_ptr<ConnectorLink> link) : link_(std::move(link)) {
      link_->tunnels_.fetch_add(1, std::memory_order_relaxed);
    }
    ~Tunnel() { link_->tunnels_.fetch_sub(1, std::memory_order_relaxed); }
    Tunnel(const Tunnel&) = delete;
    Tunnel& operator=(const Tunnel&) = delete;
    const std::shared_ptr<ConnectorLink>& link() const { return link_; }

   private:
    const std::shared_ptr<ConnectorLink> link_;
  };

 private:
  std::mutex mutex_;
  const boost::asio::any_io_executor executor_;
  bool attached_ = true;
  std::atomic<std::size_t> tunnels_{0};
  std::atomic<bool> closing_{false};
  LinkHost* host_ = nullptr;  ///< of the loop, as the next
  std::uint64_t opened_ = 0;
};

}  // namespace cfpipe::edge
