#include "cli/session/resumption.h"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <random>
#include <utility>

#include "base/log.h"
#include "cli/console/messages.h"

namespace cfpipe::cli {
namespace net = boost::asio;
using Clock = std::chrono::steady_clock;
namespace {

// In integers: a real distribution brings libm in.
std::chrono::milliseconds shortened(std::chrono::milliseconds pause) {
  static std::minstd_rand engine{std::random_device{}()};
  return std::chrono::milliseconds(
      std::uniform_int_distribution<std::int64_t>(pause.count() / 2, pause.count())(engine));
}

bool is_cancelled(const net::cancellation_state& state) {
  return state.cancelled() != net::cancellation_type::none;
}

}  // namespace

// What does not depend on who asks may pass: the network, an edge that restarts or has too much to do.
bool worth_another_attempt(const Failure& failure) {
  switch (failure.cause) {
    case Cause::denied:
    case Cause::token_rejected:
    case Cause::service_token_rejected:
    case Cause::destination_denied:
    case Cause::resume_refused:
    case Cause::bad_accept:
    case Cause::not_a_websocket:
      return false;
    default:
      return true;
  }
}

NetworkChanges::NetworkChanges(const net::any_io_executor& executor)
    : network_(executor, [this] { tell(); }), wake_(executor, [this] { tell(); }) {}

void NetworkChanges::tell() {
  for (Resumption* resumption : resumptions_) resumption->network_changed();
}

Resumption::Resumption(net::any_io_executor executor, NetworkChanges& network,
                       tunnel::ResumableStream& stream, tunnel::ResumeKeys keys,
                       const tunnel::ResumeOpened& opened, Dial dial)
    : network_(network),
      stream_(stream),
      keys_(std::move(keys)),
      edge_key_(opened.edge_key),
      session_(opened.session),
      grace_(opened.grace),
      dial_(std::move(dial)),
      event_(std::move(executor)) {
  network_.add(this);
  stream_.on_detached([this] {
    detached_ = true;
    event_.cancel();
  });
}

Resumption::~Resumption() {
  network_.remove(this);
}

// TCP says nothing of an address that has gone.
void Resumption::network_changed() {
  stream_.check(kResumeCheck);
  event_.cancel();
}

net::awaitable<void> Resumption::run(PublishedTunnel& published) {
  while (!over_) {
    event_.expires_at(Clock::time_point::max());
    if (!detached_) co_await event_.async_wait(net::as_tuple(net::use_awaitable));
    const auto state = co_await net::this_coro::cancellation_state;
    if (is_cancelled(state)) co_return;
    if (detached_) co_await come_back(published);
  }
}

// A carrier that brought nothing has been no better than none: the outage before it goes on.
std::optional<Failure> Resumption::begin_outage() {
  const auto now = Clock::now();
  const bool brought = !heard_ || stream_.heard() > *heard_;
  const bool held = stream_.was_heard() && now - attached_at_ >= kLongestResumePause;
  if (brought || held) {
    outage_ = {};
    outage_.since = now;
    return std::nullopt;
  }
  const bool cut = stream_.carrier_end() != tunnel::End::clean;
  if (cut && ++outage_.cuts <= kResumesAtOnce) return std::nullopt;
  return Failure(Stage::upgrade, cut ? Cause::lost : Cause::closed_early, {});
}

/// Whether the outage has lasted for too long.
bool Resumption::is_abandoned(const Failure& failure) {
  const auto now = Clock::now();
  const bool is_none = failure.cause == Cause::closed_early && !stream_.was_heard();
  const bool not_there =
      failure.cause == Cause::refused || failure.cause == Cause::resume_elsewhere || is_none;
  if (!not_there) {
    outage_.refused_since.reset();
  } else if (!outage_.refused_since) {
    outage_.refused_since = now;
  }
  return now - outage_.since >= grace_ ||
         (outage_.refused_since && now - *outage_.refused_since >= kResumeRefused);
}

net::awaitable<void> Resumption::come_back(PublishedTunnel& published) {
  auto failure = begin_outage();
  spdlog::info("the tunnel has lost its connection; dialling anew");
  published.lost();
  for (;;) {
    if (failure) {
      if (is_abandoned(*failure) || !worth_another_attempt(*failure)) co_return end(*failure);
      spdlog::info("not resumed yet: {}", what_text(*failure));
      event_.expires_after(shortened(outage_.pause));
      const auto waited = co_await event_.async_wait(net::as_tuple(net::use_awaitable));
      const bool network_is_another = std::get<0>(waited) == net::error::operation_aborted;
      outage_.pause =
          network_is_another ? kFirstResumePause : std::min(2 * outage_.pause, kLongestResumePause);
    }
    const auto heard = stream_.heard();
    failure = co_await attempt();
    const auto state = co_await net::this_coro::cancellation_state;
    if (is_cancelled(state)) co_return;
    if (failure) continue;
    goes_on(heard);
    published.resumed();
    co_return;
  }
}

void Resumption::goes_on(std::uint64_t heard) {
  detached_ = false;
  heard_ = heard;
  attached_at_ = Clock::now();
  const auto lasted = std::chrono::duration_cast<std::chrono::milliseconds>(attached_at_ - outage_.since);
  spdlog::info("the tunnel goes on after {} ms", lasted.count());
}

void Resumption::end(const Failure& failure) {
  over_ = true;
  const bool refused = failure.cause == Cause::denied || failure.cause == Cause::token_rejected;
  stream_.give_up(refused ? tunnel::End::dismissed : tunnel::End::cut,
                  "it could not be resumed: " + what_text(failure));
}

// Nothing: the tunnel has its carrier.
net::awaitable<std::optional<Failure>> Resumption::attempt() {
  // Not before it is needed: most tunnels lose no connection, and this takes OpenSSL's memory.
  if (epoch_ == 0 && !keys_.agree(edge_key_, tunnel::ResumeEnd::edge))
    co_return Failure(Stage::upgrade, Cause::resume_refused, "the edge's key is none");
  tunnel::ResumeAttach attach;
  attach.session = session_;
  attach.epoch = ++epoch_;
  attach.next = stream_.detach();
  attach.proof = keys_.proof(tunnel::ResumeEnd::client, session_, attach.epoch, attach.next);
  const std::string value = text_of(attach);
  auto carrier = co_await dial_(value);
  if (!carrier) {
    Failure failure = carrier.error();
    if (failure.http_status == tunnel::kResumeGone) failure.cause = Cause::resume_refused;
    co_return failure;
  }
  if (carrier->anew && stream_.attach(std::move(carrier->stream), 0)) co_return std::nullopt;
  const auto attached = tunnel::parse_resume_attached(carrier->answer);
  const bool proven =
      attached && tunnel::same_proof(attached->proof, keys_.proof(tunnel::ResumeEnd::edge, session_,
                                                                  attach.epoch, attached->next));
  const bool goes_on = proven && stream_.attach(std::move(carrier->stream), attached->next);
  if (goes_on) co_return std::nullopt;
  co_return Failure(Stage::upgrade, Cause::resume_refused, "the edge does not have its other end");
}

}  // namespace cfpipe::cli
