#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <boost/asio/steady_timer.hpp>
#include <cstring>
#include <deque>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "auth/connector/protocol.h"
#include "edge/connector/connector_origin.h"
#include "edge/connector/host.h"
#include "edge/http/request.h"
#include "support/hosts.h"
#include "support/stream_io.h"
#include "transport/dial/dialer.h"
#include "transport/loopback.h"
#include "transport/net/channel_stream.h"

namespace cfpipe::edge {

using namespace std::chrono_literals;
namespace net = boost::asio;
using transport::H2Stream;
using tunnel::End;
using tunnel::IoStatus;
using tunnel::Stream;

/// A loop on a thread of its own.
struct LoopThread {
  net::io_context loop{1};
  net::executor_work_guard<net::io_context::executor_type> work{loop.get_executor()};
  std::thread thread{[this] { loop.run(); }};
  ~LoopThread() {
    loop.stop();
    thread.join();
  }
};

using testing::Got;
using testing::read_from;
using testing::woken;
using testing::write_to;

/// Connectors of the test's own, each attached to a host, and origins that lead through them. All on the
/// test's loop, which runs while a test waits.
class ConnectorTest : public testing::LoopbackTest {
 protected:
  using Connected = edge::Connected;
  using Handle = std::function<net::awaitable<void>(std::unique_ptr<H2Stream>)>;

  struct Attached {
    std::shared_ptr<transport::H2Connection> connection;  ///< the connector's end
    std::atomic<ConnectorHost*> host = nullptr;           ///< while its loop serves it
    std::atomic<bool> over = false;
    std::vector<transport::H2Head> asked;
  };

  /// A further connector, or connection of one; every tunnel of it is given to `handle`.
  net::awaitable<Attached*> attach(std::string id, std::string instance, Handle handle,
                                   std::string name = "office", net::io_context* host_loop = nullptr) {
    if (!server_context) server_context = ca.server("vm.localhost");
    attached.push_back(std::make_unique<Attached>());
    Attached* made = attached.back().get();
    AttachGrant who{std::move(id), std::move(name), std::move(instance), "1", registry, {}};
    who.record = std::make_shared<AttachRecord>(loop.get_executor(),
                                                [this](const AttachEnd& end) { ended.push_back(end); });
    net::co_spawn(loop, accept(*made, std::move(who), host_loop != nullptr ? *host_loop : loop),
                  net::detached);
    auto dialled = co_await transport::dial_tls(url(), options);
    EXPECT_TRUE(dialled);
    made->connection = transport::H2Connection::start(std::move(*dialled), transport::H2Role::server);
    made->connection->on_request([this, made, handle](std::unique_ptr<H2Stream> stream) {
      made->asked.push_back(stream->head());
      start(handle, std::move(stream));
    });
    while (!made->host && !made->over) co_await woken_later();
    co_return made;
  }
  void start(const Handle& handle, std::unique_ptr<H2Stream> stream) {
    net::co_spawn(loop, handle(std::move(stream)), net::detached);
  }
  net::awaitable<void> accept(Attached& made, AttachGrant who, net::io_context& on) {
    net::ip::tcp::socket socket =
        co_await acceptor.async_accept(net::any_io_executor(on.get_executor()), net::use_awaitable);
    net::co_spawn(on, serve_host(made, std::move(who), std::move(socket)), net::detached);
  }
  net::awaitable<void> serve_host(Attached& made, AttachGrant who, net::ip::tcp::socket socket) {
    transport::SslPtr ssl(SSL_new(server_context.get()));
    SSL_set_accept_state(ssl.get());
    auto channel = std::make_unique<transport::TlsChannel>(std::move(socket), std::move(ssl));
    co_await channel->handshake(10s, "client");
    ConnectorHost host(std::move(channel), std::move(who), "192.0.2.7", 1, {});
    made.host = &host;
    co_await host.run();
    made.host = nullptr;
    made.over = true;
  }

  /// Answers that the origin is there, and echoes what comes until it ends.
  static net::awaitable<void> echo(std::unique_ptr<H2Stream> channel) {
    channel->respond({{":status", "200"}}, false);
    const auto stream = transport::make_channel_stream(std::move(channel));
    for (;;) {
      const auto status = stream->fill();
      if (status == IoStatus::would_block) {
        co_await woken(*stream, &Stream::on_readable);
        continue;
      }
      if (status != IoStatus::ok) break;
      while (!stream->ready().empty()) {
        const auto slice = stream->ready()[0];
        const std::string text(reinterpret_cast<const char*>(slice.data()), slice.size());
        stream->consume(slice.size());
        if (co_await write_to(*stream, text) == IoStatus::failed) co_return;
      }
    }
    if (stream->end() != End::clean) co_return;
    while (stream->finish() == IoStatus::would_block) co_await woken(*stream, &Stream::on_writable);
  }
  static Handle refusal(std::string status, std::string fault) {
    return [status, fault](std::unique_ptr<H2Stream> channel) {
      return refuse(std::move(channel), status, fault);
    };
  }
  static net::awaitable<void> refuse(std::unique_ptr<H2Stream> channel, std::string status,
                                     std::string fault) {
    channel->respond({{":status", status}, {auth::kFaultField, fault}}, true);
    co_return;
  }

  static net::awaitable<void> keep(std::vector<std::unique_ptr<H2Stream>>& kept,
                                   std::unique_ptr<H2Stream> channel) {
    kept.push_back(std::move(channel));
    co_return;
  }
  /// Answers, and waits for the end.
  static net::awaitable<void> until_end(std::unique_ptr<H2Stream> channel, std::optional<End>& end) {
    channel->respond({{":status", "200"}}, false);
    const auto stream = transport::make_channel_stream(std::move(channel));
    co_await read_from(*stream);
    end = stream->end();
  }
  /// Writes until there is no room.
  static void fill_window(Stream& stream) {
    std::vector<std::byte> bytes(tunnel::kHeadroom + 16 * 1024);
    for (;;) {
      tunnel::Slice part(bytes.data() + tunnel::kHeadroom, 16 * 1024);
      const auto took = stream.take({&part, 1});
      EXPECT_NE(took.status, IoStatus::failed);
      if (took.status != IoStatus::ok) return;
    }
  }
  /// Lets everything else on the loop have its turn.
  net::awaitable<void> woken_later() {
    net::steady_timer turn(loop, 1ms);
    co_await turn.async_wait(net::use_awaitable);
  }
  net::awaitable<void> connect_and_say(std::optional<std::string>& said) {
    auto to = origin();
    co_await say(to, said);
  }
  net::awaitable<void> say(ConnectorOrigin& to, std::optional<std::string>& said) {
    const auto connected = co_await to.connect(grant, nullptr, ends);
    said = reason(connected);
  }

  ConnectorOrigin origin(bool proxy_protocol = false) const {
    return {"vm.example.com",       {"office", "attic"}, registry, transport::host_of("127.0.0.1"), 22,
            NamedBy::configuration, proxy_protocol};
  }
  static std::string reason(const Connected& connected) {
    const auto* answer = std::get_if<Answer>(&connected);
    return answer == nullptr ? "connected" : std::to_string(answer->status) + " " + answer->body;
  }

  std::shared_ptr<ConnectorRegistry> registry = std::make_shared<ConnectorRegistry>();
  std::vector<AttachEnd> ended;  ///< of those attached
  std::vector<std::unique_ptr<Attached>> attached;
  TunnelGrant grant = [] {
    TunnelGrant made;
    made.identity = "ann@example.com";
    return made;
  }();
  ConnectionEnds ends{{net::ip::make_address("198.51.100.9"), 1234},
                      {net::ip::make_address("192.0.2.1"), 443}};
};

}  // namespace cfpipe::edge
