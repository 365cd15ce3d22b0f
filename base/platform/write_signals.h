#pragma once

#include <csignal>

namespace cfpipe {

/// Ignores SIGPIPE and SIGXFSZ: a write to a pipe without a reader fails with EPIPE, and one past
/// RLIMIT_FSIZE with EFBIG. Programs that this process starts or becomes inherit that, unless one of the next
/// two is used.
void ignore_write_signals();
/// Restores the default actions of both signals, before exec().
void restore_write_signals();
/// Adds both to the signals that a started program gets with default actions (posix_spawnattr_setsigdefault).
void add_write_signals(sigset_t& signals);

}  // namespace cfpipe
