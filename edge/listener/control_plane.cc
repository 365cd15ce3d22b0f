#include "edge/listener/control_plane.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <exception>
#include <functional>
#include <optional>
#include <string_view>
#include <type_traits>
#include <utility>

#include "base/platform/wakeup.h"
#include "edge/http/cookies.h"
#include "edge/http/responses.h"
#include "edge/tunnel/resumable.h"

namespace cfpipe::edge {
namespace net = boost::asio;
namespace {

Answer too_many_waiting() {
  Answer answer = text_answer(503, "too many requests from your address wait at once");
  answer.headers.emplace_back("Retry-After", "1");
  return answer;
}

// One piece of work on its way to the site and back. Neither loop owns anything of the other's: a caller that
// is gone leaves the answer to itself.
template <class T>
struct Visit {
  explicit Visit(const net::any_io_executor& caller) : done(std::make_shared<Wakeup>(caller)) {}
  std::shared_ptr<Wakeup> done;
  std::optional<T> answer;
  std::exception_ptr error;
};

template <class T>
net::awaitable<T> answer_of(std::shared_ptr<Visit<T>> visit) {
  co_await visit->done->wait();
  if (visit->error) std::rethrow_exception(visit->error);
  co_return std::move(*visit->answer);
}

/// Held by the job alone: the caller is gone.
template <class T>
bool left_alone(const std::shared_ptr<Visit<T>>& visit) {
  return visit.use_count() == 1;
}

template <class T>
FairQueue::Job refusal(const std::shared_ptr<Visit<T>>& visit) {
  return [visit] {
    visit->answer.emplace(too_many_waiting());
    visit->done->notify();
  };
}

// `refuse`: where the work has to wait behind too many of the same address.
template <class T, class Ask>
net::awaitable<T> ask(std::shared_ptr<Turns> turns, Asker asker, Ask work) {
  const auto visit = std::make_shared<Visit<T>>(co_await net::this_coro::executor);
  FairQueue::Job refuse;
  if constexpr (std::is_constructible_v<T, Answer>) refuse = refusal(visit);
  turns->add(
      asker,
      [visit, work = std::move(work)] {
        if (left_alone(visit)) return;
        try {
          visit->answer.emplace(work());
        } catch (...) {
          visit->error = std::current_exception();
        }
        visit->done->notify();
      },
      std::move(refuse));
  co_return co_await answer_of(visit);
}

// `work` makes the coroutine, and what it captures is kept while that runs. Nothing here holds the
// exception any more when the caller is told: the last holder destroys it, and its counter lies in the
// library, where a thread sanitizer sees no order.
template <class T, class Ask>
net::awaitable<void> answer_into(std::shared_ptr<Visit<T>> visit, std::shared_ptr<Ask> work) {
  try {
    visit->answer.emplace(co_await (*work)());
  } catch (...) {
    visit->error = std::current_exception();
  }
}

// The same for what takes its time there.
template <class T, class Ask>
net::awaitable<T> ask_long(std::shared_ptr<Turns> turns, net::any_io_executor site, Asker asker, Ask work) {
  const auto visit = std::make_shared<Visit<T>>(co_await net::this_coro::executor);
  FairQueue::Job refuse;
  if constexpr (std::is_constructible_v<T, Answer>) refuse = refusal(visit);
  const auto kept = std::make_shared<Ask>(std::move(work));
  turns->add(
      asker,
      [visit, site, kept] {
        if (left_alone(visit)) return;
        net::co_spawn(site, answer_into(visit, kept),
                      [visit](const std::exception_ptr&) { visit->done->notify(); });
      },
      std::move(refuse));
  co_return co_await answer_of(visit);
}

std::uint64_t hash_of(std::string_view text) {
  return text.empty() ? 0 : std::hash<std::string_view>()(text);
}

/// What the request says who it is, unchecked: a program's token, a browser's cookie, or that in the body of
/// a request for a certificate.
std::uint64_t credential_of(const Request& request) {
  for (const char* name : {"Cf-Access-Client-Id", "Cf-Access-Token"})
    if (const std::string_view value = request.header(name); !value.empty()) return hash_of(value);
  for (const std::string_view name : {kTokenCookie, kBrowserTokenCookie})
    if (const std::string cookie = cookie_value(request, name); !cookie.empty()) return hash_of(cookie);
  constexpr std::string_view kMember = "\"jwt\"";
  const std::size_t member = request.body.find(kMember);
  if (member == std::string::npos) return 0;
  const std::string_view rest = std::string_view(request.body).substr(member + kMember.size());
  const std::size_t begin = rest.find('"');
  if (begin == std::string_view::npos) return 0;
  return hash_of(rest.substr(begin + 1, rest.find('"', begin + 1) - begin - 1));
}

Asker asker_of(const Request& request) {
  return {address_key(request.peer), credential_of(request)};
}

}  // namespace

void Turns::add(const Asker& asker, FairQueue::Job job, FairQueue::Job refuse) {
  net::post(executor_,
            [self = shared_from_this(), asker, job = std::move(job), refuse = std::move(refuse)]() mutable {
              if (refuse && self->queue_.full(asker)) return refuse();
              self->queue_.push(asker, std::move(job));
              if (std::exchange(self->running_, true)) return;
              net::post(self->executor_, [self] { self->run_some(); });
            });
}

void Turns::run_some() {
  const auto until = std::chrono::steady_clock::now() + kTurnTime;
  do queue_.pop()();
  while (!queue_.empty() && std::chrono::steady_clock::now() < until);
  running_ = !queue_.empty();
  if (running_) net::post(executor_, [self = shared_from_this()] { self->run_some(); });
}

ControlPlane::ControlPlane(net::any_io_executor executor, RequestHandler& requests, TunnelRecorder& tunnels)
    : executor_(executor),
      requests_(requests),
      tunnels_(tunnels),
      turns_(std::make_shared<Turns>(std::move(executor))),
      resumables_(std::make_shared<ResumableTunnels>()) {}

net::awaitable<Answer> ControlPlane::handle(SharedRequest request) {
  auto work = [&requests = requests_, request] { return requests.handle(*request); };
  return ask_long<Answer>(turns_, executor_, asker_of(*request), std::move(work));
}

net::awaitable<std::variant<TunnelGrant, Answer>> ControlPlane::upgrade(SharedRequest request) {
  auto work = [&requests = requests_, request] { return requests.upgrade(*request); };
  return ask<std::variant<TunnelGrant, Answer>>(turns_, asker_of(*request), std::move(work));
}

net::awaitable<std::variant<AttachGrant, Answer>> ControlPlane::attach(SharedRequest request) {
  auto work = [&requests = requests_, request] { return requests.attach(*request); };
  return ask<std::variant<AttachGrant, Answer>>(turns_, asker_of(*request), std::move(work));
}

net::awaitable<std::unique_ptr<TunnelRecord>> ControlPlane::opened(const TunnelGrant& grant,
                                                                   SharedRequest request) {
  const auto handle = std::make_shared<TunnelHandle>(co_await net::this_coro::executor);
  auto work = [executor = executor_, &tunnels = tunnels_, grant, request, handle] {
    return std::make_unique<TunnelRecord>(executor, tunnels, tunnels.opened(grant, *request, handle), handle);
  };
  co_return co_await ask<std::unique_ptr<TunnelRecord>>(turns_, asker_of(*request), std::move(work));
}

void ControlPlane::resumed(std::int64_t id, SharedRequest request) {
  const Asker asker = asker_of(*request);
  turns_->add(asker,
              [&tunnels = tunnels_, id, request = std::move(request)] { tunnels.resumed(id, *request); }, {});
}

net::awaitable<Result<std::string>> TerminalControl::certify(const TunnelGrant& grant, SharedRequest request,
                                                             std::string key_line) {
  auto work = [&backend = backend_, grant, request, key = std::move(key_line)] {
    return backend.certify(grant, *request, key);
  };
  return ask_long<Result<std::string>>(site_.turns_, site_.executor_, asker_of(*request), std::move(work));
}

net::awaitable<Result<std::string>> TerminalControl::known_host_key(const TunnelGrant& grant) {
  auto work = [&backend = backend_, grant] { return backend.known_host_key(grant); };
  const Asker asker{{}, hash_of(grant.identity)};
  return ask<Result<std::string>>(site_.turns_, asker, std::move(work));
}

net::awaitable<Result<void>> TerminalControl::trust_host_key(const TunnelGrant& grant, SharedRequest request,
                                                             std::string key_line) {
  auto work = [&backend = backend_, grant, request, key = std::move(key_line)] {
    return backend.trust_host_key(grant, *request, key);
  };
  return ask<Result<void>>(site_.turns_, asker_of(*request), std::move(work));
}

void TerminalControl::files_closed(const TunnelGrant& grant, SharedRequest request, const FilesUse& use) {
  const Asker asker = asker_of(*request);
  site_.turns_->add(asker,
                    [&backend = backend_, grant, request = std::move(request), use] {
                      backend.files_closed(grant, *request, use);
                    },
                    {});
}

}  // namespace cfpipe::edge
