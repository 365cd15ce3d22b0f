#include "edge/identity/signed_state.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "base/base64.h"
#include "base/text.h"

namespace cfpipe::edge {
namespace {

constexpr std::size_t kStateKeyBytes = 32;

}  // namespace

Result<SignedState> SignedState::open(KeyStore& keys) {
  auto known = keys.find("notes");
  if (!known) return known.error();
  if (!*known) {
    const Secret fresh(random_bytes(kStateKeyBytes));
    if (auto added = keys.insert("notes", fresh); !added) return added.error();
    known = keys.find("notes");
    if (!known) return known.error();
  }
  if (!*known || (*known)->reveal().size() != kStateKeyBytes)
    return Failure(Stage::state, Cause::state_unreadable, "the notes key is damaged");
  return SignedState(std::move(**known));
}

std::string SignedState::tag(std::string_view kind, std::string_view payload) const {
  std::string input(kind);
  input.push_back('\n');
  input += payload;
  std::string out(EVP_MAX_MD_SIZE, '\0');
  unsigned length = 0;
  HMAC(EVP_sha256(), key_.reveal().data(), static_cast<int>(key_.reveal().size()),
       reinterpret_cast<const unsigned char*>(input.data()), input.size(),
       reinterpret_cast<unsigned char*>(out.data()), &length);
  out.resize(length);
  return out;
}

// A note's payload is base64url, without blanks.
std::string SignedState::derive(std::string_view kind, std::string_view text) const {
  return base64url(tag(kind, "derived " + std::string(text)));
}

std::string SignedState::write(std::string_view kind, boost::json::object content,
                               std::int64_t expires) const {
  content["exp"] = expires;
  const std::string payload = base64url(boost::json::serialize(content));
  return payload + "." + base64url(tag(kind, payload));
}

std::optional<boost::json::object> SignedState::read(std::string_view kind, std::string_view note,
                                                     std::int64_t now) const {
  const std::size_t dot = note.find('.');
  if (note.size() > kMaxNoteBytes || dot == std::string_view::npos) return std::nullopt;
  const std::string_view payload = note.substr(0, dot);
  const auto given = decode_base64url(note.substr(dot + 1));
  if (!given || !same_secret(*given, tag(kind, payload))) return std::nullopt;
  const auto json = decode_base64url(payload);
  if (!json) return std::nullopt;
  boost::system::error_code error;
  const boost::json::value value = boost::json::parse(*json, error);
  if (error || !value.is_object() || number_of(value.get_object(), "exp") <= now) return std::nullopt;
  return value.get_object();
}

}  // namespace cfpipe::edge
