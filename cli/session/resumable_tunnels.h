#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <memory>

#include "auth/state/state_dir.h"
#include "cli/session/in_band.h"
#include "cli/session/resumption.h"
#include "transport/net/url.h"

namespace cfpipe::cli {

/// Makes tunnels of one application outlive their connections, where the edge, or what stands in front of the
/// server behind it, keeps them meanwhile.
class ResumableTunnels {
 public:
  /// `state` outlives it, and it outlives the tunnels.
  ResumableTunnels(boost::asio::any_io_executor executor, const auth::StateDir& state,
                   const transport::Url& application);

  struct Begun {
    std::unique_ptr<tunnel::Stream> stream;
    std::unique_ptr<Resumption> resumption;  ///< null: the stream is one connection
  };
  /// `opened`: a connection that was opened with the public key of `keys`. `again` opens another.
  /// Stage::upgrade.
  boost::asio::awaitable<Result<Begun>> begin(Carrier opened, tunnel::ResumeKeys keys,
                                              Resumption::Dial again);

 private:
  boost::asio::awaitable<Result<Begun>> begin_in_band(std::unique_ptr<tunnel::Stream> tunnel,
                                                      tunnel::ResumeKeys keys, Resumption::Dial again);
  Begun begun(std::unique_ptr<tunnel::ResumableStream> stream, std::unique_ptr<tunnel::Stream> carrier,
              tunnel::ResumeKeys keys, const tunnel::ResumeOpened& opened, Resumption::Dial again);

  boost::asio::any_io_executor executor_;
  InBandResume in_band_;
  std::unique_ptr<NetworkChanges> network_;  ///< once there is a tunnel that may come back
};

}  // namespace cfpipe::cli
