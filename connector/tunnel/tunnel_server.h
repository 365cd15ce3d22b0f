#pragma once

#include <array>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "auth/connector/protocol.h"
#include "connector/tunnel/log_budget.h"
#include "connector/tunnel/origin_dial.h"
#include "transport/http2/stream.h"
#include "tunnel/stream.h"

namespace cfpipe::connector {

/// Origins that are dialled at once, however many tunnels the edge asks for.
inline constexpr std::size_t kMaxDials = 256;
/// Connections that Front takes at once.
inline constexpr std::size_t kMaxFronted = 1'000;
/// Lines in the log that tunnels may cause: at once, and in each second after that.
inline constexpr double kTunnelLogBurst = 200;
inline constexpr double kTunnelLogLines = 20;
/// What is read of a subject and of a client's address, in bytes.
inline constexpr std::size_t kMaxSubjectBytes = 256;
inline constexpr std::size_t kMaxClientBytes = 64;

/// Kinds of auth::OriginFault.
inline constexpr std::size_t kOriginFaults = 7;
static_assert(static_cast<std::size_t>(auth::OriginFault::draining) + 1 == kOriginFaults);

/// Counts since the start.
struct TunnelCounts {
  std::uint64_t opened = 0;
  std::array<std::uint64_t, kOriginFaults> refused{};  ///< by fault
  std::uint64_t to_origins = 0;                        ///< bytes
  std::uint64_t from_origins = 0;
};

/// Serves what the edge asks for: a tunnel for each CONNECT (RFC 9113 8.5) to an origin that the rules allow.
/// Belongs to one loop; held by std::shared_ptr, since origins may still be on their way when it goes.
class TunnelServer : public std::enable_shared_from_this<TunnelServer> {
 public:
  TunnelServer(boost::asio::any_io_executor executor, std::shared_ptr<const TunnelRules> rules);
  ~TunnelServer();
  TunnelServer(const TunnelServer&) = delete;
  TunnelServer& operator=(const TunnelServer&) = delete;

  /// The rules for tunnels from now on.
  void use(std::shared_ptr<const TunnelRules> rules) { rules_ = std::move(rules); }
  /// Answers a request of the edge's. Its connection lives as long as its tunnel.
  void serve(std::unique_ptr<transport::H2Stream> stream);
  /// Leads a connection that was taken on this machine to the origin; closes it where that cannot be.
  void serve(boost::asio::ip::tcp::socket socket, const Authority& origin);

  // The same in steps, for one who has something to say to either side first:

  bool front_is_full() const { return *fronted_ >= kMaxFronted; }
  /// Counts such a connection, as long as it is held. `text`: names it in the log. Null: there are
  /// kMaxFronted, or this ends, and the log says so.
  std::shared_ptr<const void> count_fronted(std::string_view text);
  /// Null: it could not be reached, and the log says so.
  boost::asio::awaitable<std::unique_ptr<tunnel::Stream>> dial(Authority origin, std::string text);
  /// Relays between the two.
  void join(std::unique_ptr<tunnel::Stream> origin, std::unique_ptr<tunnel::Stream> client, std::string text,
            std::shared_ptr<const void> counted);
  /// A line in the log, of those that tunnels may cause.
  void note(const std::string& line) { log("{}", line); }

  /// Takes no more tunnels: OriginFault::draining. `idle` is called once none is open, perhaps at once.
  void drain(std::function<void()> idle);
  /// Cuts all tunnels: both their ends see a reset.
  void cut();
  /// Tunnels that are open, and those whose origin is being dialled.
  std::size_t open() const { return tunnels_.size() + dials_; }
  TunnelCounts counts() const;

 private:
  struct Tunnel;
  struct Request;

  void open(std::shared_ptr<Request> request);
  boost::asio::awaitable<void> open_tunnel(std::shared_ptr<Request> request);
  boost::asio::awaitable<void> lead(std::unique_ptr<tunnel::Stream> client, Authority origin,
                                    std::string text, std::shared_ptr<const void> counted);
  void refuse(Request& request, auth::OriginFault fault);
  void refuse(std::string_view text, auth::OriginFault fault);
  void carry(Request& request, boost::asio::ip::tcp::socket socket);
  void ended(std::uint64_t id);
  void settle();
  template <class... Parts>
  void log(const char* form, const Parts&... parts);

  boost::asio::any_io_executor executor_;
  std::shared_ptr<const TunnelRules> rules_;
  std::unordered_map<std::uint64_t, std::unique_ptr<Tunnel>> tunnels_;
  std::uint64_t next_id_ = 1;
  std::size_t dials_ = 0;
  const std::shared_ptr<std::size_t> fronted_ = std::make_shared<std::size_t>(0);
  bool draining_ = false;
  bool cut_ = false;
  std::function<void()> idle_;
  TunnelCounts counts_;  ///< bytes: of tunnels that have ended
  LogBudget log_budget_{kTunnelLogBurst, kTunnelLogLines};
};

}  // namespace cfpipe::connector
