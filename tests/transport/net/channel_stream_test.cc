#include "transport/net/channel_stream.h"

#include <gtest/gtest.h>

#include <boost/asio/steady_timer.hpp>
#include <deque>

#include "support/stream_io.h"
#include "transport/dial/dialer.h"
#include "transport/http2/connection.h"
#include "transport/loopback.h"

namespace cfpipe::transport {
namespace {

using namespace std::chrono_literals;
namespace net = boost::asio;
using net::ip::tcp;
using testing::read_from;
using testing::woken;
using testing::write_to;
using tunnel::End;
using tunnel::IoStatus;
using tunnel::Stream;

/// An edge and its connector after the upgrade: who has accepted the connection is the client of HTTP/2.
class ChannelStreamTest : public testing::LoopbackTest {
 protected:
  using H2 = std::shared_ptr<H2Connection>;

  net::awaitable<bool> attach() {
    server_context = ca.server("vm.localhost");
    net::co_spawn(loop, accept(), net::detached);
    auto dialled = co_await dial_tls(url(), options);
    EXPECT_TRUE(dialled);
    if (!dialled) co_return false;
    // What follows an upgrade may come with it.
    std::array<std::byte, 4096> room{};
    std::size_t got = 0;
    while ((*dialled)->read(room, got) == IoStatus::would_block)
      if (!co_await (*dialled)->readable(soon())) co_return false;
    connector = H2Connection::start(std::move(*dialled), H2Role::server, {}, std::span(room).first(got));
    connector->on_request([this](std::unique_ptr<H2Stream> stream) {
      arrived.push_back(std::move(stream));
      come.cancel();
    });
    co_return true;
  }
  net::awaitable<void> accept() {
    auto socket = co_await acceptor.async_accept(net::use_awaitable);
    SslPtr ssl(SSL_new(server_context.get()));
    SSL_set_accept_state(ssl.get());
    auto channel = std::make_unique<TlsChannel>(std::move(socket), std::move(ssl));
    co_await channel->handshake(10s, "client");
    edge = H2Connection::start(std::move(channel), H2Role::client);
    // At once: it may be among what the connector reads with the upgrade.
    opened = edge->open({{":method", "CONNECT"}, {":authority", "127.0.0.1:22"}, {"cfpipe-subject", "ann"}},
                        false);
  }
  net::awaitable<std::unique_ptr<H2Stream>> request() {
    while (arrived.empty()) {
      come.expires_after(10s);
      const auto [error] = co_await come.async_wait(net::as_tuple(net::use_awaitable));
      if (!error) co_return nullptr;
    }
    auto stream = std::move(arrived.front());
    arrived.pop_front();
    co_return stream;
  }
  /// Both ends of a tunnel. Null: something has failed.
  net::awaitable<bool> open() {
    if (!co_await attach()) co_return false;
    auto stream = co_await request();
    if (!stream) co_return false;
    EXPECT_EQ(stream->field(":authority"), "127.0.0.1:22");
    EXPECT_EQ(stream->field("cfpipe-subject"), "ann");
    EXPECT_TRUE(stream->respond({{":status", "200"}}, false));
    far = make_channel_stream(std::move(stream));
    if (!co_await opened->headed(soon())) co_return false;
    EXPECT_EQ(opened->field(":status"), "200");
    near = make_channel_stream(std::move(opened));
    co_return true;
  }

  net::steady_timer come{loop};
  std::deque<std::unique_ptr<H2Stream>> arrived;
  H2 edge, connector;
  std::unique_ptr<H2Stream> opened;
  std::unique_ptr<Stream> near, far;
};

TEST_F(ChannelStreamTest, BytesGoBothWaysAndEachDirectionEndsByItself) {
  run([this]() -> net::awaitable<bool> {
    EXPECT_TRUE(co_await open());
    EXPECT_TRUE(near->half_closes());
    co_await write_to(*near, "question");
    EXPECT_EQ((co_await read_from(*far, 8)).bytes, "question");
    EXPECT_NE(near->finish(), IoStatus::failed);
    const auto end = co_await read_from(*far, 1);
    EXPECT_EQ(end.status, IoStatus::eof);
    EXPECT_EQ(far->end(), End::clean);
    const std::string large(3'000'000, 'x');
    net::co_spawn(loop, write_to(*far, large), net::detached);
    const auto answer = co_await read_from(*near, large.size());
    EXPECT_TRUE(answer.bytes == large);
    EXPECT_NE(far->finish(), IoStatus::failed);
    EXPECT_EQ((co_await read_from(*near, 1)).status, IoStatus::eof);
    EXPECT_EQ(near->end(), End::clean);
    co_return true;
  }());
}

TEST_F(ChannelStreamTest, WhatBreaksOffIsCutAtTheOtherEnd) {
  run([this]() -> net::awaitable<bool> {
    EXPECT_TRUE(co_await open());
    co_await write_to(*far, "half an ans");
    far->breaks_off();
    EXPECT_EQ(far->finish(), IoStatus::ok);
    far->close();
    const auto got = co_await read_from(*near, 100);
    EXPECT_EQ(got.bytes, "half an ans");
    EXPECT_EQ(got.status, IoStatus::failed);
    EXPECT_EQ(near->end(), End::cut);
    co_return true;
  }());
}

TEST_F(ChannelStreamTest, ALostConnectionIsCut) {
  run([this]() -> net::awaitable<bool> {
    EXPECT_TRUE(co_await open());
    connector->close();
    EXPECT_EQ((co_await read_from(*near, 1)).status, IoStatus::failed);
    EXPECT_EQ(near->end(), End::cut);
    EXPECT_EQ(co_await write_to(*near, "more"), IoStatus::failed);
    co_return true;
  }());
}

TEST_F(ChannelStreamTest, ClosedBeforeTheOtherEndHasAnsweredItIsCutThere) {
  run([this]() -> net::awaitable<bool> {
    EXPECT_TRUE(co_await open());
    near->close();
    EXPECT_EQ((co_await read_from(*far, 1)).status, IoStatus::failed);
    EXPECT_EQ(far->end(), End::cut);
    co_return true;
  }());
}

TEST_F(ChannelStreamTest, OneThatHasEndedIsStillWatched) {
  run([this]() -> net::awaitable<bool> {
    EXPECT_TRUE(co_await open());
    EXPECT_NE(near->finish(), IoStatus::failed);
    EXPECT_EQ((co_await read_from(*far, 1)).status, IoStatus::eof);
    net::post(loop, [this] { near->close(); });
    co_await woken(*far, &Stream::on_gone);
    EXPECT_EQ(co_await write_to(*far, "more"), IoStatus::failed);
    // One that asks later is told at once.
    co_await woken(*far, &Stream::on_gone);
    co_return true;
  }());
}

TEST_F(ChannelStreamTest, AReaderThatStallsStopsTheSender) {
  run([this]() -> net::awaitable<bool> {
    EXPECT_TRUE(co_await open());
    std::vector<std::byte> bytes(tunnel::kHeadroom + 64 * 1024);
    std::size_t sent = 0;
    for (;;) {
      tunnel::Slice slice(bytes.data() + tunnel::kHeadroom, 64 * 1024);
      const auto took = near->take({&slice, 1});
      sent += took.bytes;
      if (took.status == IoStatus::would_block && sent >= kH2FirstWindow) break;
      if (took.status == IoStatus::would_block) co_await woken(*near, &Stream::on_writable);
      EXPECT_LT(sent, kH2ConnectionWindow);
    }
    const auto got = co_await read_from(*far, sent);
    EXPECT_EQ(got.bytes.size(), sent);
    co_return true;
  }());
}

}  // namespace
}  // namespace cfpipe::transport
