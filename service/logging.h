#pragma once

namespace cfpipe::service {

enum class LogFormat { text, json };

/// Logs to standard error from now on, one line for each event: as text with its time and level in front, or
/// as a JSON object with `time` (RFC 3339, UTC, milliseconds), `level` and `message`.
void log_to_stderr(LogFormat format);
/// What that was.
LogFormat log_format();

}  // namespace cfpipe::service
