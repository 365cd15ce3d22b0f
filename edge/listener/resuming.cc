#include "edge/listener/resuming.h"

#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <utility>

#include "base/access_headers.h"
#include "edge/http/responses.h"
#include "edge/tunnel/target.h"

namespace cfpipe::edge {
namespace net = boost::asio;
namespace {

constexpr const char* kNoSuchTunnel = "there is no such session here any more";

Answer no_such_tunnel() {
  Answer answer = text_answer(tunnel::kResumeGone, kNoSuchTunnel);
  answer.headers.emplace_back(kReasonHeader, kNoSuchTunnel);
  return answer;
}

}  // namespace

std::shared_ptr<ResumableTunnel> new_resumable(ControlPlane& site, const TunnelGrant& grant,
                                               const Request& request, const net::any_io_executor& executor) {
  if (grant.resume.count() == 0 || grant.target->keeps_sessions()) return nullptr;
  const auto asked = resume_request(request);
  if (!asked || !std::holds_alternative<tunnel::ResumeOpen>(*asked)) return nullptr;
  // One for all tunnels of the process: the client's is fresh.
  static const auto keys = tunnel::ResumeKeys::make();
  if (!keys) return nullptr;
  auto made = std::make_shared<ResumableTunnel>(site.resumables(), executor, keys->again(),
                                                std::get<tunnel::ResumeOpen>(*asked).client_key,
                                                TunnelOwner(grant, request), grant.resume);
  site.resumables()->add(made);
  return made;
}

// What is not this person's is as if it were not there.
net::awaitable<std::variant<Reattached, Answer>> reattach(ControlPlane& site, const TunnelGrant& grant,
                                                          SharedRequest request, bool may_be_replay) {
  const auto attach = std::get<tunnel::ResumeAttach>(*resume_request(*request));
  Reattached out;
  out.tunnel = site.resumables()->find(attach.session);
  if (!out.tunnel || !(out.tunnel->owner() == TunnelOwner(grant, *request))) co_return no_such_tunnel();
  const auto taken = co_await out.tunnel->take_over(attach, may_be_replay);
  if (!taken) co_return no_such_tunnel();
  out.turn = taken->turn;
  out.next = attach.next;
  out.answer = text_of(taken->answer);
  site.resumed(out.tunnel->record(), std::move(request));
  co_return std::move(out);
}

// A carrier that the tunnel has dropped may hold bytes for a client that is on another network by now: they
// are not waited for until that connection has died.
net::awaitable<void> carry_on(Reattached reattached, std::unique_ptr<tunnel::Stream> client,
                              net::any_io_executor executor, tunnel::RelayTimes times) {
  const auto tunnel = reattached.tunnel->carry_on(reattached.turn, reattached.next, executor);
  reattached.tunnel.reset();
  tunnel::Relay relay(executor, *client, *tunnel, times);
  const auto alive = std::make_shared<int>(0);
  net::steady_timer limit(executor);
  tunnel->on_gone([&relay, &limit, &times, weak = std::weak_ptr<int>(alive)] {
    limit.expires_after(times.finish_limit);
    limit.async_wait([&relay, weak](const boost::system::error_code& cancelled) {
      if (!cancelled && !weak.expired()) relay.stop();
    });
  });
  co_await relay.run();
}

}  // namespace cfpipe::edge
