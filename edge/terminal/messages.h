#pragma once

#include <boost/json/object.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/secret.h"

namespace cfpipe::edge::terminal {

/// Bounds of what a page may say: characters across and down, bytes of a user name.
inline constexpr std::int64_t kMaxColumns = 1000;
inline constexpr std::int64_t kMaxRows = 1000;
inline constexpr std::size_t kMaxUserBytes = 64;

/// What the page says: docs/TERMINAL.md has all of it.
struct Size {
  int columns = 80;
  int rows = 24;
};
struct Start {
  Size size;
  std::string user;  ///< may be empty
  std::uint64_t position = 0;
};
struct LogIn {
  std::optional<Secret> password;
  std::optional<Secret> private_key;
  Secret passphrase;
  std::vector<Secret> answers;
};
/// Nothing where the page has said what makes no sense.
std::optional<Start> read_start(std::string_view json);
std::optional<Size> read_size(std::string_view json);
std::optional<std::uint64_t> read_position(std::string_view json);
std::optional<LogIn> read_log_in(std::string_view json);

/// Why a session is over, in words for a person.
struct Ending {
  std::string code;
  std::string text;  ///< a sentence
  std::string hint;  ///< the next step, or empty
  int status = 0;    ///< of `exit`
  boost::json::object details = {};
};

/// A question that the origin's server asks (RFC 4256 3.2).
struct Prompt {
  std::string text;
  bool echo = false;
};
struct InfoRequest {
  std::string name;
  std::string instruction;
  std::vector<Prompt> prompts;
};

struct Opened {
  std::string session;
  std::string user;
  std::uint64_t position = 0;
  std::uint64_t end = 0;  ///< of the output so far: up to there it has been shown before
  std::int64_t ends = 0;
  std::string host_key;  ///< fingerprint
  bool first_use = false;
};

std::string connecting_event(std::string_view application, std::string_view user);
/// `methods` in the words of SSH (RFC 4252 5).
std::string credentials_event(const std::vector<std::string>& methods, std::string_view error);
std::string prompts_event(const InfoRequest& info_request);
std::string opened_event(const Opened& opened);
/// The edge ends then, Unix seconds, and the session with it.
std::string leaving_event(std::int64_t ends);
std::string ended_event(const Ending& ending);
/// The channel for files is there; or it is not any more, or not at all, and why. `code`: for the page.
std::string files_open_event();
std::string files_closed_event(std::string_view code, std::string_view text, std::string_view hint);
std::string position_message(std::uint64_t position);

}  // namespace cfpipe::edge::terminal
