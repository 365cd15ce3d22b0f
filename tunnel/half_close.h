#pragma once

namespace cfpipe::tunnel {

/// State of one direction of a tunnel on the way to its end. Each direction has its own. next() has the
/// transitions; the relay acts on them.
///
///   flowing    the source may have more
///   draining   the source has ended; the sink still holds bytes
///   waiting    the sink is empty but cannot half-close, so its end is held back for the other direction
///   finishing  finish() was called on the sink, which still holds bytes
///   done       no more bytes move in this direction
enum class HalfState { flowing, draining, waiting, finishing, done };

enum class Event {
  source_ended,   ///< fill() returned eof or failed
  sink_empty,     ///< flush() returned ok
  other_done,     ///< the opposite direction is done
  silence,        ///< nothing moved for kDrainSilence while one direction had ended
  sink_closing,   ///< the sink's own source has ended and it takes nothing after that, or the tunnel is being
                  ///< stopped
  sink_finished,  ///< finish() returned ok
  sink_failed,    ///< take(), flush() or finish() failed, or finish() timed out
};

/// The state after `event`; `half_closes` is the sink's. An event that does not apply changes nothing.
HalfState next(HalfState state, Event event, bool half_closes);

}  // namespace cfpipe::tunnel
