#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "transport/http2/session.h"

namespace cfpipe::testing {

/// One end of an HTTP/2 connection without a network: a session, the wire it writes to, and all that it saw.
class H2End final : public transport::H2Events, public transport::H2Output {
 public:
  using IoStatus = tunnel::IoStatus;
  struct Seen {
    transport::H2Head head;
    bool oversized = false;
    std::string data;
    std::size_t bytes = 0;
    bool ended = false;
    bool closed = false;
    std::uint32_t code = 0;
  };

  explicit H2End(transport::H2Role role) : session(role, *this, *this) {}

  void h2_head(std::int32_t stream, transport::H2Head head, bool oversized) override {
    seen[stream].head = std::move(head);
    seen[stream].oversized = oversized;
    order.push_back(stream);
  }
  void h2_data(std::int32_t stream, std::span<const std::byte> data) override {
    auto& s = seen[stream];
    s.bytes += data.size();
    largest = std::max(largest, data.size());
    if (keep_data) s.data.append(reinterpret_cast<const char*>(data.data()), data.size());
    arrivals.emplace_back(stream, data.size());
  }
  void h2_end(std::int32_t stream) override { seen[stream].ended = true; }
  void h2_closed(std::int32_t stream, std::uint32_t code) override {
    seen[stream].closed = true;
    seen[stream].code = code;
  }
  IoStatus put(std::span<const std::byte> bytes) override {
    if (broken) return IoStatus::failed;
    if (wire.size() >= capacity) return IoStatus::would_block;
    wire.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    ++writes;
    return IoStatus::ok;
  }

  /// Gives this end's bytes to the other, in pieces of `step`. False if the other refuses them.
  bool deliver_to(H2End& other, std::size_t step = std::string::npos) {
    const std::string all = std::exchange(wire, {});
    for (std::size_t at = 0; at < all.size(); at += step) {
      const auto piece = all.substr(at, step);
      if (!other.session.receive(std::as_bytes(std::span(piece)), now)) return false;
      if (step == std::string::npos) break;
    }
    return true;
  }

  /// write() with the room in front that it may use.
  IoStatus write(std::int32_t stream, const std::string& text) {
    std::vector<std::byte> room(transport::kH2FrameHeader + text.size());
    std::copy_n(std::as_bytes(std::span(text)).begin(), text.size(),
                room.begin() + transport::kH2FrameHeader);
    return session.write(stream, tunnel::Slice(room).subspan(transport::kH2FrameHeader));
  }
  std::string field(std::int32_t stream, const std::string& name) {
    for (const auto& [key, value] : seen[stream].head) {
      if (key == name) return value;
    }
    return {};
  }

  std::map<std::int32_t, Seen> seen;
  std::vector<std::int32_t> order;
  std::vector<std::pair<std::int32_t, std::size_t>> arrivals;
  std::size_t largest = 0;
  std::string wire;
  std::size_t capacity = std::string::npos;
  std::size_t writes = 0;
  bool broken = false;
  bool keep_data = true;
  std::chrono::steady_clock::time_point now{std::chrono::hours(1)};
  transport::H2Session session;
};

/// A client and a server that are connected.
class H2EndsTest : public ::testing::Test {
 protected:
  H2EndsTest() { settle(); }

  /// Until neither has anything to say.
  void settle(std::size_t step = std::string::npos) {
    for (int round = 0; round < 10'000; ++round) {
      client.session.send();
      server.session.send();
      if (client.wire.empty() && server.wire.empty()) return;
      if (!client.deliver_to(server, step) || !server.deliver_to(client, step)) return;
    }
    ADD_FAILURE() << "they never stop";
  }
  static transport::H2Head websocket_head(const std::string& token = "secret") {
    return {{":method", "CONNECT"}, {":protocol", "websocket"},
            {":scheme", "https"},   {":authority", "vm.localhost"},
            {":path", "/"},         {"cf-access-token", token}};
  }
  /// An extended CONNECT that the server has granted.
  std::int32_t open() {
    const auto id = client.session.request(websocket_head(), false);
    settle();
    EXPECT_TRUE(server.session.respond(id, {{":status", "200"}, {"cf-ray", "1"}}, false));
    server.session.widen();
    settle();
    return id;
  }

  H2End client{transport::H2Role::client};
  H2End server{transport::H2Role::server};
};

}  // namespace cfpipe::testing
