#include "edge/terminal/terminals.h"

#include <pthread.h>
#include <sys/socket.h>

#include <array>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <chrono>
#include <ctime>
#include <exception>
#include <optional>
#include <utility>

#include "base/log.h"
#include "base/platform/wakeup.h"
#include "edge/http/responses.h"
#include "edge/terminal/grant.h"
#include "tunnel/fd_stream.h"

namespace cfpipe::edge::terminal {
namespace net = boost::asio;
namespace {

// What throws here is a defect of ours, and must not take other people's terminals down with it.
void report(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const std::exception& e) {
    spdlog::error("a terminal ended by an unexpected error: {}", e.what());
  }
}

void refuse(Window& page, const Ending& ending) {
  page.send(FrameType::event, ended_event(ending));
  page.flush();  // the socket is empty yet, and has room for it
}

}  // namespace

// A page that has come in, with what it has been granted.
struct Terminals::Guest {
  Guest(Window::Socket socket, TunnelGrant g, SharedRequest r, ConnectionEnds e, Seats::Seat s)
      : page(std::make_unique<Window>(std::move(socket))),
        grant(std::move(g)),
        request(std::move(r)),
        ends(std::move(e)),
        seat(std::in_place, std::move(s)) {
    // It leads here, and what is here must not keep this: the last to let go would be the loop's own thread.
    grant.target.reset();
  }
  std::unique_ptr<Window> page;
  TunnelGrant grant;
  SharedRequest request;
  ConnectionEnds ends;
  std::optional<Seats::Seat> seat;  // until it has said its first word
};

bool Terminals::start() {
  thread_ = quiet_thread([this] {
    ::pthread_setname_np(::pthread_self(), "terminals");
    for (;;) {
      try {
        io_.run();
        return;
      } catch (...) {
        report(std::current_exception());
      }
    }
  });
  return thread_.joinable();
}

void Terminals::join() {
  io_.stop();
  if (thread_.joinable()) thread_.join();
}

void Terminals::stop(std::chrono::milliseconds drain) {
  net::post(io_, [this, drain] {
    stopping_ = true;
    const auto ends = std::time(nullptr) + std::chrono::ceil<std::chrono::seconds>(drain).count();
    for (const auto& [id, session] : sessions_) session->drain(ends);
    drain_.expires_after(drain);
    drain_.async_wait([this](const boost::system::error_code& cancelled) {
      if (cancelled) return;
      for (const auto& [id, session] : sessions_) session->stop();
    });
  });
}

net::awaitable<Connected> Terminals::connect(const TunnelGrant& grant, SharedRequest request,
                                             const ConnectionEnds& ends) {
  auto seat = guests_.take(person_key(grant.identity));
  if (!seat) {
    refused_.fetch_add(1, std::memory_order_relaxed);
    co_return plain(429, "too many terminals are being opened: try again in a moment");
  }
  std::array<int, 2> pair{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair.data()) != 0)
    co_return plain(503, "the edge is short of something: try again in a moment");
  auto ours = tunnel::make_fd_stream(co_await net::this_coro::executor, pair[0], pair[0], true);
  net::co_spawn(io_,
                greet(std::make_shared<Guest>(Window::Socket(io_, net::local::stream_protocol(), pair[1]),
                                              grant, std::move(request), ends, std::move(*seat))),
                [](const std::exception_ptr& error) {
                  if (error) report(error);
                });
  co_return ours;
}

std::shared_ptr<Session> Terminals::find(const TunnelGrant& grant) const {
  const auto found = sessions_.find(grant.terminal->session);
  if (found == sessions_.end() || !found->second->is_open() || !found->second->belongs_to(grant))
    return nullptr;
  return found->second;
}

// The first word of a page says how large it is, and where it stands.
net::awaitable<void> Terminals::greet(std::shared_ptr<Guest> guest) {
  Window& page = *guest->page;
  const auto event = std::make_shared<Event>(io_.get_executor());
  const auto deadline = Event::Clock::now() + kGreetingTimeout;
  auto frame = page.next();
  while (!frame && !page.gone() && Event::Clock::now() < deadline) {
    page.arm(event);
    co_await event->wait(deadline);
    frame = page.next();
  }
  const auto start = frame && frame->type == FrameType::start ? read_start(frame->payload) : std::nullopt;
  guest->seat.reset();
  if (!start) co_return;
  if (stopping_)
    co_return refuse(page, {"stopped", "The edge is being stopped.", "Connect again in a moment."});
  if (!guest->grant.terminal->session.empty()) {
    const auto session = find(guest->grant);
    if (!session) co_return refuse(page, {"gone", "The session has expired.", "Connect again."});
    session->show(std::move(guest->page), *start);
    co_return;
  }
  Seats::Refusal why{};
  const auto seat = seats_.take(person_key(guest->grant.identity), &why);
  if (seat) co_return co_await serve(guest, *start);
  refused_.fetch_add(1, std::memory_order_relaxed);
  if (why == Seats::Refusal::each)
    co_return refuse(page, {"too_many", "You have as many terminals open as one person may have.",
                            "Close one of them, or try again in a minute."});
  refuse(page, {"too_many", "The edge has as many terminals as it takes.", "Try again later."});
}

net::awaitable<void> Terminals::serve(std::shared_ptr<Guest> guest, Start start) {
  if (start.user.empty() && !guest->grant.terminal->users.empty())
    start.user = guest->grant.terminal->users.front();
  const auto session = std::make_shared<Session>(io_.get_executor(), site_, std::move(guest->grant),
                                                 std::move(guest->request), guest->ends);
  const auto entry = sessions_.emplace(session->id(), session).first;
  const auto listed = std::shared_ptr<void>(nullptr, [this, entry](void*) { sessions_.erase(entry); });
  co_await session->run(std::move(guest->page), std::move(start));
}

}  // namespace cfpipe::edge::terminal
