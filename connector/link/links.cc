#include "connector/link/links.h"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <exception>
#include <random>
#include <utility>

#include "auth/connector/protocol.h"
#include "base/log.h"
#include "base/text.h"
#include "connector/config/messages.h"
#include "connector/link/liveness.h"

namespace cfpipe::connector {
namespace net = boost::asio;
namespace {

/// Bytes of chance in an instance, three for each four characters.
constexpr std::size_t kInstanceRandom = auth::kInstanceBytes / 4 * 3;
/// The edge decides when a connection without tunnels ends.
constexpr std::chrono::hours kNeverIdle{24 * 365};

double random_part() {
  static std::minstd_rand generator(std::random_device{}());
  return std::uniform_real_distribution<double>(0, 1)(generator);
}

bool asks_for_fewer(const Failure& failure) {
  return failure.cause == Cause::too_many_requests || failure.cause == Cause::edge_unavailable;
}

}  // namespace

/// One of the connections, over all its attempts.
struct Links::Link {
  Link(const net::any_io_executor& executor, bool e) : extra(e), timer(executor), backoff(&random_part) {}
  const bool extra;
  net::steady_timer timer;  ///< of the pause
  Backoff backoff;
  Connection connection;            ///< null: not attached
  std::vector<Connection> leaving;  ///< those before it, which still carry tunnels
  Clock::time_point since{};        ///< attached
  Clock::time_point busy_at{};      ///< it last carried a tunnel
  bool told_to_wait = false;        ///< by the edge: what is not cut short
  bool retired = false;
};

Links::Links(net::any_io_executor executor, Setup setup)
    : executor_(std::move(executor)), setup_(std::move(setup)), instance_(random_id(kInstanceRandom)) {}

void Links::start() {
  for (std::size_t i = 0; i < kUsualLinks; ++i) add(false);
}

void Links::add(bool extra) {
  const auto link = std::make_shared<Link>(executor_, extra);
  links_.push_back(link);
  auto running = run(link);
  net::co_spawn(executor_, std::move(running),
                [self = shared_from_this(), link](const std::exception_ptr& thrown) {
                  if (thrown && !self->ending_)
                    spdlog::critical("a connection to the edge was given up: the system is short of memory");
                  std::erase(self->links_, link);
                  if (self->setup_.on_change) self->setup_.on_change();
                });
}

net::awaitable<void> Links::run(std::shared_ptr<Link> link) {
  const auto self = shared_from_this();
  while (!ending_ && !link->retired) {
    const auto enrolment = setup_.enrolment;
    // A copy: others dial at the same time.
    transport::DialOptions dial = setup_.dial;
    std::chrono::seconds retry_after{0};
    auto attached = co_await attach(dial, enrolment, instance_, &retry_after);
    if (ending_) break;
    // What was asked in another one's name, or with authorities that have been read again, says nothing now.
    const bool another = enrolment->id != setup_.enrolment->id;
    if (another || (!attached && enrolment != setup_.enrolment)) continue;
    if (!attached) {
      ++failures_;
      const Failure failure = attached.error();
      const bool denied = failure.cause == Cause::denied;
      link->told_to_wait = denied || retry_after.count() > 0;
      // What is trusted may have been mended meanwhile.
      setup_.dial.tls = failure.stage == Stage::tls ? nullptr : dial.tls;
      // Beyond what the edge asks for, so that connectors which it sent away together come back one by one.
      const auto time = denied ? std::chrono::milliseconds(kDeniedPause)
                               : retry_after + link->backoff.next(Clock::now(), asks_for_fewer(failure));
      report(failure, time);
      if (setup_.on_failure) setup_.on_failure(failure);
      if (link->extra) {  // where it is still needed, it is tried again
        grow_at_ = Clock::now() + std::max(kLongestPauseLater, std::chrono::milliseconds(retry_after));
        break;
      }
      co_await pause(*link, time);
      continue;
    }
    setup_.dial.tls = dial.tls;
    carry(link, std::move(*attached));
    const Connection connection = link->connection;
    co_await connection->until_going_away();
    link->connection = nullptr;
    over(*link, connection);
    if (ending_ || link->retired) break;
    const bool steady = Clock::now() - link->since >= kSteadyLink;
    if (steady) link->backoff.reset();
    const bool at_once = steady && !connection->over();
    if (at_once) continue;
    const bool drained = !steady && connection->going_away() && connection->why().empty();
    const auto now = Clock::now();
    co_await pause(*link, drained ? link->backoff.after_drain(now) : link->backoff.next(now));
  }
  for (const Connection& connection : std::vector(link->leaving)) {
    connection->drain();
    co_await connection->until_over();
  }
}

void Links::carry(const std::shared_ptr<Link>& attaching, Attached attached) {
  const transport::H2Times times{kPingEvery, kPeerDead, kNeverIdle};
  Link& link = *attaching;
  link.connection = transport::H2Connection::start(std::move(attached.channel), transport::H2Role::server,
                                                   times, attached.early);
  link.connection->on_request(
      [weak = weak_from_this(), of = std::weak_ptr(attaching)](std::unique_ptr<transport::H2Stream> stream) {
        const auto self = weak.lock();
        if (!self) return;
        if (const auto carrying = of.lock()) carrying->busy_at = Clock::now();
        self->setup_.tunnels->serve(std::move(stream));
        self->grow();
      });
  link.connection->widen();
  link.told_to_wait = false;
  link.since = link.busy_at = Clock::now();
  ++attaches_;
  last_failure_.clear();
  if (log_budget_.take(Clock::now()))
    spdlog::info("attached to {} as {}", setup_.enrolment->edge_name(), setup_.enrolment->name);
  for (const Connection& old : link.leaving) old->drain();
  if (setup_.on_change) setup_.on_change();
}

void Links::over(Link& link, const Connection& connection) {
  if (!connection->over()) {
    if (!ending_ && !link.retired && log_budget_.take(Clock::now()))
      spdlog::info("{} drains a connection; its tunnels go on, and another one is opened",
                   setup_.enrolment->edge_name());
    keep_leaving(link, connection);
  } else if (!ending_ && !link.retired) {
    ++failures_;
    const std::string why = connection->why().empty() ? "the edge ended it" : connection->why();
    if (log_budget_.take(Clock::now()))
      spdlog::warn("a connection to {} is over: {}", setup_.enrolment->edge_name(), why);
  }
  if (setup_.on_change) setup_.on_change();
}

void Links::keep_leaving(Link& link, Connection connection) {
  std::erase_if(link.leaving, [](const Connection& old) { return old->over(); });
  if (leaving() >= kMaxLeaving) {
    for (const auto& other : links_) {
      if (other->leaving.empty()) continue;
      other->leaving.front()->close();
      other->leaving.erase(other->leaving.begin());
      break;
    }
  }
  link.leaving.push_back(std::move(connection));
}

std::size_t Links::leaving() const {
  std::size_t count = 0;
  for (const auto& link : links_) count += link->leaving.size();
  return count;
}

net::awaitable<void> Links::pause(Link& link, std::chrono::milliseconds time) {
  link.timer.expires_after(time);
  co_await link.timer.async_wait(net::as_tuple(net::use_awaitable));
}

void Links::report(const Failure& failure, std::chrono::milliseconds pause) {
  const std::string line = line_for(failure);
  const auto now = Clock::now();
  if (line == last_failure_ && now - last_report_ < kRepeatFailure) return;
  last_failure_ = line;
  last_report_ = now;
  if (!log_budget_.take(now)) return;
  const bool denied = failure.cause == Cause::denied;
  spdlog::log(denied ? spdlog::level::err : spdlog::level::warn,
              "not attached: {}; the next attempt is in {} s", line,
              std::chrono::ceil<std::chrono::seconds>(pause).count());
}

// Another connection where all have little room left, and none is on its way.
void Links::grow() {
  if (ending_ || links_.size() >= kMaxLinks || Clock::now() < grow_at_) return;
  const bool all_busy = std::all_of(links_.begin(), links_.end(), [](const auto& link) {
    return link->connection ? link->connection->streams() >= kBusyLink : !link->extra;
  });
  if (all_busy) add(true);
}

void Links::trim() {
  const auto now = Clock::now();
  for (const auto& link : links_) {
    std::erase_if(link->leaving, [](const Connection& old) { return old->over(); });
    if (!link->extra || !link->connection) continue;
    if (link->connection->streams() > 0) link->busy_at = now;
    if (now - link->busy_at < setup_.extra_idle) continue;
    link->retired = true;
    link->connection->drain();
  }
}

template <class Each>
void Links::each_connection(Each each) const {
  for (const auto& link : std::vector(links_)) {
    if (link->connection) each(*link->connection);
    for (const Connection& old : std::vector(link->leaving)) each(*old);
  }
}

void Links::check() {
  each_connection([](transport::H2Connection& connection) { connection.check(kCheckLimit); });
  for (const auto& link : links_) {
    link->backoff.reset();
    if (!link->told_to_wait) link->timer.cancel();
  }
}

void Links::use(std::shared_ptr<const Enrolment> enrolment) {
  const bool another = enrolment->id != setup_.enrolment->id;
  setup_.enrolment = std::move(enrolment);
  setup_.dial.tls = nullptr;
  for (const auto& link : links_) {
    link->backoff.reset();
    link->timer.cancel();
    // Its tunnels go on, as when the edge drains it.
    if (another && link->connection) link->connection->drain();
  }
}

void Links::announce_end() {
  each_connection([](transport::H2Connection& connection) { connection.announce_end(); });
}

void Links::drain() {
  ending_ = true;
  for (const auto& link : links_) link->timer.cancel();
  each_connection([](transport::H2Connection& connection) { connection.drain(); });
}

LinkCounts Links::counts() const {
  LinkCounts out;
  out.attached = static_cast<std::size_t>(std::count_if(
      links_.begin(), links_.end(), [](const auto& link) { return link->connection != nullptr; }));
  out.attaches = attaches_;
  out.failures = failures_;
  return out;
}

}  // namespace cfpipe::connector
