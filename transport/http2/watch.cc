#include "transport/http2/watch.h"

namespace cfpipe::transport {
namespace {
using Clock = H2Liveness::Time::clock;
}  // namespace

H2Watch::H2Watch(const H2Life& life, H2Exchange& exchange, const H2StreamTable& streams, const H2Times& times)
    : life_(life),
      exchange_(exchange),
      streams_(streams),
      liveness_(times, Clock::now()),
      timer_(life.executor()) {}

void H2Watch::schedule() {
  if (exchange_.over()) return;
  timer_.expires_at(liveness_.due(streams_.size()));
  timer_.async_wait([this, weak = life_.watch()](const boost::system::error_code& cancelled) {
    const auto self = weak.lock();
    if (!cancelled && self && !exchange_.over()) on_timer();
  });
}

void H2Watch::probe(std::chrono::milliseconds timeout) {
  if (streams_.size() <= 1 && !liveness_.probing()) check(timeout);
}

void H2Watch::check(std::chrono::milliseconds timeout) {
  if (exchange_.over()) return;
  if (exchange_.wire().stranded()) timeout = {};
  if (!liveness_.probe(Clock::now(), timeout)) return;
  exchange_.session().ping();
  exchange_.transmit();
  schedule();
}

void H2Watch::close() {
  if (exchange_.over()) return;
  exchange_.session().go_away();
  exchange_.transmit();
  exchange_.end("");
}

void H2Watch::on_timer() {
  switch (liveness_.step(Clock::now(), streams_.size(), exchange_.wire().backed_up())) {
    case H2Liveness::Step::idle:
      return close();
    case H2Liveness::Step::unanswered:
      return exchange_.end("it does not answer");
    case H2Liveness::Step::silent:
      return exchange_.end("no sign of life");
    case H2Liveness::Step::ping:
      exchange_.session().ping();
      exchange_.transmit();
      break;
    case H2Liveness::Step::wait:
      break;
  }
  schedule();
}

}  // namespace cfpipe::transport
