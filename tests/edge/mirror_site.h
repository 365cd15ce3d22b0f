#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <variant>

#include "edge/listener/server.h"

namespace cfpipe::edge {

/// A site that answers every request with the address that it is from, and opens no tunnel.
class MirrorSite : public Site {
 public:
  boost::asio::awaitable<Answer> handle(const Request& request) override {
    Answer answer;
    answer.body = "from " + request.peer + ".";
    co_return answer;
  }
  std::variant<TunnelGrant, Answer> upgrade(const Request& request) override {
    Answer answer;
    answer.status = 403;
    answer.body = "no tunnel from " + request.peer + ".";
    return answer;
  }
  std::int64_t opened(const TunnelGrant&, const Request&, std::shared_ptr<TunnelEnd>) override { return 1; }
  void closed(std::int64_t, std::uint64_t, std::uint64_t, std::string_view) override {}
};

}  // namespace cfpipe::edge
