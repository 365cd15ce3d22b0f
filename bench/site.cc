// Measures what the edge's one loop for policies, tokens and the database does, without a network: requests
// go through the same queue as those of connections.
//
//   bench_site cert-sign --state DIR [--clients 32] [--seconds 5]
//   bench_site answers   --state DIR [--rows 5000000] [--seconds 10]
//
// DIR must be on the disk that is meant, and is made. cert-sign prints certificates a second; answers fills
// the audit, sets 10 people and 100 unknown clients to work without a pause, and prints how long a decision
// at the gate for another client and /healthz take meanwhile.
#include <spdlog/sinks/null_sink.h>
#include <sqlite3.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/streambuf.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <exception>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "auth/ssh/key.h"
#include "base/log.h"
#include "edge/handlers/handlers.h"
#include "edge/http/cookies.h"
#include "edge/identity/tokens.h"
#include "edge/listener/admin_listener.h"
#include "edge/listener/control_plane.h"
#include "edge/listener/exchange.h"
#include "edge/store/audit_text.h"
#include "edge/store/sqlite_store.h"
#include "support.h"

namespace cfpipe::edge {
namespace {

namespace net = boost::asio;
using Clock = std::chrono::steady_clock;
using bench::die;

constexpr const char* kApp = "vm.bench.test";
constexpr const char* kAuth = "auth.bench.test";
constexpr std::int64_t kRowsAtOnce = 100'000;
constexpr int kPeople = 10;
constexpr int kUnknown = 100;
constexpr int kSessionsOfAPerson = 50;

Config config_of(const std::string& state_dir) {
  Config config;
  config.auth_host = kAuth;
  config.state_dir = state_dir;
  config.identity_provider = IdentityProvider::dev;
  config.dev_email = "p0@bench.test";
  config.certificates_per_user = 0;  // what is measured is not the limit
  ApplicationConfig app;
  app.hostname = kApp;
  app.origin_host = Host(net::ip::address_v4::loopback());
  app.certificates.emplace();
  Policy policy;
  policy.name = "all";
  policy.include.push_back({Rule::Kind::email_domain, "bench.test"});
  app.policies.push_back(policy);
  config.applications.push_back(app);
  return config;
}

Request request_of(const std::string& method, const std::string& host, const std::string& path,
                   const std::string& peer) {
  Request out;
  out.method = method;
  out.authority = out.host = host;
  out.path = path;
  out.peer = peer;
  out.ray = "bench";
  return out;
}

void run_sql(const std::string& path, const std::string& sql) {
  sqlite3* db = nullptr;
  char* fault = nullptr;
  if (sqlite3_open(path.c_str(), &db) != SQLITE_OK ||
      sqlite3_exec(db, sql.c_str(), nullptr, nullptr, &fault) != SQLITE_OK)
    die(fault != nullptr ? fault : "cannot open the database");
  sqlite3_close(db);
}

/// Rows over 59 days: of tunnels and denials of 1,000 people, and every tenth a certificate of the first ten.
void fill_audit(const std::string& path, std::int64_t rows) {
  const std::string from = std::to_string(std::time(nullptr) - 59 * 86'400);
  for (std::int64_t done = 0; done < rows; done += kRowsAtOnce) {
    const std::int64_t part = std::min(kRowsAtOnce, rows - done);
    run_sql(
        path,
        "PRAGMA synchronous = OFF; BEGIN; WITH RECURSIVE n(i) AS (SELECT " + std::to_string(done) +
            " UNION ALL SELECT i + 1 FROM n WHERE i < " + std::to_string(done + part - 1) +
            ") INSERT INTO audit (time, kind, identity, application, peer, ray, serial, key_id, tunnel, "
            "up_bytes, down_bytes, reason) SELECT " +
            from + " + i * 5097600 / " + std::to_string(rows) +
            ", CASE WHEN i % 10 = 0 THEN 'certificate' WHEN i % 3 = 0 THEN 'tunnel_open' WHEN i % 3 = 1 THEN "
            "'tunnel_close' ELSE 'denial' END, 'p' || (CASE WHEN i % 10 = 0 THEN i / 10 % 10 ELSE i % 1000 "
            "END) "
            "|| '@bench.test', '" +
            kApp + "', '192.0.2.1', 'bench', i, 'key', 0, 0, 0, 'bench' FROM n; COMMIT;");
  }
}

/// The site on a thread of its own, as in the edge.
class Edge {
 public:
  explicit Edge(const std::string& dir)
      : store_(open_sqlite_store(dir).value()),
        site_(Handlers::make(io_.get_executor(), config_of(dir), *store_,
                             [] { return std::int64_t{std::time(nullptr)}; })
                  .value()),
        tokens_(Tokens::open(store_->keys()).value()),
        loop_(io_.get_executor(), site_->router(), site_->tunnels()) {
    if (!site_->context().audit.use_spool(dir + "/audit-spool")) die("no spool");
    tokens_.set_issuer("https://" + site_->context().auth_authority());
    aud_ = store_->keys().audience(kApp).value();
    admin_ = Admin::open(io_.get_executor(), {net::ip::make_address("127.0.0.1"), 0}, [](std::string_view) {
               return plain(200, "ok");
             }).value();
  }
  ~Edge() {
    io_.stop();
    if (thread_.joinable()) thread_.join();
  }
  Edge(const Edge&) = delete;
  Edge& operator=(const Edge&) = delete;

  void start() {
    thread_ = std::thread([this] { io_.run(); });
  }
  Identity person(int number) const {
    Identity identity;
    identity.email = "p" + std::to_string(number) + "@bench.test";
    identity.subject = "subject";
    identity.nonce = "bench-" + std::to_string(number);
    identity.issued = std::time(nullptr);
    identity.expires = identity.issued + 3600;
    return identity;
  }
  std::string app_token(int number) const {
    return tokens_.app_token(person(number), aud_, std::time(nullptr), std::chrono::hours(1));
  }
  std::string org_token(int number) const {
    return tokens_.org_token(person(number), Holder::browser, std::time(nullptr), std::chrono::hours(1));
  }
  AuditStore& audit() { return store_->audit(); }
  ControlPlane& loop() { return loop_; }
  net::ip::tcp::endpoint admin() const { return admin_->endpoint(); }

 private:
  net::io_context io_{1};
  net::executor_work_guard<net::io_context::executor_type> work_{io_.get_executor()};
  std::unique_ptr<Store> store_;
  std::unique_ptr<Handlers> site_;
  Tokens tokens_;
  ControlPlane loop_;
  std::string aud_;
  std::unique_ptr<Admin> admin_;
  std::thread thread_;
};

/// Requests that were answered, and how long each took.
struct Times {
  std::vector<double> milliseconds;
  std::size_t failed = 0;

  void add(Clock::time_point since, bool good) {
    milliseconds.push_back(std::chrono::duration<double, std::milli>(Clock::now() - since).count());
    if (!good) ++failed;
  }
  double at(double share) {
    if (milliseconds.empty()) return 0;
    std::sort(milliseconds.begin(), milliseconds.end());
    return milliseconds[static_cast<std::size_t>(share * static_cast<double>(milliseconds.size() - 1))];
  }
  void print(const char* what, double seconds) {
    std::printf("%-28s %8.0f/s   p50 %7.2f ms   p99 %7.2f ms   most %7.2f ms   failed %zu\n", what,
                static_cast<double>(milliseconds.size()) / seconds, at(0.5), at(0.99), at(1), failed);
  }
};

Request cert_request(const std::string& token, const std::string& key, const std::string& peer) {
  Request out = request_of("POST", kAuth, "/cdn-cgi/access/cert_sign", peer);
  out.headers.emplace_back("Content-Type", "application/json");
  out.body = R"({"jwt":")" + token + R"(","public_key":")" + key + R"("})";
  return out;
}

/// One request after another until then, in turn from the list; `pause` between two.
net::awaitable<void> repeat(Edge& edge, std::vector<Request> requests, Clock::time_point until, Times& times,
                            std::chrono::milliseconds pause, int expected) {
  net::steady_timer timer(co_await net::this_coro::executor);
  for (std::size_t i = 0; Clock::now() < until; ++i) {
    const auto request = std::make_shared<const Request>(requests[i % requests.size()]);
    const auto since = Clock::now();
    const Answer answer = co_await edge.loop().handle(request);
    times.add(since, answer.status == expected || expected == 0);
    if (pause.count() == 0) continue;
    timer.expires_after(pause);
    co_await timer.async_wait(net::as_tuple(net::use_awaitable));
  }
}

net::awaitable<void> ask_health(Edge& edge, Clock::time_point until, Times& times) {
  constexpr auto kTuple = net::as_tuple(net::use_awaitable);
  const auto executor = co_await net::this_coro::executor;
  net::steady_timer timer(executor);
  const std::string text = "GET /healthz HTTP/1.1\r\nHost: bench\r\n\r\n";
  while (Clock::now() < until) {
    const auto since = Clock::now();
    net::ip::tcp::socket socket(executor);
    const auto [refused] = co_await socket.async_connect(edge.admin(), kTuple);
    const auto [broken, sent] = co_await net::async_write(socket, net::buffer(text), kTuple);
    net::streambuf answer;
    const auto [ended, size] = co_await net::async_read(socket, answer, kTuple);
    times.add(since, !refused && !broken && size > 0);
    timer.expires_after(std::chrono::milliseconds(50));
    co_await timer.async_wait(kTuple);
  }
}

void rethrow(const std::exception_ptr& error) {
  if (error) std::rethrow_exception(error);
}

int cert_sign(const bench::Arguments& arguments) {
  Edge edge(arguments.get("state"));
  const auto seconds = static_cast<double>(arguments.number("seconds", 5));
  const std::string key = auth::SshKey::generate(auth::KeyType::ed25519).authorized_key();
  net::io_context worker(1);
  Times times;
  const auto until =
      Clock::now() + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
  edge.start();
  for (std::uint64_t i = 0; i < arguments.number("clients", 32); ++i) {
    const std::string peer = "192.0.2." + std::to_string(i + 1);
    std::vector<Request> requests{cert_request(edge.app_token(static_cast<int>(i)), key, peer)};
    net::co_spawn(worker, repeat(edge, std::move(requests), until, times, {}, 200), rethrow);
  }
  worker.run();
  times.print("certificates", seconds);
  return times.failed == 0 ? 0 : 1;
}

std::string session_of(int person, int number) {
  std::string name = "bench-" + std::to_string(person) + "-" + std::to_string(number);
  name.resize(kSessionNameCharacters, 'x');
  return name;
}

void begin_sessions(AuditStore& audit) {
  for (int person = 0; person < kPeople; ++person)
    for (int i = 0; i < kSessionsOfAPerson; ++i) {
      AuditRow login;
      login.time = std::time(nullptr);
      login.kind = "login";
      login.identity = "p" + std::to_string(person) + "@bench.test";
      login.session = session_of(person, i);
      login.session_expires = login.time + 3600;
      if (!audit.insert(login)) die("a session cannot begin");
    }
}

/// What a person may ask of the dashboard, and of the application: the dearest things first.
std::vector<Request> requests_of_person(const Edge& edge, int number, const std::string& key) {
  const std::string peer = "192.0.2." + std::to_string(number + 1);
  const std::string api = "/cdn-cgi/access/api/v1/";
  const std::string cookie = std::string(kBrowserTokenCookie) + "=" + edge.org_token(number);
  std::vector<Request> out;
  for (int i = 0; i < kSessionsOfAPerson; ++i) {
    Request ended = request_of("DELETE", kAuth, api + "me/sessions/" + session_of(number, i), peer);
    ended.headers = {{"Cookie", cookie},
                     {"Origin", std::string("https://") + kAuth},
                     {"Cfpipe-Request", "1"},
                     {"Content-Type", "application/json"}};
    out.push_back(std::move(ended));
    Request listed = request_of("GET", kAuth, api + "me/sessions", peer);
    listed.headers = {{"Cookie", cookie}};
    out.push_back(std::move(listed));
    out.push_back(cert_request(edge.app_token(number), key, peer));
  }
  return out;
}

int answers(const bench::Arguments& arguments) {
  const std::string dir = arguments.get("state");
  const auto rows = static_cast<std::int64_t>(arguments.number("rows", 5'000'000));
  const auto seconds = static_cast<double>(arguments.number("seconds", 10));
  open_sqlite_store(dir).value().reset();
  fill_audit(dir + "/edge.db", rows);
  Edge edge(dir);
  begin_sessions(edge.audit());
  const std::string key = auth::SshKey::generate(auth::KeyType::ed25519).authorized_key();
  net::io_context worker(1);
  Times people, unknown, gate, health;
  const auto until =
      Clock::now() + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
  for (int i = 0; i < kPeople; ++i)
    net::co_spawn(worker, repeat(edge, requests_of_person(edge, i, key), until, people, {}, 200), rethrow);
  for (int i = 0; i < kUnknown; ++i) {
    const std::vector<Request> requests{request_of("GET", kApp, "/", "198.51.100." + std::to_string(i + 1))};
    net::co_spawn(worker, repeat(edge, requests, until, unknown, {}, 302), rethrow);
  }
  Request asked = request_of("GET", kApp, "/", "203.0.113.1");
  asked.headers = {{"Cookie", "CF_Authorization=" + edge.app_token(777)}};
  net::co_spawn(worker, repeat(edge, {asked}, until, gate, std::chrono::milliseconds(5), 200), rethrow);
  net::co_spawn(worker, ask_health(edge, until, health), rethrow);
  edge.start();
  worker.run();
  std::printf("%lld rows in the audit, 10 people and 100 unknown clients at full speed\n",
              static_cast<long long>(rows));
  people.print("people", seconds);
  unknown.print("unknown clients", seconds);
  gate.print("a decision at the gate", seconds);
  health.print("/healthz", seconds);
  return people.failed + unknown.failed + gate.failed + health.failed == 0 ? 0 : 1;
}

int run(int argc, char** argv) {
  const std::string what = argc > 1 ? argv[1] : "";
  const bench::Arguments arguments(argc, argv, 2);
  spdlog::set_default_logger(
      std::make_shared<spdlog::logger>("", std::make_shared<spdlog::sinks::null_sink_mt>()));
  if (what == "cert-sign") return cert_sign(arguments);
  if (what == "answers") return answers(arguments);
  die("cert-sign or answers");
}

}  // namespace
}  // namespace cfpipe::edge

int main(int argc, char** argv) {
  return cfpipe::edge::run(argc, argv);
}
