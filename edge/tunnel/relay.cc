#include "edge/tunnel/relay.h"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

#include "base/text.h"

namespace cfpipe::edge {
namespace net = boost::asio;
namespace {

using Milliseconds = std::chrono::milliseconds;

/// How often a tunnel with an idle limit is looked at within that time; and how often at most, and at least.
constexpr int kIdleLooks = 10;
constexpr Milliseconds kMinIdleLook{100};
constexpr Milliseconds kMaxIdleLook{60'000};

constexpr const char* kOverTime = "the application's session_limit has been reached";
constexpr const char* kStopped = "the edge was stopped";

std::string reason_of(const tunnel::Outcome& outcome) {
  if (!outcome.detail.empty()) return outcome.detail;
  if (outcome.near == tunnel::End::cut) return "the client's connection was lost";
  if (outcome.far == tunnel::End::cut) return "the origin's connection was lost";
  return outcome.far == tunnel::End::clean ? "the origin ended it" : "the client ended it";
}

}  // namespace

// Dismisses a tunnel that has been open, or has carried nothing of its two sides, for as long as it may.
// Pings are not theirs. What has moved is looked at now and then, so that the data path keeps no time.
class TunnelRelay::LimitWatch : public std::enable_shared_from_this<LimitWatch> {
 public:
  LimitWatch(const net::any_io_executor& executor, const tunnel::Relay& relay, TunnelHandle& handle,
             const SessionLimits& limits)
      : relay_(relay),
        handle_(handle),
        limits_(limits),
        every_(std::clamp(limits.idle / kIdleLooks, kMinIdleLook, kMaxIdleLook)),
        session_timer_(executor),
        idle_timer_(executor) {}

  void start() {
    if (limits_.session.count() > 0) {
      session_timer_.expires_after(limits_.session);
      session_timer_.async_wait([weak = weak_from_this()](const boost::system::error_code& error) {
        if (const auto self = weak.lock(); self && !error) self->handle_.dismiss(kOverTime);
      });
    }
    if (limits_.idle.count() > 0) look_later();
  }

 private:
  void look_later() {
    idle_timer_.expires_after(every_);
    idle_timer_.async_wait([weak = weak_from_this()](const boost::system::error_code& error) {
      if (const auto self = weak.lock(); self && !error) self->look();
    });
  }

  void look() {
    const auto now = std::chrono::steady_clock::now();
    const auto moved = relay_.near_to_far() + relay_.far_to_near();
    if (std::exchange(seen_, moved) != moved) since_ = now;
    if (now - since_ < limits_.idle) return look_later();
    handle_.dismiss("idle for " +
                    duration_text(std::chrono::duration_cast<std::chrono::seconds>(limits_.idle)));
  }

  const tunnel::Relay& relay_;
  TunnelHandle& handle_;
  const SessionLimits limits_;
  const Milliseconds every_;
  std::chrono::steady_clock::time_point since_ = std::chrono::steady_clock::now();
  std::uint64_t seen_ = 0;
  net::steady_timer session_timer_;
  net::steady_timer idle_timer_;
};

TunnelRelay::TunnelRelay(const net::any_io_executor& executor, std::unique_ptr<tunnel::Stream> client,
                         std::unique_ptr<tunnel::Stream> target, tunnel::RelayTimes times)
    : client_(std::move(client)),
      target_(std::move(target)),
      relay_(executor, *client_, *target_, times),
      over_timer_(executor, net::steady_timer::time_point::max()) {}

TunnelRelay::~TunnelRelay() {
  watch_.reset();
  complete_record();
}

void TunnelRelay::start(std::unique_ptr<TunnelRecord> record, const SessionLimits& limits) {
  record_ = std::move(record);
  // What the site refuses once it has been dialled moves not even the bytes that are there.
  const auto refused = record_ ? record_->handle->dismissal() : std::nullopt;
  if (refused) dismiss(*refused);
  relay_.start([this](const tunnel::Outcome& outcome) { ended(outcome); });
  if (!record_ || refused) return;
  record_->handle->count(relay_.counters());
  record_->handle->on_dismissed([this](const std::string& why) { dismiss(why); });
  if (limits.session.count() > 0 || limits.idle.count() > 0) {
    watch_ = std::make_shared<LimitWatch>(over_timer_.get_executor(), relay_, *record_->handle, limits);
    watch_->start();
  }
  if (stopped_) leave();
}

net::awaitable<void> TunnelRelay::until_over() {
  if (over_) co_return;
  // Nothing of this is touched behind the wait, which its destructor may have ended.
  co_await over_timer_.async_wait(net::as_tuple(net::use_awaitable));
}

void TunnelRelay::stop() {
  if (over_ || std::exchange(stopped_, true)) return;
  if (record_) leave();
}

void TunnelRelay::leave() {
  client_->leave(kLeaving);
  relay_.stop();
}

void TunnelRelay::dismiss(const std::string& why) {
  dismissal_ = why;
  client_->dismiss(why);
  relay_.stop();
}

void TunnelRelay::ended(const tunnel::Outcome& outcome) {
  over_ = true;
  watch_.reset();
  if (record_) record_->reason = dismissal_.empty() ? reason_of(outcome) : dismissal_;
  complete_record();
  record_.reset();
  over_timer_.cancel();
}

void TunnelRelay::complete_record() {
  if (!record_) return;
  if (stopped_) record_->reason = kStopped;
  record_->up_bytes = relay_.near_to_far();
  record_->down_bytes = relay_.far_to_near();
}

}  // namespace cfpipe::edge
