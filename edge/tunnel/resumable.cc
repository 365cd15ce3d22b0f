#include "edge/tunnel/resumable.h"

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/platform/wakeup.h"
#include "base/text.h"
#include "tunnel/loop_pipe.h"

namespace cfpipe::edge {
namespace net = boost::asio;

std::optional<tunnel::ResumeRequest> resume_request(const Request& request) {
  return tunnel::parse_resume_request(request.header(tunnel::kResumeHeader));
}

bool asks_to_resume(const Request& request) {
  const auto asked = resume_request(request);
  return asked && std::holds_alternative<tunnel::ResumeAttach>(*asked);
}

void ResumableTunnels::add(const std::shared_ptr<ResumableTunnel>& tunnel) {
  const std::lock_guard lock(mutex_);
  tunnels_[tunnel->id()] = tunnel;
}

void ResumableTunnels::remove(const tunnel::SessionId& id) {
  const std::lock_guard lock(mutex_);
  tunnels_.erase(id);
}

std::shared_ptr<ResumableTunnel> ResumableTunnels::find(const tunnel::SessionId& id) const {
  const std::lock_guard lock(mutex_);
  const auto found = tunnels_.find(id);
  return found == tunnels_.end() ? nullptr : found->second.lock();
}

void ResumableTunnels::leave() {
  leaving_ = true;
  std::vector<std::shared_ptr<ResumableTunnel>> all;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [id, tunnel] : tunnels_)
      if (auto open = tunnel.lock()) all.push_back(std::move(open));
  }
  for (const auto& tunnel : all) tunnel->leave();
}

TunnelOwner::TunnelOwner(const TunnelGrant& grant, const Request& request)
    : application(grant.app_hostname),
      host(request.host),
      destination(grant.destination),
      identity(grant.identity),
      client_id(grant.client_id) {}

struct ResumableTunnel::Open {
  Open(const net::any_io_executor& executor, tunnel::ResumableStream& of)
      : grace_timer(executor), stream(of) {}
  void end() { stream.give_up(tunnel::End::cut, "the client's connection was lost"); }
  net::steady_timer grace_timer;
  tunnel::ResumableStream& stream;
  bool waits = false;  ///< for its client
};

ResumableTunnel::ResumableTunnel(std::shared_ptr<ResumableTunnels> all, net::any_io_executor executor,
                                 tunnel::ResumeKeys keys, std::string client_key, TunnelOwner owner,
                                 std::chrono::seconds grace)
    : all_(std::move(all)),
      executor_(std::move(executor)),
      owner_(std::move(owner)),
      grace_(grace),
      admission_(std::move(keys), std::move(client_key), tunnel::new_session_id()) {}

tunnel::ResumeOpened ResumableTunnel::opened() const {
  return {admission_.public_key(), id(), static_cast<std::uint32_t>(grace_.count())};
}

// The stream drops its callback when it is closed.
std::unique_ptr<tunnel::Stream> ResumableTunnel::begin(std::unique_ptr<tunnel::Stream> carrier) {
  auto stream = std::make_unique<tunnel::ResumableStream>(executor_, true);
  const auto open = std::make_shared<Open>(executor_, *stream);
  open_ = open;
  stream->on_detached([self = shared_from_this(), open] { self->lost(*open); });
  stream->attach(std::move(carrier), 0);
  return stream;
}

void ResumableTunnel::recorded(std::int64_t id, std::shared_ptr<TunnelHandle> handle) {
  record_ = id;
  handle_ = std::move(handle);
  if (const auto open = open_.lock(); open && open->waits) tell_site(unix_now());
}

void ResumableTunnel::tell_site(std::int64_t detached) const {
  if (handle_) handle_->set_detached(detached);
}

void ResumableTunnel::lost(Open& open) const {
  const bool proven = !from_early_data || admission_.turns() > 0 || open.stream.detach() > 0;
  proven && !all_->leaving() ? wait_for_client(open) : open.end();
}

void ResumableTunnel::leave() {
  net::post(executor_, [self = shared_from_this()] {
    if (const auto open = self->open_.lock(); open && open->waits) open->end();
  });
}

void ResumableTunnel::wait_for_client(Open& open) const {
  if (!std::exchange(open.waits, true)) tell_site(unix_now());
  open.grace_timer.expires_after(grace_);
  open.grace_timer.async_wait([weak = open_, grace = grace_](const boost::system::error_code& cancelled) {
    const auto waiting = weak.lock();
    if (cancelled || !waiting) return;
    waiting->stream.give_up(tunnel::End::cut, "the client has not come back within " + duration_text(grace));
  });
}

// On its loop.
std::optional<TakenOver> ResumableTunnel::judge(const tunnel::ResumeAttach& attach, bool may_be_replay) {
  const auto open = open_.lock();
  if (!open) return std::nullopt;
  auto answer = admission_.admit(attach, may_be_replay, open->stream);
  if (!answer) return std::nullopt;
  wait_for_client(*open);  // until it is carried on
  return TakenOver{std::move(*answer), admission_.turns()};
}

net::awaitable<std::optional<TakenOver>> ResumableTunnel::take_over(tunnel::ResumeAttach attach,
                                                                    bool may_be_replay) {
  struct Visit {
    std::optional<TakenOver> out;
  };
  const auto visit = std::make_shared<Visit>();
  const auto done = std::make_shared<Wakeup>(co_await net::this_coro::executor);
  net::post(executor_, [self = shared_from_this(), attach = std::move(attach), may_be_replay, visit, done] {
    visit->out = self->judge(attach, may_be_replay);
    done->notify();
  });
  co_await done->wait();
  co_return std::move(visit->out);
}

std::unique_ptr<tunnel::Stream> ResumableTunnel::carry_on(std::uint64_t turn, std::uint64_t next,
                                                          net::any_io_executor executor) {
  auto [far, near] = tunnel::make_loop_pipe(executor_, std::move(executor));
  net::post(executor_,
            [self = shared_from_this(),
             carrier = std::make_shared<std::unique_ptr<tunnel::Stream>>(std::move(far)), turn, next] {
              // Another one may have come meanwhile, or the end.
              const auto open = self->open_.lock();
              if (!open || self->admission_.turns() != turn) return (*carrier)->close();
              open->waits = false;
              open->grace_timer.cancel();
              self->tell_site(0);
              if (!open->stream.attach(std::move(*carrier), next))
                open->stream.give_up(tunnel::End::cut, "the client has asked for what it has had");
            });
  return std::move(near);
}

}  // namespace cfpipe::edge
