#pragma once

namespace cfpipe::edge {

/// Names the format where --log-format does not.
inline constexpr const char* kLogFormatVariable = "CFPIPE_EDGE_LOG_FORMAT";

enum class LogFormat { text, json };

/// Logs to standard error from now on, one line for each event: as text with its time and level in front, or
/// as a JSON object with `time` (RFC 3339, UTC, milliseconds), `level` and `message`.
void log_to_stderr(LogFormat format);
/// What that was.
LogFormat log_format();

}  // namespace cfpipe::edge
