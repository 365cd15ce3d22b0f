#include <fcntl.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <boost/asio/this_coro.hpp>
#include <memory>

#include "auth/agent_server.h"
#include "cli/commands.h"
#include "cli/messages.h"
#include "cli/tunnel_opener.h"
#include "tunnel/fd_stream.h"
#include "tunnel/relay.h"

namespace cfpipe::cli {
namespace {

namespace net = boost::asio;

/// Any of the standard descriptors that is closed becomes /dev/null, so that no socket of ours gets its
/// number.
void fill_standard_descriptors() {
  for (int fd = 0; fd <= 2; ++fd) {
    if (::fcntl(fd, F_GETFD) < 0) (void)::open("/dev/null", O_RDWR);
  }
}

}  // namespace

net::awaitable<int> run_ssh(Options options, Interrupts& interrupts) {
  fill_standard_descriptors();
  const auto executor = co_await net::this_coro::executor;
  auto session = Session::open(executor, options);
  if (!session) co_return report(session.error());

  // The agent's socket is there before the tunnel is: ssh asks it only after bytes of ours have reached it.
  std::unique_ptr<auth::AgentServer> agent;
  if (!options.agent.empty()) {
    const auth::AgentServerOptions agent_options(options.agent);
    auto serving = auth::AgentServer::open(executor, agent_options);
    if (!serving) co_return report(serving.error());
    agent = std::move(*serving);
  }

  TunnelOpener opener(executor, **session, options);
  auto opened = co_await opener.open();
  if (!opened) co_return report(opened.error());
  if (agent) agent->offer(opened->identity);
  spdlog::info("tunnel to {} is open", options.url.host);

  auto terminal = tunnel::make_fd_stream(executor, STDIN_FILENO, STDOUT_FILENO, false);
  tunnel::Relay relay(executor, *terminal, *opened->stream);
  interrupts.divert([&relay] { relay.stop(); });
  auto running = opener.carry(relay);
  const auto outcome = co_await std::move(running);
  const bool asked_to_stop = interrupts.raised();
  interrupts.divert({});

  spdlog::info("tunnel ended: {} bytes up, {} bytes down", outcome.near_to_far, outcome.far_to_near);
  const auto failure = failure_of(outcome);
  co_return failure && !asked_to_stop ? report(*failure) : kOk;
}

}  // namespace cfpipe::cli
