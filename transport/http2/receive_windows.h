#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <unordered_map>

#include "transport/http2/flow_control.h"

struct nghttp2_session;

namespace cfpipe::transport {

/// The receive window of one stream.
struct H2Window {
  std::size_t size = kH2FirstWindow;
  std::size_t unconsumed = 0;
  std::size_t sampled = 0;  ///< bytes consumed since the running measurement began
  bool ended = false;       ///< nothing more comes that would need credit
};

/// What a session lets its peer send: the windows of its streams, which follow what the path carries, and
/// that of the connection. Bytes that were received and not consumed count in both: per stream at most
/// kH2MaxWindow, in all at most kH2ConnectionWindow.
class H2ReceiveWindows {
 public:
  using Time = std::chrono::steady_clock::time_point;
  /// `connection`: the connection's window at first, in bytes.
  explicit H2ReceiveWindows(std::size_t connection) : connection_(connection) {}
  ~H2ReceiveWindows();
  H2ReceiveWindows(const H2ReceiveWindows&) = delete;
  H2ReceiveWindows& operator=(const H2ReceiveWindows&) = delete;

  /// The session that sends the credit, and outlives this but for its destructor.
  void start(nghttp2_session* session);
  /// Widens the connection's window to kH2ConnectionWindow.
  void widen();
  /// A stream's window, which stays where it is until remove().
  H2Window& add(std::int32_t stream);
  void remove(std::int32_t stream);

  void received(H2Window& window, std::size_t bytes, Time now);
  /// `window`: of the stream, or null if that is gone. True: there is credit to send.
  bool consumed(std::int32_t stream, H2Window* window, std::size_t bytes);
  bool credit_connection();
  /// The answer to a PING has come with what the PING carried: it may be one that measures.
  void answered(std::span<const std::uint8_t> carried, Time now);

 private:
  void measure();

  nghttp2_session* session_ = nullptr;
  std::unordered_map<std::int32_t, H2Window> windows_;
  H2Probe probe_;
  std::size_t granted_ = 0;  ///< sum of the streams' windows
  std::size_t connection_;
  std::size_t unconsumed_ = 0;  ///< of all streams, those that are gone included
};

}  // namespace cfpipe::transport
