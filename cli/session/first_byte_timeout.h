#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "base/deadline.h"
#include "base/error.h"
#include "transport/net/url.h"
#include "tunnel/relay.h"

namespace cfpipe::cli {

/// Bytes that an ssh client sends before it has seen the server's first line: its own line (RFC 4253 4.2),
/// perhaps its first packet. A client that sends more does not wait for that line.
inline constexpr std::uint64_t kMaxBeforeFirstByte = 8 * 1024;

/// Stops a relay whose far end has said nothing at all when the time is up, unless `limit` is 0. Goes before
/// the relay does.
class FirstByte {
 public:
  FirstByte(const boost::asio::any_io_executor& executor, std::chrono::milliseconds limit,
            tunnel::Relay& relay) {
    if (limit <= std::chrono::milliseconds::zero()) return;
    deadline_.emplace(executor, limit, [this, &relay] {
      if (relay.far_to_near() > 0 || relay.near_to_far() > kMaxBeforeFirstByte) return;
      missed_ = true;
      relay.stop();
    });
  }
  bool missed() const { return missed_; }
  Failure failure(const transport::Url& url) const {
    return {Stage::tunnel, Cause::origin_silent, url.authority()};
  }

 private:
  bool missed_ = false;
  std::optional<Deadline> deadline_;
};

}  // namespace cfpipe::cli
