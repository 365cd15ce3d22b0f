#pragma once

#include "base/error.h"
#include "base/platform/own_file.h"
#include "edge/config/listen_address.h"

namespace cfpipe::edge {

/// A non-blocking Unix-domain socket that listens at the path. A file that no process listens at any more is
/// replaced; where one does, or where others may write the directory, it is a fault. At no time may other
/// programs connect than those that the listener's group says. Stage::config.
Result<Fd> open_unix_listener(const Listener& where);

/// Admits the programs of the listener's group to the socket's file. A file of another user's stays as it is:
/// the service manager has opened it, by its own rules. Stage::config.
Result<void> admit_group(const Listener& where);

/// Whether a socket that listens there can still be reached: a file of that name is there, and a socket.
bool is_in_place(const Listener& where);

}  // namespace cfpipe::edge
