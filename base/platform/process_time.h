#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>

namespace cfpipe::auth {

/// When a process started, in milliseconds since 1970: boot time (whole seconds, `btime` of /proc/stat) plus
/// field 22 of /proc/PID/stat. cloudflared writes the same number into its lock files. Nothing if there is no
/// such process, if it has ended and only waits to be reaped, or without /proc.
std::optional<std::int64_t> process_start_ms(pid_t pid);

}  // namespace cfpipe::auth
