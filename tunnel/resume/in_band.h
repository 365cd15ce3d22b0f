#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "tunnel/resume/handshake.h"

namespace cfpipe::tunnel {

/// How both ends agree where what is between them passes no headers of ours: by lines on the tunnel itself
/// (docs/PROTOCOL_TUNNEL.md). An SSH server may send lines in front of its version (RFC 4253 4.2); one of
/// them announces what stands in front of the server, and the client's first byte is its answer.

/// Longest line in front of a version, and version, together, in bytes: what clients in the field take.
inline constexpr std::size_t kMaxBanner = 255;
/// The first byte of a client that has understood: no SSH client's.
inline constexpr char kInBandMark = '\0';
/// Characters of an agent's name.
inline constexpr std::size_t kAgentCharacters = 16;
/// For how long a client comes back, where the other end does not say for how long it waits.
inline constexpr std::chrono::seconds kInBandGrace{30 * 60};
/// How long either end may take for a line.
inline constexpr std::chrono::milliseconds kInBandLimit{10'000};

/// The line with its CRLF: `cfpipe-resume-1 KEY AGENT`.
struct Announcement {
  std::string key;    ///< public, of the announcing end
  std::string agent;  ///< which it is, of several behind one name: tunnels are at one of them
};
std::string text_of(const Announcement& announcement);
/// Nothing: it is another line.
std::optional<Announcement> parse_announcement(std::string_view line);
/// Whether it begins as one does.
bool looks_announced(std::string_view text);

/// What the client sends in its place: mark, request, LF.
std::string in_band(const ResumeRequest& request);
/// The answer to a ResumeAttach for which there is no tunnel, or that proves nothing.
inline constexpr std::string_view kInBandGone = "1 gone";
/// The tunnel's, which both know from their keys.
SessionId in_band_session(std::string_view client_key, std::string_view announced_key);

}  // namespace cfpipe::tunnel
