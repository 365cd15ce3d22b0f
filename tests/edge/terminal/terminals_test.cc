// Terminals as what a tunnel leads to.
#include "edge/terminal/terminals.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "edge/fake_site.h"
#include "edge/terminal/frames.h"
#include "edge/terminal/grant.h"

namespace cfpipe::edge::terminal {
namespace {

namespace net = boost::asio;
using tunnel::IoStatus;

class EmptySite final : public FakeSite {
 public:
  net::awaitable<Answer> handle(const Request&) override { co_return Answer(); }
};

class NoBackend final : public TerminalBackend {
 public:
  net::awaitable<Result<std::string>> certify(const TunnelGrant&, const Request&, std::string) override {
    co_return std::string();
  }
  Result<std::string> known_host_key(const TunnelGrant&) override { return std::string(); }
  Result<void> trust_host_key(const TunnelGrant&, const Request&, const std::string&) override { return {}; }
  void files_closed(const TunnelGrant&, const Request&, const FilesUse&) override {}
};

class TerminalsTest : public ::testing::Test {
 protected:
  static TunnelGrant grant(const std::string& session = {}) {
    TerminalGrant terminal;
    terminal.identity.email = "ann@example.com";
    terminal.session = session;
    TunnelGrant out;
    out.app_hostname = "vm.localhost";
    out.identity = "ann@example.com";
    out.terminal = std::make_shared<const TerminalGrant>(std::move(terminal));
    return out;
  }
  Connected connect(const TunnelGrant& grant) {
    std::optional<Connected> out;
    const auto run = [&]() -> net::awaitable<void> {
      TunnelTarget& target = terminals_;
      out.emplace(co_await target.connect(grant, std::make_shared<const Request>(), ends_));
    };
    net::co_spawn(loop_, run, net::detached);
    loop_.restart();
    loop_.poll();
    return std::move(*out);
  }
  static void put(tunnel::Stream& stream, const std::string& text) {
    std::vector<std::byte> room(tunnel::kHeadroom + text.size());
    std::copy_n(std::as_bytes(std::span(text)).begin(), text.size(), room.begin() + tunnel::kHeadroom);
    std::array<tunnel::Slice, 1> slices = {tunnel::Slice(room).subspan(tunnel::kHeadroom)};
    EXPECT_EQ(stream.take(slices).status, IoStatus::ok);
  }
  /// Everything up to the end.
  std::string rest(tunnel::Stream& stream) {
    std::string out;
    for (;;) {
      const auto status = stream.fill();
      if (status == IoStatus::would_block) {
        stream.on_readable([] {});
        loop_.restart();
        if (loop_.run_one_for(std::chrono::seconds(20)) == 0) break;
        continue;
      }
      if (status != IoStatus::ok) break;
      const auto got = stream.ready()[0];
      out.append(reinterpret_cast<const char*>(got.data()), got.size());
      stream.consume(got.size());
    }
    return out;
  }

  net::io_context loop_;
  EmptySite site_;
  NoBackend backend_;
  ControlPlane control_plane_{loop_.get_executor(), site_, site_};
  ConnectionEnds ends_{};
  Terminals terminals_{control_plane_, backend_};
};

TEST_F(TerminalsTest, AreReachedByAStreamOfFrames) {
  EXPECT_TRUE(terminals_.keeps_sessions());
  ASSERT_TRUE(terminals_.start());
  auto connected = connect(grant("expired"));
  auto* stream = std::get_if<std::unique_ptr<tunnel::Stream>>(&connected);
  ASSERT_NE(stream, nullptr);
  put(**stream, encode(FrameType::start, R"({"cols":80,"rows":24})"));
  FrameReader reader;
  reader.feed(rest(**stream));
  EXPECT_EQ((*stream)->end(), tunnel::End::clean);
  const auto frame = reader.next();
  ASSERT_TRUE(frame);
  EXPECT_EQ(frame->type, FrameType::event);
  EXPECT_NE(frame->payload.find("The session has expired."), std::string::npos) << frame->payload;
}

TEST_F(TerminalsTest, ThatAreOpenedTooOftenAtOnceAreRefused) {
  std::vector<Connected> open;
  for (std::size_t i = 0; i < kMaxGuestsOfPerson; ++i) {
    open.push_back(connect(grant()));
    ASSERT_TRUE(std::holds_alternative<std::unique_ptr<tunnel::Stream>>(open.back())) << i;
  }
  const auto refused = connect(grant());
  ASSERT_TRUE(std::holds_alternative<Answer>(refused));
  EXPECT_EQ(std::get<Answer>(refused).status, 429);
  EXPECT_EQ(terminals_.refused(), 1u);
}

}  // namespace
}  // namespace cfpipe::edge::terminal
