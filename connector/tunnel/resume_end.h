#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/host.h"
#include "connector/tunnel/tunnel_server.h"
#include "tunnel/preamble.h"
#include "tunnel/resume/in_band.h"

namespace cfpipe::connector {

/// How long one who has connected may say nothing: sshd's LoginGraceTime.
inline constexpr std::chrono::milliseconds kFirstByteLimit{120'000};
/// How long the origin may take for its version, and after which time it is asked for it again if it had
/// none.
inline constexpr std::chrono::milliseconds kVersionLimit{10'000};
inline constexpr std::chrono::milliseconds kVersionPause{15'000};
/// An origin whose version changes twice within the first of these times has several; they are announced to
/// no client for the second, since one that was told another version than it then meets cannot go on.
inline constexpr std::chrono::minutes kVersionSteady{10};
inline constexpr std::chrono::minutes kVersionUnsteady{60};

/// Stands in front of an SSH server: announces to each client that the tunnel may outlive its connection, in
/// a line in front of the server's version (docs/PROTOCOL_TUNNEL.md), and keeps the tunnels of those who ask
/// for it. Clients that do not are led to the server as they are, and so is everyone while the origin has not
/// shown itself as an SSH server. Belongs to one loop; held by std::shared_ptr.
class ResumeEnd : public std::enable_shared_from_this<ResumeEnd> {
 public:
  /// `grace`: how long a tunnel waits for its client. Null: OpenSSL has no X25519.
  static std::shared_ptr<ResumeEnd> make(boost::asio::any_io_executor executor,
                                         std::shared_ptr<TunnelServer> tunnels, std::chrono::seconds grace);

  /// The origin of tunnels from now on.
  void use(Authority origin);
  void serve(boost::asio::ip::tcp::socket socket);
  /// No client comes back from now on: tunnels without one end, and those that lose theirs.
  void leave();
  std::uint64_t resumed() const { return resumed_; }  ///< since the start
  /// Tunnels whose origin is being reached.
  std::size_t opening() const { return opening_.size(); }

 private:
  struct Session;
  struct Client;
  /// One who has said nothing yet. The seat is here, so that it is free at once where it is needed.
  struct Silent {
    std::function<void()> stop;
    std::shared_ptr<const void> seat;
  };

  ResumeEnd(boost::asio::any_io_executor executor, std::shared_ptr<TunnelServer> tunnels,
            tunnel::ResumeKeys keys, std::chrono::seconds grace);
  std::shared_ptr<const void> seat_for(std::string_view text);
  void give_way();
  boost::asio::awaitable<void> meet(Client client);
  boost::asio::awaitable<bool> spoke(Client& client);
  boost::asio::awaitable<void> pass(Client client);
  boost::asio::awaitable<void> answer(Client client);
  boost::asio::awaitable<void> open(Client client, std::string key);
  boost::asio::awaitable<void> come_back(Client client, tunnel::ResumeAttach attach);
  boost::asio::awaitable<std::unique_ptr<tunnel::Stream>> reach(const Client& client);
  boost::asio::awaitable<void> learn();
  void learn_soon();
  bool adopt(std::string line);
  void judge(const std::optional<std::string>& line, const std::string& told);
  std::optional<std::string> admitted(const std::weak_ptr<Session>& known,
                                      const tunnel::ResumeAttach& attach);
  bool take_place_of(const tunnel::SessionId& id);
  void forget(const tunnel::SessionId& id, const std::weak_ptr<Session>& session);
  void lost(const std::shared_ptr<Session>& session);

  boost::asio::any_io_executor executor_;
  const std::shared_ptr<TunnelServer> tunnels_;
  const tunnel::ResumeKeys keys_;
  const std::chrono::seconds grace_;
  const std::string announcement_;
  Authority origin_;
  std::optional<std::string> version_;  ///< the line that the origin sends first; nothing: it is not known
  bool doubted_ = false;                ///< the origin has not said it since
  bool learning_ = false;
  bool leaving_ = false;
  std::chrono::steady_clock::time_point learn_after_{};
  std::optional<std::chrono::steady_clock::time_point> changed_at_;  ///< the version
  std::map<std::uint64_t, Silent> silent_;                           ///< in the order of their coming
  std::uint64_t comings_ = 0;
  std::map<tunnel::SessionId, std::weak_ptr<Session>> sessions_;  ///< at most kMaxFronted
  std::map<tunnel::SessionId, std::uint64_t> opening_;            ///< the last of each that is being opened
  std::uint64_t openings_ = 0;
  std::uint64_t resumed_ = 0;
};

}  // namespace cfpipe::connector
