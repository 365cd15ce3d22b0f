#pragma once

#include <boost/asio/steady_timer.hpp>
#include <chrono>

#include "transport/http2/exchange.h"
#include "transport/http2/life.h"
#include "transport/http2/liveness.h"
#include "transport/http2/stream_table.h"

namespace cfpipe::transport {

/// The timer of a connection: does what H2Liveness decides.
class H2Watch {
 public:
  H2Watch(const H2Life& life, H2Exchange& exchange, const H2StreamTable& streams, const H2Times& times);

  /// After a change of what it depends on: the streams' number.
  void schedule();
  void cancel() { timer_.cancel(); }
  void received(H2Liveness::Time now) { liveness_.received(now); }
  /// The last stream has gone.
  void emptied() { liveness_.emptied(H2Liveness::Time::clock::now()); }
  /// Asks for a sign of life, and ends the connection if none comes within `timeout`.
  void check(std::chrono::milliseconds timeout);
  /// The same, unless there are several streams, or it has been asked: beside other streams an answer may
  /// have to stand in line, and their own silence is watched anyway.
  void probe(std::chrono::milliseconds timeout);
  /// Ends the connection in peace.
  void close();

 private:
  void on_timer();

  const H2Life& life_;
  H2Exchange& exchange_;
  const H2StreamTable& streams_;
  H2Liveness liveness_;
  boost::asio::steady_timer timer_;
};

}  // namespace cfpipe::transport
