#pragma once

#include <csignal>

namespace cfpipe::transport {

/// From now on a write to a pipe without a reader fails with EPIPE, and one past the size limit of a file
/// (RLIMIT_FSIZE) with EFBIG; by default SIGPIPE and SIGXFSZ end the process. A program that this process
/// becomes, or starts, inherits that: give those signals back to it.
void ignore_write_signals();
/// Before exec(): as they are by default.
void restore_write_signals();
/// Adds them to the signals that a started program gets back (posix_spawnattr_setsigdefault).
void add_write_signals(sigset_t& signals);

}  // namespace cfpipe::transport
