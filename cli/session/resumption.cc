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

net::awaitable<void> Resumption::come_back(PublishedTunnel& published) {
  const auto lost_at = Clock::now();
  auto refused_since = Clock::time_point::max();
  auto pause = kFirstResumePause;
  spdlog::info("the tunnel has lost its connection; dialling anew");
  published.lost();
  for (;;) {
    const auto failure = co_await attempt();
    const auto state = co_await net::this_coro::cancellation_state;
    if (is_cancelled(state)) co_return;
    if (!failure) {
      detached_ = false;
      spdlog::info("the tunnel goes on after {} ms",
                   std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - lost_at).count());
      published.resumed();
      co_return;
    }
    const auto now = Clock::now();
    const bool not_there = failure->cause == Cause::refused || failure->cause == Cause::resume_elsewhere;
    refused_since = not_there ? std::min(refused_since, now) : Clock::time_point::max();
    const bool abandoned =
        now - lost_at >= grace_ || (refused_since < now && now - refused_since >= kResumeRefused);
    if (abandoned || !worth_another_attempt(*failure)) co_return end(*failure);
    spdlog::info("not resumed yet: {}", what_text(*failure));
    event_.expires_after(shortened(pause));
    const auto waited = co_await event_.async_wait(net::as_tuple(net::use_awaitable));
    const bool network_is_another = std::get<0>(waited) == net::error::operation_aborted;
    pause = network_is_another ? kFirstResumePause : std::min(2 * pause, kLongestResumePause);
  }
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
