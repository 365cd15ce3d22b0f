#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "auth/state/state_dir.h"
#include "base/error.h"
#include "cli/session/resumption.h"
#include "tunnel/resume/in_band.h"
#include "tunnel/stream.h"

namespace cfpipe::cli {

/// How long ssh's first bytes wait for an announcement that was there the last time.
inline constexpr std::chrono::milliseconds kAnnouncementLimit{2'000};

/// Tunnels that may lose their connection at an edge that knows nothing of that: what stands in front of the
/// server, behind the edge, says so in a line of its own (docs/PROTOCOL_TUNNEL.md). The first tunnel to a
/// host learns of it and goes on as it is; those after it wait for the line.
class InBandResume {
 public:
  /// `state` outlives it, and so do the streams of watched(). `application`: host and path.
  InBandResume(boost::asio::any_io_executor executor, const auth::StateDir& state,
               const std::string& application);

  /// Whether such a line was seen.
  bool is_known() const;
  /// The tunnel as it is; a line in it is seen.
  std::unique_ptr<tunnel::Stream> watched(std::unique_ptr<tunnel::Stream> tunnel);

  struct Begun {
    std::unique_ptr<tunnel::Stream> carrier;
    std::string first;  ///< bytes of the server's in front of what the tunnel brings
    /// Nothing: nothing was announced, and the carrier is the tunnel.
    std::optional<tunnel::ResumeOpened> opened;
    std::string agent;
  };
  /// Where one is known: begins a tunnel with the key of that end. Stage::upgrade.
  boost::asio::awaitable<Result<Begun>> begin(std::unique_ptr<tunnel::Stream> stream,
                                              const std::string& client_key);
  /// A tunnel that was begun.
  struct Tunnel {
    std::string agent;
    std::string client_key;
    std::string version;                    ///< that ssh was told
    const tunnel::ResumableStream* stream;  ///< outlives what uses this
  };
  /// A further carrier, on a connection that `dial` opens. `value`: a ResumeAttach; in its place the tunnel
  /// begins anew where nothing was heard of its other end. Failures: of the dial, and Stage::upgrade.
  boost::asio::awaitable<Result<Carrier>> attach(Resumption::Dial dial, std::string value,
                                                 Tunnel tunnel) const;

 private:
  void remember();
  void forget();

  boost::asio::any_io_executor executor_;
  const auth::StateDir& state_;
  const std::string file_;
};

}  // namespace cfpipe::cli
