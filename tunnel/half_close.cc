#include "tunnel/half_close.h"

namespace cfpipe::tunnel {

Way next(Way state, Event event, bool half_closes) {
  if (state == Way::done) return Way::done;
  switch (event) {
    case Event::source_ended:
      return state == Way::flowing ? Way::draining : state;
    case Event::sink_empty:
      if (state != Way::draining) return state;
      return half_closes ? Way::finishing : Way::waiting;
    case Event::other_done:
      return state == Way::waiting ? Way::finishing : state;
    case Event::silence:
    case Event::sink_closing:
      return Way::finishing;
    case Event::sink_finished:
      return state == Way::finishing ? Way::done : state;
    case Event::sink_failed:
      return Way::done;
  }
  return state;
}

}  // namespace cfpipe::tunnel
