#include "edge/identity/login_links.h"

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include "base/json.h"
#include "base/text.h"

namespace cfpipe::edge {
namespace {

constexpr std::string_view kLinks = "link";
/// Without those that people take for each other: 0 and o, 1, i and l.
constexpr std::string_view kAlphabet = "abcdefghjkmnpqrstuvwxyz23456789";
constexpr std::size_t kGroup = 4;
/// Bytes from here on would make the first characters of the alphabet likelier than the others.
constexpr std::size_t kFairBytes = 256 / kAlphabet.size() * kAlphabet.size();

std::string random_code() {
  std::string code;
  while (code.size() < kLinkCodeCharacters) {
    const std::size_t byte = static_cast<unsigned char>(random_bytes(1)[0]);
    if (byte < kFairBytes) code += kAlphabet.at(byte % kAlphabet.size());
  }
  return code;
}

std::string grouped(std::string_view code) {
  std::string out;
  for (std::size_t at = 0; at < code.size(); at += kGroup)
    out.append(at > 0 ? "-" : "").append(code.substr(at, kGroup));
  return out;
}

/// As random_code() makes them; empty for a text that is none.
std::string code_of(std::string_view text) {
  if (text.size() > 2 * kLinkCodeCharacters) return {};
  std::string code = lower(text);
  std::erase(code, '-');
  const bool valid =
      code.size() == kLinkCodeCharacters && code.find_first_not_of(kAlphabet) == std::string::npos;
  return valid ? code : std::string();
}

std::string link_text(const ProgramLogin& login) {
  return boost::json::serialize(boost::json::object{{"host", login.host},
                                                    {"aud", login.aud},
                                                    {"receiver", login.receiver},
                                                    {"org", login.org_token ? 1 : 0},
                                                    {"close", login.closes_itself ? 1 : 0}});
}

std::optional<ProgramLogin> login_of(std::string_view text) {
  const auto read = parse_json_object(text);
  if (!read) return std::nullopt;
  ProgramLogin login;
  login.host = text_of(*read, "host");
  login.aud = text_of(*read, "aud");
  login.receiver = text_of(*read, "receiver");
  login.org_token = number_of(*read, "org") != 0;
  login.closes_itself = number_of(*read, "close") != 0;
  return login;
}

/// The code opens the page, so a copy of the database should not hold it.
std::string name_of(std::string_view code) {
  return hex(sha256(code));
}

}  // namespace

Result<LoginLinks::Made> LoginLinks::make(const PartyKey& address, const ProgramLogin& login,
                                          std::int64_t seconds, std::int64_t now) {
  const std::string code = random_code();
  const std::string name = name_of(code);
  Made made;
  made.added = links_.add(address, name, now + seconds, now);
  if (made.added != Outstanding::Added::yes) return made;
  const auto kept = pending_.put(kLinks, name, link_text(login), now + seconds, now);
  if (!kept || !*kept) links_.taken(name);
  if (!kept) return kept.error();
  // Another process of this edge may have filled the store.
  if (!*kept) made.added = Outstanding::Added::full;
  if (*kept) made.code = grouped(code);
  return made;
}

Result<LoginLinks::Found> LoginLinks::find(const PartyKey& address, std::string_view code, std::int64_t now) {
  Found found;
  // First, so that the answer to a guess beyond the limit does not depend on whether it was right.
  found.wait = unknown_.wait(address, now);
  if (found.wait > 0) return found;
  if (const std::string known = code_of(code); !known.empty()) {
    const auto value = pending_.find(kLinks, name_of(known), now);
    if (!value) return value.error();
    if (*value) found.login = login_of(**value);
  }
  if (!found.login) unknown_.take(address, now);
  return found;
}

}  // namespace cfpipe::edge
