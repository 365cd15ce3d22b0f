#include "edge/site_loop.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <exception>
#include <optional>

#include "edge/run_all.h"
#include "transport/wakeup.h"

namespace cfpipe::edge {
namespace net = boost::asio;
namespace {

// One question on its way to the site and back. Neither loop owns anything of the other's: a caller that is
// gone leaves the answer to itself.
template <class T>
struct Visit {
  explicit Visit(const net::any_io_executor& caller) : done(std::make_shared<transport::Wakeup>(caller)) {}
  std::shared_ptr<transport::Wakeup> done;
  std::optional<T> answer;
  std::exception_ptr error;
};

template <class T>
net::awaitable<T> answer_of(std::shared_ptr<Visit<T>> visit) {
  co_await visit->done->wait();
  if (visit->error) std::rethrow_exception(visit->error);
  co_return std::move(*visit->answer);
}

template <class T, class Ask>
net::awaitable<T> ask(net::any_io_executor site, Ask question) {
  const auto visit = std::make_shared<Visit<T>>(co_await net::this_coro::executor);
  net::post(site, [visit, question = std::move(question)]() mutable {
    try {
      visit->answer.emplace(question());
    } catch (...) {
      visit->error = std::current_exception();
    }
    visit->done->notify();
  });
  co_return co_await answer_of(visit);
}

// The same for what takes its time there; `kept` is what it uses meanwhile.
template <class T, class... Kept>
net::awaitable<T> answer_to(net::any_io_executor site, net::awaitable<T> question, Kept... kept) {
  const auto visit = std::make_shared<Visit<T>>(co_await net::this_coro::executor);
  net::co_spawn(site, std::move(question), [visit, kept...](const std::exception_ptr& error, T answer) {
    visit->error = error;
    visit->answer = std::move(answer);
    visit->done->notify();
  });
  co_return co_await answer_of(visit);
}

}  // namespace

OpenTunnel::~OpenTunnel() {
  end->forget();
  try {
    net::post(executor_, [&site = site_, id = id_, up = up_bytes, down = down_bytes,
                          why = std::move(reason)] { site.closed(id, up, down, why); });
  } catch (...) {
    log_exception("the record of a tunnel", std::current_exception());
  }
}

net::awaitable<Answer> SiteLoop::handle(SharedRequest request) {
  auto question = site_.handle(*request);
  co_return co_await answer_to(executor_, std::move(question), request);
}

net::awaitable<std::variant<TunnelGrant, Answer>> SiteLoop::upgrade(SharedRequest request) {
  const auto question = [&site = site_, request] { return site.upgrade(*request); };
  co_return co_await ask<std::variant<TunnelGrant, Answer>>(executor_, question);
}

net::awaitable<std::unique_ptr<OpenTunnel>> SiteLoop::opened(const TunnelGrant& grant,
                                                             SharedRequest request) {
  const auto end = std::make_shared<TunnelEnd>(co_await net::this_coro::executor);
  const auto question = [executor = executor_, &site = site_, grant, request, end] {
    return std::make_unique<OpenTunnel>(executor, site, site.opened(grant, *request, end), end);
  };
  co_return co_await ask<std::unique_ptr<OpenTunnel>>(executor_, question);
}

net::awaitable<transport::Result<std::string>> SiteLoop::certify_terminal(const TunnelGrant& grant,
                                                                          SharedRequest request,
                                                                          std::string key_line) {
  const auto kept = std::make_shared<const TunnelGrant>(grant);
  auto question = site_.certify_terminal(*kept, *request, std::move(key_line));
  co_return co_await answer_to(executor_, std::move(question), request, kept);
}

net::awaitable<transport::Result<std::string>> SiteLoop::known_host_key(const TunnelGrant& grant) {
  const auto question = [&site = site_, grant] { return site.known_host_key(grant); };
  co_return co_await ask<transport::Result<std::string>>(executor_, question);
}

net::awaitable<transport::Result<void>> SiteLoop::believe_host_key(const TunnelGrant& grant,
                                                                   SharedRequest request,
                                                                   std::string key_line) {
  const auto question = [&site = site_, grant, request, key = std::move(key_line)] {
    return site.believe_host_key(grant, *request, key);
  };
  co_return co_await ask<transport::Result<void>>(executor_, question);
}

}  // namespace cfpipe::edge
