#include "tunnel/half_close.h"

namespace cfpipe::tunnel {

HalfState next(HalfState state, Event event, bool half_closes) {
  if (state == HalfState::done) return HalfState::done;
  switch (event) {
    case Event::source_ended:
      return state == HalfState::flowing ? HalfState::draining : state;
    case Event::sink_empty:
      if (state != HalfState::draining) return state;
      return half_closes ? HalfState::finishing : HalfState::waiting;
    case Event::other_done:
      return state == HalfState::waiting ? HalfState::finishing : state;
    case Event::silence:
    case Event::sink_closing:
      return HalfState::finishing;
    case Event::sink_finished:
      return state == HalfState::finishing ? HalfState::done : state;
    case Event::sink_failed:
      return HalfState::done;
  }
  return state;
}

}  // namespace cfpipe::tunnel
