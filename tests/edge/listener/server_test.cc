// The listener with several loops, and the site on a loop of its own.
#include "edge/listener/server.h"

#include <gtest/gtest.h>
#include <sched.h>

#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/asio/write.hpp>
#include <ctime>
#include <future>
#include <map>
#include <stdexcept>
#include <thread>

#include "edge/edge_fixture.h"
#include "edge/fake_site.h"
#include "edge/process/dev_tls.h"
#include "edge/tunnel/origin.h"
#include "support/hosts.h"
#include "transport/websocket/client.h"

namespace cfpipe::edge {
namespace net = boost::asio;
namespace {
using namespace std::chrono_literals;
using net::ip::tcp;
using Socket = std::unique_ptr<tunnel::Stream>;

/// Grants every tunnel, and keeps an account of them. All of it on one thread, which it checks.
class Ledger final : public FakeSite {
 public:
  struct End {
    std::uint64_t up, down;
    std::string reason;
  };
  std::uint16_t origin_port = 0;
  std::int64_t opened_count = 0;
  std::shared_ptr<TunnelHandle> last_end;
  std::map<std::int64_t, End> ends;
  bool elsewhere = false;  // something was called on another thread than the first call's
  std::promise<void> held;
  std::shared_future<void> go_on;  // what "/hold" blocks the site's thread for

  net::awaitable<Answer> handle(const Request& request) override {
    check_thread();
    if (request.path == "/throw") throw std::runtime_error("thrown on purpose");
    if (request.path == "/hold") {
      held.set_value();
      go_on.wait();
    }
    Answer answer;
    answer.body = request.path;
    co_return answer;
  }
  std::variant<TunnelGrant, Answer> upgrade(const Request& request) override {
    check_thread();
    TunnelGrant grant;
    grant.app_hostname = request.host;
    grant.target = std::make_shared<TcpOrigin>(request.host, transport::host_of("127.0.0.1"), origin_port);
    return grant;
  }
  std::int64_t opened(const TunnelGrant&, const Request&, std::shared_ptr<TunnelHandle> end) override {
    last_end = std::move(end);
    check_thread();
    return ++opened_count;
  }
  void closed(std::int64_t id, std::uint64_t up, std::uint64_t down, std::string_view reason) override {
    check_thread();
    EXPECT_TRUE(ends.emplace(id, End{up, down, std::string(reason)}).second) << "ended twice";
  }

 private:
  void check_thread() {
    if (thread_ == std::thread::id()) thread_ = std::this_thread::get_id();
    elsewhere = elsewhere || thread_ != std::this_thread::get_id();
  }
  std::thread::id thread_;
};

class ServerTest : public ::testing::Test {
 protected:
  static constexpr unsigned kThreads = 3;

  ServerTest() : origin_(client_, tcp::endpoint(net::ip::address_v4::loopback(), 0)) {
    ledger_.origin_port = origin_.local_endpoint().port();
    net::co_spawn(client_, echo_all(), net::detached);
    tls_ = prepare_dev_tls(dir_ / "state", {"vm.localhost"}, std::time(nullptr)).value();
  }
  ~ServerTest() override { end(); }

  void start(std::size_t max_connections = kMaxConnections) {
    ServerOptions options;
    options.listen = {net::ip::address_v4::loopback(), 0};
    options.certificate_file = tls_.certificate_file;
    options.key_file = tls_.key_file;
    options.threads = kThreads;
    options.max_connections = max_connections;
    options.memory = memory_;
    server_ = Server::open(site_loop_.get_executor(), options, site_).value();
    net::co_spawn(site_loop_, server_->run(), net::detached);
    site_thread_ = std::thread([this] {
      site_loop_.run();
      server_.reset();
      site_loop_.restart();
      site_loop_.poll();
    });
  }
  /// As the edge's own main does: the loop ends, the server goes, the loop hears what is left.
  void end() {
    if (!site_thread_.joinable()) return;
    site_loop_.stop();
    site_thread_.join();
  }

  net::awaitable<void> echo_all() {
    for (;;) {
      auto [error, socket] = co_await origin_.async_accept(net::as_tuple(net::use_awaitable));
      if (error) co_return;
      net::co_spawn(client_, echo(std::move(socket)), net::detached);
    }
  }
  static net::awaitable<void> echo(tcp::socket socket) {
    std::array<char, 4096> room{};
    for (;;) {
      const auto [error, got] =
          co_await socket.async_read_some(net::buffer(room), net::as_tuple(net::use_awaitable));
      if (error) co_return;
      co_await net::async_write(socket, net::buffer(room.data(), got), net::as_tuple(net::use_awaitable));
    }
  }

  transport::Url url(const std::string& target) const {
    transport::Url out;
    out.host = transport::host_of("vm.localhost");
    out.port = server_->port();
    out.target = target;
    return out;
  }
  transport::DialOptions dial() const {
    transport::DialOptions options;
    options.ca_file = tls_.ca_file;
    return options;
  }
  net::awaitable<Result<Socket>> open() {
    transport::HttpClient client(client_.get_executor(), dial());
    const transport::WebSocketRequest request(url("/"));
    co_return co_await transport::open_websocket(client, request);
  }
  net::awaitable<Result<transport::HttpAnswer>> get(std::string target) {
    transport::HttpClient client(client_.get_executor(), dial());
    const transport::HttpRequest request("GET", url(target));
    co_return co_await client.send(request);
  }

  net::awaitable<void> until_the_listener_is_closed() {
    for (;;) {
      tcp::socket socket(client_);
      const tcp::endpoint there(net::ip::address_v4::loopback(), server_->port());
      const auto [error] = co_await socket.async_connect(there, net::as_tuple(net::use_awaitable));
      if (error) co_return;
    }
  }

  static void put(tunnel::Stream& stream, const std::string& text) {
    std::vector<std::byte> room(tunnel::kHeadroom + text.size());
    std::copy_n(std::as_bytes(std::span(text)).begin(), text.size(), room.begin() + tunnel::kHeadroom);
    std::array<tunnel::Slice, 1> slices = {tunnel::Slice(room).subspan(tunnel::kHeadroom)};
    EXPECT_EQ(stream.take(slices).status, tunnel::IoStatus::ok);
    EXPECT_EQ(stream.flush(), tunnel::IoStatus::ok);
  }
  /// So many bytes, or fewer if the stream ends before.
  static net::awaitable<std::string> take(tunnel::Stream& stream, std::size_t size) {
    std::string out;
    while (out.size() < size) {
      const auto status = stream.fill();
      if (status == tunnel::IoStatus::would_block) {
        net::steady_timer wake(co_await net::this_coro::executor, 20s);
        stream.on_readable([&wake] { wake.cancel(); });
        co_await wake.async_wait(net::as_tuple(net::use_awaitable));
        continue;
      }
      if (status != tunnel::IoStatus::ok) break;
      const auto before = out.size();
      for (const auto& slice : stream.ready())
        out.append(reinterpret_cast<const char*>(slice.data()), slice.size());
      stream.consume(out.size() - before);
    }
    co_return out;
  }

  /// Runs the client's loop until `what` is done.
  template <class T>
  T run(net::awaitable<T> what) {
    auto done = net::co_spawn(client_, std::move(what), net::use_future);
    client_.restart();
    serve_until(done);
    return done.get();
  }
  /// What sets it may be on another thread, after which nothing happens on the client's loop.
  template <class T>
  void serve_until(std::future<T>& done) {
    while (done.wait_for(0s) != std::future_status::ready) client_.run_one_for(5ms);
  }

  TempDir dir_;
  DevTls tls_;
  Ledger ledger_;
  const std::shared_ptr<MemoryBudget> memory_ = std::make_shared<MemoryBudget>();
  net::io_context site_loop_{1};
  net::io_context client_{1};
  tcp::acceptor origin_;
  ControlPlane site_{site_loop_.get_executor(), ledger_, ledger_};
  std::unique_ptr<Server> server_;
  net::executor_work_guard<net::io_context::executor_type> work_{site_loop_.get_executor()};
  std::thread site_thread_;
};

TEST_F(ServerTest, TunnelsInParallelAreAllAccountedFor) {
  constexpr std::size_t kTunnels = 48;
  start();
  std::size_t good = 0;
  const auto one = [&](std::size_t number) -> net::awaitable<void> {
    auto stream = co_await open();
    EXPECT_TRUE(stream);
    const std::string said(1 + 100 * number, "abcdefghij"[number % 10]);
    put(**stream, said);
    const auto heard = co_await take(**stream, said.size());
    EXPECT_EQ(heard, said);
    if (heard == said) ++good;
    (*stream)->finish();
    (*stream)->close();
  };
  const auto all = [&]() -> net::awaitable<void> {
    std::vector<std::future<void>> clients;
    for (std::size_t i = 0; i < kTunnels; ++i)
      clients.push_back(net::co_spawn(client_, one(i), net::use_future));
    net::steady_timer tick(client_);
    for (auto& client : clients) {
      while (client.wait_for(0s) != std::future_status::ready) {
        tick.expires_after(1ms);
        co_await tick.async_wait(net::as_tuple(net::use_awaitable));
      }
    }
  };
  run(all());
  end();
  EXPECT_EQ(good, kTunnels);
  EXPECT_EQ(ledger_.opened_count, std::int64_t{kTunnels});
  ASSERT_EQ(ledger_.ends.size(), kTunnels);
  std::uint64_t up = 0;
  std::uint64_t down = 0;
  for (const auto& [id, end] : ledger_.ends) {
    up += end.up;
    down += end.down;
  }
  EXPECT_EQ(up, kTunnels + 100 * kTunnels * (kTunnels - 1) / 2);
  EXPECT_EQ(down, up);
  EXPECT_FALSE(ledger_.elsewhere);
}

TEST_F(ServerTest, ABusySiteStallsNoTunnel) {
  std::promise<void> go_on;
  ledger_.go_on = go_on.get_future().share();
  start();
  const auto stream = run(open());
  ASSERT_TRUE(stream);
  auto held = net::co_spawn(client_, get("/hold"), net::use_future);
  auto reached = ledger_.held.get_future();
  serve_until(reached);
  put(**stream, "still here");
  EXPECT_EQ(run(take(**stream, 10)), "still here");
  EXPECT_NE(held.wait_for(0s), std::future_status::ready);
  go_on.set_value();
  serve_until(held);
  EXPECT_EQ(held.get()->body, "/hold");
}

TEST_F(ServerTest, WhereMemoryIsShortWhatIsNewIsRefusedAndNoOpenTunnel) {
  start();
  const auto stays = run(open());
  ASSERT_TRUE(stays);
  put(**stays, "hello");
  EXPECT_EQ(run(take(**stays, 5)), "hello");
  memory_->set_limit(memory_->used());
  EXPECT_FALSE(run(open()));
  EXPECT_FALSE(run(get("/new")));
  EXPECT_EQ(memory_->refusals(MemoryUse::connection), 2u);
  const std::string much(100'000, 'x');
  put(**stays, much);
  EXPECT_EQ(run(take(**stays, much.size())), much);
  memory_->set_limit(64 * 1024 * 1024);
  const auto after = run(get("/after"));
  ASSERT_TRUE(after);
  EXPECT_EQ(after->body, "/after");
}

TEST_F(ServerTest, ASiteThatThrowsEndsThatConnectionOnly) {
  start();
  const auto stream = run(open());
  ASSERT_TRUE(stream);
  EXPECT_FALSE(run(get("/throw")));
  put(**stream, "still here");
  EXPECT_EQ(run(take(**stream, 10)), "still here");
  EXPECT_EQ(run(get("/after"))->body, "/after");
}

TEST_F(ServerTest, TunnelsThatAreDroppedAreAccountedFor) {
  start();
  std::vector<Socket> streams;
  for (int i = 0; i < 5; ++i) {
    streams.push_back(std::move(*run(open())));
    put(*streams.back(), "hello");
    EXPECT_EQ(run(take(*streams.back(), 5)), "hello");
  }
  end();
  ASSERT_EQ(ledger_.ends.size(), 5u);
  for (const auto& [id, end] : ledger_.ends) {
    EXPECT_EQ(end.up, 5u);
    EXPECT_EQ(end.down, 5u);
  }
  EXPECT_FALSE(ledger_.elsewhere);
}

TEST_F(ServerTest, TunnelsThatAreDismissedAreToldWhyAndTheOthersStay) {
  start();
  const auto stays = run(open());
  const auto goes = run(open());
  ASSERT_TRUE(stays && goes);
  put(**goes, "hello");
  EXPECT_EQ(run(take(**goes, 5)), "hello");
  net::post(site_loop_, [this] { ledger_.last_end->dismiss("access was revoked"); });
  EXPECT_EQ(run(take(**goes, 1)), std::string());
  EXPECT_EQ((*goes)->end(), tunnel::End::dismissed);
  EXPECT_EQ((*goes)->end_detail(), "access was revoked");
  put(**stays, "still here");
  EXPECT_EQ(run(take(**stays, 10)), "still here");
  end();
  ASSERT_EQ(ledger_.ends.size(), 2u);
  EXPECT_EQ(ledger_.ends.at(2).reason, "access was revoked");
  EXPECT_EQ(ledger_.ends.at(2).up, 5u);
  EXPECT_NE(ledger_.ends.at(1).reason, "access was revoked");
  ledger_.last_end->dismiss("once more, now that its loop is gone");
}

TEST_F(ServerTest, TunnelsMayFinishUntilTheDrainIsOver) {
  start();
  const auto stream = run(open());
  ASSERT_TRUE(stream);
  net::post(site_loop_, [this] { server_->stop(1s); });
  run(until_the_listener_is_closed());
  put(**stream, "last words");
  EXPECT_EQ(run(take(**stream, 10)), "last words");
  EXPECT_EQ(run(take(**stream, 1)), std::string());
  EXPECT_EQ((*stream)->end(), tunnel::End::cut);
  EXPECT_EQ((*stream)->end_detail(), "the peer closed with code 1001 (the edge is stopped or restarted)");
  (*stream)->finish();
  (*stream)->close();
  end();
  ASSERT_EQ(ledger_.ends.size(), 1u);
  EXPECT_EQ(ledger_.ends.at(1).reason, "the edge was stopped");
}

TEST(Capacity, CountsTwoDescriptorsPerTunnel) {
  EXPECT_EQ(connections_for(0), 1u);
  EXPECT_EQ(connections_for(kOwnDescriptors + 2048), 1024u);
  EXPECT_EQ(connections_for(1u << 20), kMaxConnections);
}

TEST(Capacity, KnowsWhereItMayRun) {
  cpu_set_t before;
  ASSERT_EQ(::sched_getaffinity(0, sizeof before, &before), 0);
  EXPECT_EQ(usable_processors(), static_cast<unsigned>(CPU_COUNT(&before)));
  cpu_set_t one;
  CPU_ZERO(&one);
  std::size_t first = 0;
  while (!CPU_ISSET(first, &before)) ++first;
  CPU_SET(first, &one);
  ASSERT_EQ(::sched_setaffinity(0, sizeof one, &one), 0);
  EXPECT_EQ(usable_processors(), 1u);
  ::sched_setaffinity(0, sizeof before, &before);
}

TEST_F(ServerTest, EveryLoopHasItsShareAndAllTogetherTheirBound) {
  start(2 * kThreads);
  std::vector<Socket> streams;
  for (unsigned i = 0; i < 2 * kThreads; ++i) streams.push_back(std::move(*run(open())));
  EXPECT_EQ(server_->loads(), std::vector<std::size_t>(kThreads, 2));
  EXPECT_FALSE(run(open()));
  streams.clear();
  // Room is made as soon as the loops have seen their ends.
  auto again = run(open());
  while (!again) again = run(open());
  EXPECT_TRUE(again);
}

}  // namespace
}  // namespace cfpipe::edge
