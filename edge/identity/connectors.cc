#include "edge/identity/connectors.h"

#include <boost/json/serialize.hpp>
#include <utility>

#include "auth/connector/protocol.h"
#include "base/json.h"
#include "base/text.h"

namespace cfpipe::edge {
namespace {

/// Kinds of what is pending: tokens, by a digest of the secret; and, by name, the latest revocation of that
/// name that may have come after a token was made.
constexpr std::string_view kTokens = "connector";
constexpr std::string_view kRevocations = "connector-revoked";
/// Random bytes: 16 characters, as auth::is_connector_id() wants them.
constexpr std::size_t kConnectorIdBytes = 12;

/// The secret enrols, so a copy of the database should not hold it.
std::string key_of(std::string_view secret) {
  return hex(sha256(secret));
}

}  // namespace

Result<std::optional<auth::EnrolmentToken>> Connectors::invite(const std::string& name, Authority edge,
                                                               std::int64_t now) {
  auto token = auth::EnrolmentToken::make(std::move(edge));
  const auto revocation = pending_.find(kRevocations, name, now);
  if (!revocation) return revocation.error();
  const std::string value = boost::json::serialize(
      boost::json::object{{"name", name}, {"revocation", revocation->value_or(std::string())}});
  const auto kept = pending_.put(kTokens, key_of(token.secret.reveal()), value, now + kEnrolmentSeconds, now);
  if (!kept) return kept.error();
  if (!*kept) return std::optional<auth::EnrolmentToken>();
  return std::optional<auth::EnrolmentToken>(std::move(token));
}

/// Takes the token. Nothing: it is none.
Result<std::optional<Connectors::Token>> Connectors::take(std::string_view secret, std::int64_t now) {
  const auto value = pending_.take(kTokens, key_of(secret), now);
  if (!value) return value.error();
  const auto token = *value ? parse_json_object(**value) : std::nullopt;
  if (!token) return std::optional<Token>();
  return std::optional<Token>({text_of(*token, "name"), text_of(*token, "revocation")});
}

/// Whether the token's name was revoked after the token was made.
Result<bool> Connectors::is_void(const Token& token, std::int64_t now) {
  const auto revocation = pending_.find(kRevocations, token.name, now);
  if (!revocation) return revocation.error();
  return *revocation && **revocation != token.revocation;
}

Result<Connectors::Enrolled> Connectors::enrol(const Enrolment& asked, std::int64_t now) {
  Enrolled out;
  out.why = Enrolled::Why::no_such_token;
  const auto token = take(asked.secret, now);
  if (!token) return token.error();
  if (!*token) return out;
  auto revoked = is_void(**token, now);
  if (!revoked) return revoked.error();
  if (*revoked) return out;
  out.row = {random_id(kConnectorIdBytes), (*token)->name, asked.public_key, asked.host, now, 0};
  const auto added = connectors_.insert(out.row);
  if (!added) return added.error();
  out.why = *added ? Enrolled::Why::none : Enrolled::Why::no_room;
  if (!*added) return out;
  // Another process may have revoked the name meanwhile. It has made its mark before it looked for
  // connectors: either it has found this one, or the mark is found here.
  revoked = is_void(**token, now);
  if (revoked && !*revoked) return out;
  if (const auto erased = connectors_.erase(out.row.id); !erased) return erased.error();
  if (!revoked) return revoked.error();
  out.why = Enrolled::Why::no_such_token;
  return out;
}

Result<std::vector<ConnectorRow>> Connectors::revoke(const std::string& id_or_name, std::int64_t now) {
  const auto one = connectors_.find(id_or_name);
  if (!one) return one.error();
  if (*one) {
    const auto erased = connectors_.erase(id_or_name);
    if (!erased) return erased.error();
    return *erased ? std::vector{**one} : std::vector<ConnectorRow>();
  }
  // Lasts as long as a token that was made before. Administrators alone make marks: there is room.
  const auto marked =
      pending_.put(kRevocations, id_or_name, random_id(kConnectorIdBytes), now + kEnrolmentSeconds, now);
  if (!marked) return marked.error();
  return connectors_.erase_named(id_or_name);
}

}  // namespace cfpipe::edge
