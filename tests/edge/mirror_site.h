#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <variant>

#include "edge/fake_site.h"
#include "edge/listener/server.h"

namespace cfpipe::edge {

/// A site that answers every request with the address that it is from, and opens no tunnel.
class MirrorSite : public FakeSite {
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
};

}  // namespace cfpipe::edge
