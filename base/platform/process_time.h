#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>

namespace cfpipe {

/// Start time of a process in milliseconds since 1970: boot time (`btime` of /proc/stat, whole seconds) plus
/// field 22 of /proc/PID/stat. cloudflared writes the same number into its lock files. Nothing without such a
/// process, for a zombie, or without /proc.
std::optional<std::int64_t> process_start_ms(pid_t pid);

}  // namespace cfpipe
