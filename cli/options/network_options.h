#pragma once

#include <chrono>
#include <string_view>

#include "cli/options/command_line.h"
#include "cli/options/options.h"

namespace cfpipe::cli {

/// What a deadline may be set to.
inline constexpr std::chrono::milliseconds kMinDeadline{10};
inline constexpr std::chrono::milliseconds kMaxDeadline{600'000};

/// `500ms`, `5s`, `2m`, or a number of seconds.  Cause::bad_option, with the name of the flag.
Result<std::chrono::milliseconds> parse_deadline(std::string_view text, std::string_view flag);

/// The options that are about the way to the edge: deadlines, proxies, client certificates. `spelled` is the
/// command as it was typed. Stage::input. A proxy of the environment
/// that is not understood counts only when something would go through it (ProxySettings::fault).
Result<void> take_network(RawOptions& raw, std::string_view spelled, const Environment& environment,
                          Options& options);

}  // namespace cfpipe::cli
