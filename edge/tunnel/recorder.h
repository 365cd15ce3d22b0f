#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "edge/http/request.h"
#include "edge/tunnel/handle.h"

namespace cfpipe::edge {

/// Records tunnels that were granted, in the audit. Lives on the loop of the RequestHandler that grants them.
class TunnelRecorder {
 public:
  virtual ~TunnelRecorder() = default;
  /// A tunnel has opened: its id for closed(). `handle` ends it from here.
  virtual std::int64_t opened(const TunnelGrant& grant, const Request& request,
                              std::shared_ptr<TunnelHandle> handle) = 0;
  /// Its client has come back by this request, after the connection was lost.
  virtual void resumed(std::int64_t id, const Request& request) = 0;
  /// It has ended, after so many bytes from the client and to it.
  virtual void closed(std::int64_t id, std::uint64_t up_bytes, std::uint64_t down_bytes,
                      std::string_view reason) = 0;
};

}  // namespace cfpipe::edge
