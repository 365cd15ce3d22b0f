#include "tunnel/resume/in_band.h"

#include <algorithm>
#include <variant>

#include "base/base64.h"
#include "base/text.h"

namespace cfpipe::tunnel {
namespace {

constexpr std::string_view kStart = "cfpipe-resume-1 ";
constexpr std::string_view kEnd = "\r\n";
constexpr std::size_t kKeyCharacters = 43;
constexpr std::size_t kLineBytes = kStart.size() + kKeyCharacters + 1 + kAgentCharacters + kEnd.size();

}  // namespace

std::string text_of(const Announcement& announcement) {
  return std::string(kStart) + base64url(announcement.key) + " " + announcement.agent + std::string(kEnd);
}

std::optional<Announcement> parse_announcement(std::string_view line) {
  if (line.size() != kLineBytes || !line.starts_with(kStart) || !line.ends_with(kEnd)) return std::nullopt;
  auto key = decode_base64url(line.substr(kStart.size(), kKeyCharacters));
  const auto agent = line.substr(kStart.size() + kKeyCharacters + 1, kAgentCharacters);
  if (!key || key->size() != kResumeKeyBytes || line[kStart.size() + kKeyCharacters] != ' ' ||
      !std::all_of(agent.begin(), agent.end(), [](char c) { return c > ' ' && c <= '~'; }))
    return std::nullopt;
  return Announcement{std::move(*key), std::string(agent)};
}

bool looks_announced(std::string_view text) {
  return text.starts_with(kStart);
}

std::string in_band(const ResumeRequest& request) {
  return kInBandMark + std::visit([](const auto& one) { return text_of(one); }, request) + "\n";
}

SessionId in_band_session(std::string_view client_key, std::string_view announced_key) {
  const std::string digest =
      sha256(std::string(kStart) + std::string(client_key) + std::string(announced_key));
  SessionId out{};
  std::copy_n(digest.begin(), out.size(), out.begin());
  return out;
}

}  // namespace cfpipe::tunnel
