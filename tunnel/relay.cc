#include "tunnel/relay.h"

#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

#include "tunnel/half_close.h"

namespace cfpipe::tunnel {
namespace net = boost::asio;
namespace {

/// How many fills one direction may move before the other has its turn, however small they are.
constexpr int kTurn = 16;

}  // namespace

// One direction reads `source` and writes `sink`; index 0 is near to far. A flowing direction
// is always either waiting for exactly one thing (source readable, or sink writable) or posted to run.
struct Relay::Impl : std::enable_shared_from_this<Impl> {
  struct Direction {
    Stream* source;
    Stream* sink;
    HalfState state = HalfState::flowing;
    bool on_source = false;  // a callback is outstanding there; a stream takes one of each kind at a time
    bool on_sink = false;
    bool broke_off = false;  // the source ended in an error
  };

  Impl(net::any_io_executor executor, Stream& near_stream, Stream& far_stream, RelayTimes times)
      : executor_(executor),
        near(near_stream),
        far(far_stream),
        times_(times),
        silence_(executor),
        limit_(executor),
        finished_(executor) {
    directions_ = {Direction{&near, &far}, Direction{&far, &near}};
    finished_.expires_at(net::steady_timer::time_point::max());
  }

  void start(Done done) {
    done_ = std::move(done);
    if (over_) return report();
    post_step(0);
    post_step(1);
  }

  void post_step(std::size_t i) {
    net::post(executor_, [self = shared_from_this(), i] { self->wake(i); });
  }

  void wake(std::size_t i) {
    if (!over_) step(i);
  }

  void await_source(std::size_t i) {
    if (std::exchange(directions_[i].on_source, true)) return;
    directions_[i].source->on_readable([self = shared_from_this(), i] {
      self->directions_[i].on_source = false;
      self->wake(i);
    });
  }

  void await_sink(std::size_t i) {
    if (std::exchange(directions_[i].on_sink, true)) return;
    directions_[i].sink->on_writable([self = shared_from_this(), i] {
      self->directions_[i].on_sink = false;
      if (self->abandoned_) self->moved();  // it takes, though maybe only what is held
      self->wake(i);
    });
  }

  // Moves what can be moved, then leaves one callback behind, or ends the direction.
  void step(std::size_t i) {
    auto& d = directions_[i];
    const auto before = counters_->get(i);
    for (int turn = 0; d.state == HalfState::flowing; ++turn) {
      if (turn == kTurn || counters_->get(i) - before >= kTurnBytes) return post_step(i);
      if (d.source->ready().empty() && !refill(i)) {
        if (d.state == HalfState::flowing) return;
        break;
      }
      if (!pass_on(i)) return;
    }
    if (d.state == HalfState::draining) {
      drain(i);
    } else if (d.state == HalfState::finishing) {
      finish(i);
    }
  }

  // False: nothing to pass on now; either a callback is set or the direction's state has changed.
  bool refill(std::size_t i) {
    auto& d = directions_[i];
    switch (d.source->fill()) {
      case IoStatus::ok:
        return true;
      case IoStatus::would_block:
        push_out(i);
        return false;
      case IoStatus::failed:
        d.broke_off = true;
        advance(i, Event::source_ended);
        return false;
      case IoStatus::eof:
        advance(i, Event::source_ended);
        if (!over_) watch_ended(i);
        return false;
    }
    return false;
  }

  // A source that has ended in peace is not read any more: that it has gone would otherwise be found only
  // when the other direction has something to say, which may be never.
  void watch_ended(std::size_t i) {
    directions_[i].source->on_gone([self = shared_from_this(), i] {
      const bool sleeps = !self->over_ && self->directions_[1 - i].state == HalfState::flowing;
      if (sleeps) self->advance(1 - i, Event::sink_failed);
    });
  }

  // The source has nothing more for now: what the sink has batched leaves, and we sleep until there is more.
  // A sink that cannot be emptied is waited for first; its source's bytes would have to wait behind it
  // anyway.
  void push_out(std::size_t i) {
    auto& d = directions_[i];
    switch (d.sink->flush()) {
      case IoStatus::ok:
        return await_source(i);
      case IoStatus::would_block:
        return await_sink(i);
      default:
        advance(i, Event::sink_failed);
    }
  }

  bool pass_on(std::size_t i) {
    auto& d = directions_[i];
    const auto took = d.sink->take(d.source->ready());
    d.source->consume(took.bytes);
    counters_->add(i, took.bytes);
    if (took.bytes > 0) moved();
    if (took.status == IoStatus::ok) return true;
    if (took.status == IoStatus::would_block) {
      await_sink(i);
    } else {
      advance(i, Event::sink_failed);
    }
    return false;
  }

  void drain(std::size_t i) {
    switch (directions_[i].sink->flush()) {
      case IoStatus::ok:
        return advance(i, Event::sink_empty);
      case IoStatus::would_block:
        return await_sink(i);
      default:
        advance(i, Event::sink_failed);
    }
  }

  void finish(std::size_t i) {
    const auto& d = directions_[i];
    const bool in_peace = d.source->end() == End::open || d.source->end() == End::clean;
    if (!in_peace) d.sink->breaks_off();
    switch (d.sink->finish()) {
      case IoStatus::ok:
        return advance(i, Event::sink_finished);
      case IoStatus::would_block:
        return await_sink(i);
      default:
        advance(i, Event::sink_failed);
    }
  }

  // The one place where states change; the consequences of a change follow here.
  void advance(std::size_t i, Event event) {
    auto& d = directions_[i];
    auto& other = directions_[1 - i];
    const HalfState before = d.state;
    d.state = next(d.state, event, d.sink->half_closes());
    if (d.state == HalfState::waiting && other.state == HalfState::done)
      d.state = next(d.state, Event::other_done, false);
    if (d.state == before) return;
    if (d.state == HalfState::finishing && other.state == HalfState::done) bound_finish();
    if (d.state == HalfState::finishing) return finish(i);
    if (d.state == HalfState::waiting || event == Event::sink_failed) watch_silence();
    if (d.state == HalfState::done) ended(i);
  }

  void ended(std::size_t i) {
    auto& d = directions_[i];
    auto& other = directions_[1 - i];
    if (other.state == HalfState::done) return complete();
    if (d.source->end() == End::open) d.source->discard();
    const bool source_over = d.source->end() != End::open;
    if (source_over && !(d.source->end() == End::clean && d.source->open_after_eof())) {
      force(1 - i, Event::sink_closing);
    } else {
      advance(1 - i, Event::other_done);
      if (!over_ && other.state == HalfState::finishing) bound_finish();
    }
  }

  // Moves a direction on that may be asleep on its source; its callback, when it comes, finds the new state.
  void force(std::size_t i, Event event) {
    advance(i, event);
    if (!over_ && directions_[i].state == HalfState::finishing) bound_finish();
  }

  void bound_finish() {
    if (bounded_) return;
    bounded_ = true;
    limit_.expires_after(times_.finish_limit);
    limit_.async_wait([self = shared_from_this()](const boost::system::error_code& error) {
      if (error) return;
      bool goes_on = false;
      for (std::size_t i : {0U, 1U}) {
        if (self->over_ || self->directions_[i].state != HalfState::finishing) continue;
        const bool more =
            !self->abandoned_ && !self->stopped_ && self->directions_[i].sink->still_finishing();
        if (!more) self->advance(i, Event::sink_failed);
        goes_on = goes_on || more;
      }
      self->bounded_ = false;
      if (goes_on && !self->over_) self->bound_finish();
    });
  }

  void watch_silence() {
    watching_ = true;
    moved();
  }

  void moved() {
    if (!watching_) return;
    silence_.expires_after(times_.drain_silence);
    silence_.async_wait([self = shared_from_this()](const boost::system::error_code& error) {
      if (!error && !self->over_) self->on_silence();
    });
  }

  void on_silence() {
    // A direction whose sink does not take is slow, not silent: back-pressure may last as long as it likes.
    for (const auto& d : directions_) {
      if (!abandoned_ && d.state == HalfState::flowing && !d.source->ready().empty()) return moved();
    }
    watching_ = false;
    // Both are judged before either is moved: an end that is passed on now has its answer still to come.
    const std::array<bool, 2> overdue = {is_overdue(0), is_overdue(1)};
    for (std::size_t i : {0U, 1U}) {
      if (!over_ && overdue[i]) force(i, Event::silence);
    }
  }

  bool is_overdue(std::size_t i) const {
    const HalfState state = directions_[i].state;
    const bool other_gone = directions_[1 - i].state == HalfState::done;
    const bool stuck = abandoned_ && state == HalfState::draining;
    return state == HalfState::waiting || stuck || (other_gone && state == HalfState::flowing);
  }

  void abandon_near() {
    if (over_ || std::exchange(abandoned_, true)) return;
    advance(1, Event::sink_failed);
    if (!over_) watch_silence();
    if (!over_ && directions_[0].state == HalfState::finishing) bound_finish();
  }

  void complete() {
    if (over_) return;
    over_ = true;
    silence_.cancel();
    limit_.cancel();
    near.close();
    far.close();
    finished_.cancel();
    report();
  }

  // The streams are there as long as done_ is: the relay's destructor drops it.
  void report() {
    if (!done_) return;
    net::post(executor_, [self = shared_from_this()] {
      if (const Done done = std::exchange(self->done_, nullptr)) done(self->outcome());
    });
  }

  Outcome outcome() const {
    Outcome out;
    out.near_to_far = counters_->get(0);
    out.far_to_near = counters_->get(1);
    out.near = near.end();
    out.far = far.end();
    out.far_close_code = far.peer_close_code();
    out.near_broke_off = directions_[0].broke_off && !abandoned_;
    out.detail = out.far != End::open && out.far != End::clean ? far.end_detail() : near.end_detail();
    return out;
  }

  net::any_io_executor executor_;
  Stream& near;
  Stream& far;
  std::array<Direction, 2> directions_;
  const std::shared_ptr<Counters> counters_ = std::make_shared<Counters>();
  RelayTimes times_;
  net::steady_timer silence_;
  net::steady_timer limit_;
  net::steady_timer finished_;
  Done done_;
  bool watching_ = false;
  bool bounded_ = false;
  bool abandoned_ = false;  // the near stream's peer is gone
  bool stopped_ = false;
  bool over_ = false;
};

Relay::Relay(net::any_io_executor executor, Stream& near, Stream& far, RelayTimes times)
    : impl_(std::make_shared<Impl>(std::move(executor), near, far, times)) {}

Relay::~Relay() {
  impl_->done_ = nullptr;
  impl_->complete();
}

void Relay::start(Done done) {
  impl_->start(std::move(done));
}

net::awaitable<Outcome> Relay::run() {
  const auto impl = impl_;
  impl->start(nullptr);
  if (!impl->over_) co_await impl->finished_.async_wait(net::as_tuple(net::use_awaitable));
  co_return impl->outcome();
}

void Relay::stop() {
  const auto impl = impl_;
  impl->stopped_ = true;
  for (std::size_t i : {0U, 1U}) {
    if (!impl->over_) impl->force(i, Event::sink_closing);
  }
}

void Relay::abandon_near() {
  const auto impl = impl_;
  impl->abandon_near();
}

std::uint64_t Relay::near_to_far() const {
  return impl_->counters_->get(0);
}
std::uint64_t Relay::far_to_near() const {
  return impl_->counters_->get(1);
}

std::shared_ptr<const Counters> Relay::counters() const {
  return impl_->counters_;
}

}  // namespace cfpipe::tunnel
