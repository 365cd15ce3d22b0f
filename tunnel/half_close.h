#pragma once

namespace cfpipe::tunnel {

/// How one direction of a tunnel comes to its end. Each of a tunnel's two directions has a state of its own;
/// the transitions are this table, what they cause is the relay's.
///
///   flowing    the source may have more
///   draining   the source has ended; the sink still holds bytes
///   waiting    the sink is empty but would take its other direction down with it, so its end is held back
///   finishing  finish() was called on the sink and has not all left
///   done       nothing more moves this way
enum class Way { flowing, draining, waiting, finishing, done };

enum class Event {
  source_ended,   ///< fill() said eof or failed
  sink_empty,     ///< flush() said ok
  other_done,     ///< the opposite direction is done
  silence,        ///< nothing moved for kDrainSilence while one direction had ended
  sink_closing,   ///< the sink's own source has ended and it takes nothing after that, or the tunnel is being
                  ///< stopped
  sink_finished,  ///< finish() said ok
  sink_failed,    ///< take(), flush() or finish() failed, or the last words took too long
};

/// The next state; `half_closes` is the sink's. Events that mean nothing in a state leave it as it is.
Way next(Way state, Event event, bool half_closes);

}  // namespace cfpipe::tunnel
