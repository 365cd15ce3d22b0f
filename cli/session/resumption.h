#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "base/error.h"
#include "base/platform/network_watch.h"
#include "base/platform/wake_watch.h"
#include "cli/session/published_session.h"
#include "tunnel/resume/handshake.h"
#include "tunnel/resume/resumable_stream.h"

namespace cfpipe::cli {

/// The pause after the first attempt that has failed, and the longest; a random part of the second half of
/// each is left out, so that those who lost their edge together do not come back together.
inline constexpr std::chrono::milliseconds kFirstResumePause{250};
inline constexpr std::chrono::milliseconds kLongestResumePause{5'000};
/// How long connections may be refused, or taken by another than the end that kept the tunnel: then that is
/// not there any more.
inline constexpr std::chrono::milliseconds kResumeRefused{10'000};
/// Connections in a row that may be cut before they have brought anything, with no pause in front of the
/// next.
inline constexpr int kResumesAtOnce = 64;
/// How long the edge may take to give a sign of life once the network has changed. Too short for a wire costs
/// a connection, not the tunnel.
inline constexpr std::chrono::milliseconds kResumeCheck{750};

/// What a dial for a further carrier brings.
struct Carrier {
  std::unique_ptr<tunnel::Stream> stream;
  std::string answer;  ///< value of tunnel::kResumeHeader
  bool anew = false;   ///< the other end knew nothing of the tunnel, and begins it with its first byte
};

/// Whether an attempt that has failed so is worth another one.
bool worth_another_attempt(const Failure& failure);

class Resumption;

/// Tells all tunnels of a process that this machine's addresses or routes have changed, or that it has woken.
class NetworkChanges {
 public:
  explicit NetworkChanges(const boost::asio::any_io_executor& executor);
  void add(Resumption* resumption) { resumptions_.insert(resumption); }
  void remove(Resumption* resumption) { resumptions_.erase(resumption); }

 private:
  void tell();

  std::set<Resumption*> resumptions_;
  NetworkWatch network_;
  WakeWatch wake_;
};

/// Brings carriers for one tunnel whenever it has lost one.
class Resumption {
 public:
  /// Dials once, and shows this value of tunnel::kResumeHeader.
  using Dial = std::function<boost::asio::awaitable<Result<Carrier>>(std::string value)>;

  /// `stream` and `network` outlive it. `keys`: whose public key the other end was sent.
  Resumption(boost::asio::any_io_executor executor, NetworkChanges& network, tunnel::ResumableStream& stream,
             tunnel::ResumeKeys keys, const tunnel::ResumeOpened& opened, Dial dial);
  ~Resumption();
  Resumption(const Resumption&) = delete;
  Resumption& operator=(const Resumption&) = delete;

  /// Until the tunnel is over, or the wait is cancelled. Ends the tunnel where it cannot go on: grace is
  /// over, or the edge has said so. `published` is told of losses and further carriers.
  boost::asio::awaitable<void> run(PublishedTunnel& published);
  /// From `network`.
  void network_changed();

 private:
  using Time = std::chrono::steady_clock::time_point;
  /// From the loss of a carrier until one has brought something.
  struct Outage {
    Time since;
    std::chrono::milliseconds pause = kFirstResumePause;  ///< before the next attempt
    std::optional<Time> refused_since;
    int cuts = 0;  ///< of carriers that have brought nothing
  };

  boost::asio::awaitable<void> come_back(PublishedTunnel& published);
  boost::asio::awaitable<std::optional<Failure>> attempt();
  std::optional<Failure> begin_outage();
  bool is_abandoned(const Failure& failure);
  void goes_on(std::uint64_t heard);
  void end(const Failure& failure);

  NetworkChanges& network_;
  tunnel::ResumableStream& stream_;
  tunnel::ResumeKeys keys_;
  const std::string edge_key_;
  const tunnel::SessionId session_;
  const std::chrono::seconds grace_;
  const Dial dial_;
  std::uint32_t epoch_ = 0;
  Outage outage_{};
  std::optional<std::uint64_t> heard_;  ///< of the stream before its carrier came; nothing: it is the first
  Time attached_at_{};
  bool detached_ = false;
  bool over_ = false;
  boost::asio::steady_timer event_;  ///< cancelled when there is something to do
};

}  // namespace cfpipe::cli
