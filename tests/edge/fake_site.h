#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <variant>

#include "edge/http/request_handler.h"
#include "edge/tunnel/recorder.h"

namespace cfpipe::edge {

/// A site that reads all bodies, grants no tunnel and records none, for what a test does not look at.
class FakeSite : public RequestHandler, public TunnelRecorder {
 public:
  bool reads_body(const Request&) const override { return true; }
  std::variant<TunnelGrant, Answer> upgrade(const Request&) override { return Answer(); }
  std::variant<AttachGrant, Answer> attach(const Request&) override { return Answer(); }
  std::int64_t opened(const TunnelGrant&, const Request&, std::shared_ptr<TunnelHandle>) override {
    return 1;
  }
  void resumed(std::int64_t, const Request&) override {}
  void closed(std::int64_t, std::uint64_t, std::uint64_t, std::string_view) override {}
};

}  // namespace cfpipe::edge
