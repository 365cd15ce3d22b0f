#include "edge/connector/connector_origin.h"

#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>

#include "edge/connector/connector_fixture.h"

namespace cfpipe::edge {
namespace {

using ConnectorOriginTest = ConnectorTest;

std::string field(const transport::H2Head& head, std::string_view name) {
  for (const auto& [key, value] : head)
    if (key == name) return value;
  return {};
}

TEST_F(ConnectorOriginTest, ATunnelIsAPlainConnectThatTellsOnWhoseBehalf) {
  run([this]() -> net::awaitable<bool> {
    Attached* connector = co_await attach("id", "run", echo);
    auto to = origin();
    auto connected = co_await to.connect(grant, nullptr, ends);
    auto* stream = std::get_if<std::unique_ptr<Stream>>(&connected);
    EXPECT_NE(stream, nullptr) << reason(connected);
    if (stream == nullptr) co_return false;
    EXPECT_EQ(registry->list().at(0).tunnels, 1u);
    co_await write_to(**stream, "SSH-2.0-test\r\n");
    (*stream)->finish();
    const auto got = co_await read_from(**stream);
    EXPECT_EQ(got.bytes, "SSH-2.0-test\r\n");
    EXPECT_EQ(got.status, IoStatus::eof);
    const auto& head = connector->asked.at(0);
    EXPECT_EQ(field(head, ":method"), "CONNECT");
    EXPECT_EQ(field(head, ":authority"), "127.0.0.1:22");
    EXPECT_EQ(field(head, ":path"), "");
    EXPECT_EQ(field(head, auth::kSubjectField), "ann@example.com");
    EXPECT_EQ(field(head, auth::kClientField), "198.51.100.9");
    stream->reset();
    EXPECT_EQ(registry->list().at(0).tunnels, 0u);
    co_return true;
  }());
}

TEST_F(ConnectorOriginTest, AFaultOfTheOriginIsNamed) {
  run([this]() -> net::awaitable<bool> {
    const std::vector<std::pair<std::string, std::string>> faults{
        {"refused", "it refused the connection"},
        {"timed-out", "it does not answer"},
        {"not-allowed", "the connector's list of origins does not name it"},
        {"no-address", "its name has no address there"},
        {"what is that", "it cannot be reached from there"}};
    for (const auto& [fault, words] : faults) {
      Attached* connector = co_await attach("id", fault, refusal("502", fault));
      auto to = origin();
      const auto connected = co_await to.connect(grant, nullptr, ends);
      EXPECT_EQ(reason(connected),
                "502 the origin of vm.example.com is down: " + words + " (by the connector office, attic)\n");
      connector->host.load()->stop();
      while (!connector->over) co_await woken_later();
    }
    co_return true;
  }());
}

TEST_F(ConnectorOriginTest, WithoutAConnectorItSaysSo) {
  run([this]() -> net::awaitable<bool> {
    auto to = origin();
    const auto begun = std::chrono::steady_clock::now();
    const auto connected = co_await to.connect(grant, nullptr, ends);
    EXPECT_EQ(reason(connected),
              "502 the origin of vm.example.com is down: its connector is not attached: office, attic\n");
    EXPECT_GE(std::chrono::steady_clock::now() - begun, kAttachWait);
    co_return true;
  }());
}

TEST_F(ConnectorOriginTest, AConnectorThatAttachesMeanwhileIsWaitedFor) {
  run([this]() -> net::awaitable<bool> {
    std::optional<std::string> said;
    net::co_spawn(loop, connect_and_say(said), net::detached);
    co_await woken_later();
    EXPECT_FALSE(said);
    co_await attach("id", "run", echo, "attic");
    while (!said) co_await woken_later();
    EXPECT_EQ(*said, "connected");
    co_return true;
  }());
}

TEST_F(ConnectorOriginTest, OneThatDrainsOrIsFullIsPassedOver) {
  run([this]() -> net::awaitable<bool> {
    for (const char* fault : {"draining", "short"}) co_await attach(fault, fault, refusal("503", fault));
    co_await attach("good", "good", echo);
    for (int i = 0; i < 4; ++i) {
      auto to = origin();
      EXPECT_EQ(reason(co_await to.connect(grant, nullptr, ends)), "connected");
    }
    co_return true;
  }());
}

TEST_F(ConnectorOriginTest, AConnectorThatIsSilentIsGivenUp) {
  // It takes the request, and never answers: closed by the test before its time is over.
  run([this]() -> net::awaitable<bool> {
    std::vector<std::unique_ptr<H2Stream>> kept;
    Attached* silent = co_await attach(
        "id", "run", [&](std::unique_ptr<H2Stream> channel) { return keep(kept, std::move(channel)); });
    std::optional<std::string> said;
    net::co_spawn(loop, connect_and_say(said), net::detached);
    while (kept.empty()) co_await woken_later();
    silent->connection->close();
    co_await attach("other", "other", echo);
    while (!said) co_await woken_later();
    EXPECT_EQ(*said, "connected") << "by the other";
    co_return true;
  }());
}

TEST_F(ConnectorOriginTest, TheLeastBusyConnectorTakesTheNext) {
  run([this]() -> net::awaitable<bool> {
    // Two connections of one run, and one of another: the load is counted by run.
    co_await attach("a", "first", echo);
    co_await attach("a", "first", echo);
    co_await attach("b", "second", echo);
    auto to = origin();
    std::vector<Connected> open;
    for (int i = 0; i < 4; ++i) open.push_back(co_await to.connect(grant, nullptr, ends));
    std::map<std::string, std::size_t> tunnels;
    for (const auto& one : registry->list()) tunnels[one.instance] += one.tunnels;
    EXPECT_EQ(tunnels["first"], 2u);
    EXPECT_EQ(tunnels["second"], 2u);
    EXPECT_EQ(registry->list().size(), 2u);
    EXPECT_EQ(registry->list().at(0).connections, 2u);
    EXPECT_EQ(attached.at(0)->asked.size(), 1u);
    EXPECT_EQ(attached.at(1)->asked.size(), 1u);
    co_return true;
  }());
}

TEST_F(ConnectorOriginTest, TunnelsThatBeginTogetherAreSharedToo) {
  run([this]() -> net::awaitable<bool> {
    std::vector<std::unique_ptr<H2Stream>> kept;
    const Handle hold = [&](std::unique_ptr<H2Stream> channel) { return keep(kept, std::move(channel)); };
    co_await attach("a", "first", hold);
    co_await attach("b", "second", hold);
    std::vector<std::optional<std::string>> said(4);
    // None of them has an answer before the last one is led somewhere.
    for (auto& one : said) net::co_spawn(loop, connect_and_say(one), net::detached);
    while (kept.size() < said.size()) co_await woken_later();
    EXPECT_EQ(attached.at(0)->asked.size(), 2u);
    EXPECT_EQ(attached.at(1)->asked.size(), 2u);
    for (const auto& channel : kept) channel->respond({{":status", "200"}}, true);
    for (const auto& one : said)
      while (!one) co_await woken_later();
    co_return true;
  }());
}

TEST_F(ConnectorOriginTest, TheProxyHeaderGoesFirst) {
  run([this]() -> net::awaitable<bool> {
    co_await attach("id", "run", echo);
    auto to = origin(true);
    auto connected = co_await to.connect(grant, nullptr, ends);
    auto& stream = *std::get<std::unique_ptr<Stream>>(connected);
    co_await write_to(stream, "hello");
    const std::string header = proxy_header(ends);
    EXPECT_EQ((co_await read_from(stream, header.size() + 5)).bytes, header + "hello");
    co_return true;
  }());
}

TEST_F(ConnectorOriginTest, TheProxyHeaderWaitsForRoomThatOtherTunnelsHave) {
  run([this]() -> net::awaitable<bool> {
    // The connector reads nothing, so that the window of its connection is used up.
    std::vector<std::unique_ptr<H2Stream>> kept;
    co_await attach("id", "run", [&](std::unique_ptr<H2Stream> channel) {
      channel->respond({{":status", "200"}}, false);
      return keep(kept, std::move(channel));
    });
    std::vector<Connected> bulk;
    for (std::size_t i = 0; i < transport::kH2UnprovenWindow / transport::kH2FirstWindow; ++i) {
      auto plain = origin();
      bulk.push_back(co_await plain.connect(grant, nullptr, ends));
      fill_window(*std::get<std::unique_ptr<Stream>>(bulk.back()));
    }
    std::optional<std::string> said;
    auto introduced = origin(true);
    net::co_spawn(loop, say(introduced, said), net::detached);
    while (kept.size() == bulk.size()) co_await woken_later();
    for (int i = 0; i < 20; ++i) co_await woken_later();
    EXPECT_FALSE(said) << *said;
    kept.erase(kept.begin(), kept.begin() + static_cast<std::ptrdiff_t>(bulk.size()));
    while (!said) co_await woken_later();
    EXPECT_EQ(*said, "connected");
    std::string got(proxy_header(ends).size(), ' ');
    std::size_t bytes = 0;
    while (kept[0]->read(std::as_writable_bytes(std::span(got)), bytes) == IoStatus::would_block)
      co_await woken_later();
    EXPECT_EQ(got, proxy_header(ends));
    co_return true;
  }());
}

TEST_F(ConnectorOriginTest, WhereNoOneSignedInNoSubjectIsNamed) {
  run([this]() -> net::awaitable<bool> {
    const Attached* connector = co_await attach("id", "run", echo);
    grant.identity.clear();
    auto to = origin();
    EXPECT_EQ(reason(co_await to.connect(grant, nullptr, ends)), "connected");
    for (const auto& [name, value] : connector->asked.at(0)) EXPECT_NE(name, auth::kSubjectField);
    co_return true;
  }());
}

TEST_F(ConnectorOriginTest, ASocketForTerminalsCarriesTheSame) {
  run([this]() -> net::awaitable<bool> {
    co_await attach("id", "run", echo);
    auto to = origin();
    auto dialled = co_await to.dial(grant, ends);
    auto* socket = std::get_if<OriginSocket>(&dialled);
    EXPECT_NE(socket, nullptr);
    if (socket == nullptr) co_return false;
    co_await net::async_write(*socket, net::buffer("hello", 5), net::use_awaitable);
    std::string got(5, ' ');
    co_await net::async_read(*socket, net::buffer(got), net::use_awaitable);
    EXPECT_EQ(got, "hello");
    socket->shutdown(OriginSocket::shutdown_send);
    const auto [error, more] =
        co_await net::async_read(*socket, net::buffer(got), net::as_tuple(net::use_awaitable));
    EXPECT_EQ(error, net::error::eof);
    co_return more == 0;
  }());
}

TEST_F(ConnectorOriginTest, AnEndedConnectorCutsItsTunnels) {
  run([this]() -> net::awaitable<bool> {
    Attached* connector = co_await attach("id", "run", echo);
    auto to = origin();
    auto connected = co_await to.connect(grant, nullptr, ends);
    auto& stream = *std::get<std::unique_ptr<Stream>>(connected);
    EXPECT_EQ(registry->end("another", "revoked"), 0u);
    EXPECT_EQ(registry->end("id", "revoked"), 1u);
    EXPECT_EQ((co_await read_from(stream)).status, IoStatus::failed);
    EXPECT_EQ(stream.end(), End::cut);
    while (!connector->over) co_await woken_later();
    EXPECT_TRUE(registry->list().empty());
    co_return true;
  }());
}

TEST_F(ConnectorOriginTest, ADrainingHostKeepsItsTunnelsAndTakesNoMore) {
  run([this]() -> net::awaitable<bool> {
    Attached* first = co_await attach("id", "run", echo);
    auto to = origin();
    auto connected = co_await to.connect(grant, nullptr, ends);
    auto& stream = std::get<std::unique_ptr<Stream>>(connected);
    first->host.load()->drain();
    co_await attach("id", "run", echo);
    EXPECT_EQ(reason(co_await to.connect(grant, nullptr, ends)), "connected");
    EXPECT_EQ(first->asked.size(), 1u);
    co_await write_to(*stream, "still here");
    EXPECT_EQ((co_await read_from(*stream, 10)).bytes, "still here");
    EXPECT_TRUE(first->connection->going_away()) << "the connector is told";
    EXPECT_FALSE(first->over);
    stream.reset();
    while (!first->over) co_await woken_later();
    co_return true;
  }());
}

TEST_F(ConnectorOriginTest, AHostWithoutTunnelsIsOverOnceItDrains) {
  run([this]() -> net::awaitable<bool> {
    Attached* only = co_await attach("id", "run", echo);
    only->host.load()->drain();
    while (!only->over) co_await woken_later();
    co_return true;
  }());
}

TEST_F(ConnectorOriginTest, TooManyConnectionsOfOneConnectorAreRefused) {
  run([this]() -> net::awaitable<bool> {
    for (std::size_t i = 0; i < kMaxLinksOfConnector; ++i) co_await attach("id", "run", echo);
    EXPECT_EQ(registry->list().at(0).connections, kMaxLinksOfConnector);
    Attached* more = co_await attach("id", "run", echo);
    while (!more->over) co_await woken_later();
    EXPECT_EQ(registry->list().at(0).connections, kMaxLinksOfConnector);
    Attached* other = co_await attach("other", "run", echo);
    EXPECT_FALSE(other->over);
    co_return true;
  }());
}

/// The tunnel is on another thread's loop than the connection.
class ConnectorThreads : public ConnectorTest {
 protected:
  /// Runs `what` on the other thread, while the test's loop serves.
  template <class T>
  T there(net::awaitable<T> what) {
    std::optional<T> out;
    net::co_spawn(other->loop, std::move(what), [&](const std::exception_ptr& thrown, T result) {
      EXPECT_FALSE(thrown);
      net::post(loop, [&, result = std::make_shared<T>(std::move(result))] {
        out.emplace(std::move(*result));
        loop.stop();
      });
    });
    const auto work = net::make_work_guard(loop);  // the other thread's answer is still to come
    loop.restart();
    loop.run_for(30s);
    EXPECT_TRUE(out) << "it hangs";
    return std::move(*out);
  }
  using Held = std::shared_ptr<Stream>;
  net::awaitable<Held> open(ConnectorOrigin& to) {
    auto connected = co_await to.connect(grant, nullptr, ends);
    EXPECT_EQ(reason(connected), "connected");
    co_return Held(std::get<std::unique_ptr<Stream>>(std::move(connected)).release());
  }
  net::awaitable<Got> ask(Held stream, std::string text, bool finish) {
    co_await write_to(*stream, text);
    if (finish) stream->finish();
    co_return co_await read_from(*stream, finish ? std::string::npos : text.size());
  }
  net::awaitable<bool> drop(Held& stream) {
    stream.reset();
    co_return true;
  }
  net::awaitable<Got> rest(Held stream) { co_return co_await read_from(*stream); }
  void until(const std::function<bool()>& condition) {
    loop.restart();
    const auto deadline = std::chrono::steady_clock::now() + 30s;
    while (!condition() && std::chrono::steady_clock::now() < deadline) loop.run_one_for(10ms);
    EXPECT_TRUE(condition());
  }

  std::unique_ptr<LoopThread> other = std::make_unique<LoopThread>();
};

TEST_F(ConnectorThreads, BytesAndEndsCrossBetweenLoops) {
  run(attach("id", "run", echo));
  auto to = origin();
  Held stream = there(open(to));
  EXPECT_EQ(registry->list().at(0).tunnels, 1u);
  EXPECT_EQ(there(ask(stream, "key press", false)).bytes, "key press");
  const std::string large(5'000'000, 'x');
  net::co_spawn(other->loop, write_to(*stream, large), net::detached);
  const auto finish = [&]() -> net::awaitable<Got> {
    auto got = co_await read_from(*stream, large.size());
    stream->finish();
    const auto end = co_await read_from(*stream);
    got.status = end.status;
    co_return got;
  };
  const auto got = there(finish());
  EXPECT_TRUE(got.bytes == large);
  EXPECT_EQ(got.status, IoStatus::eof);
  there(drop(stream));
  until([&] { return registry->list().at(0).tunnels == 0; });
}

TEST_F(ConnectorThreads, WhatTheConnectorBreaksOffIsCut) {
  Attached* connector = *run(attach("id", "run", echo));
  auto to = origin();
  Held stream = there(open(to));
  EXPECT_EQ(there(ask(stream, "a", false)).bytes, "a");
  connector->connection->close();
  EXPECT_EQ(there(rest(stream)).status, IoStatus::failed);
  EXPECT_EQ(stream->end(), End::cut);
  there(drop(stream));
}

TEST_F(ConnectorThreads, WhatTheTunnelDropsIsResetAtTheConnector) {
  std::optional<End> end;
  run(attach("id", "run",
             [&](std::unique_ptr<H2Stream> channel) { return until_end(std::move(channel), end); }));
  auto to = origin();
  Held stream = there(open(to));
  there(drop(stream));
  until([&] { return end.has_value(); });
  EXPECT_EQ(*end, End::cut);
}

TEST_F(ConnectorThreads, TheTunnelsLoopMayGoWhileTheOriginIsDialled) {
  std::vector<std::unique_ptr<H2Stream>> kept;
  run(attach("id", "run", [&](std::unique_ptr<H2Stream> channel) { return keep(kept, std::move(channel)); }));
  auto to = origin();
  net::co_spawn(other->loop, open(to), net::detached);
  until([&] { return !kept.empty(); });
  other.reset();
  kept[0]->respond({{":status", "200"}}, false);
  until([&] { return registry->list().at(0).tunnels == 0; });
}

TEST_F(ConnectorThreads, TheConnectionsLoopMayGoWhileATunnelIsOpen) {
  run([this]() -> net::awaitable<bool> {
    co_await attach("id", "run", echo, "office", &other->loop);
    auto to = origin();
    const Held stream = co_await open(to);
    EXPECT_EQ((co_await ask(stream, "there", false)).bytes, "there");
    other.reset();
    EXPECT_EQ((co_await rest(stream)).status, IoStatus::failed);
    EXPECT_EQ(stream->end(), End::cut);
    EXPECT_TRUE(registry->list().empty());
    co_return true;
  }());
}

TEST_F(ConnectorThreads, TheConnectionsLoopMayGoWhileTheOriginIsDialled) {
  run([this]() -> net::awaitable<bool> {
    std::vector<std::unique_ptr<H2Stream>> kept;
    co_await attach(
        "id", "run", [&](std::unique_ptr<H2Stream> channel) { return keep(kept, std::move(channel)); },
        "office", &other->loop);
    std::optional<std::string> said;
    net::co_spawn(loop, connect_and_say(said), net::detached);
    while (kept.empty()) co_await woken_later();
    other.reset();
    while (!said) co_await woken_later();
    EXPECT_NE(said->find("is not attached"), std::string::npos) << *said;
    co_return true;
  }());
}

}  // namespace
}  // namespace cfpipe::edge
