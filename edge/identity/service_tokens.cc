#include "edge/identity/service_tokens.h"

#include "base/log.h"
#include "base/text.h"

namespace cfpipe::edge {
namespace {

/// Random bytes of id and secret. Of a secret of 256 random bits a plain digest is enough: nothing can be
/// guessed that a slow one would protect.
constexpr std::size_t kClientIdBytes = 16;
constexpr std::size_t kSecretBytes = 32;
constexpr std::string_view kIdSuffix = ".access";
/// Longest id and secret that are looked at, in bytes.
constexpr std::size_t kMaxCredentialBytes = 256;

}  // namespace

Result<std::optional<NewServiceToken>> ServiceTokens::create(const std::string& name,
                                                             std::chrono::seconds lifetime,
                                                             std::int64_t now) {
  NewServiceToken made{hex(random_bytes(kClientIdBytes)) + std::string(kIdSuffix),
                       Secret(hex(random_bytes(kSecretBytes)))};
  ServiceTokenRow row;
  row.name = name;
  row.client_id = made.client_id;
  row.secret_hash = sha256(made.secret.reveal());
  row.created = now;
  row.expires = now + lifetime.count();
  const auto added = store_.insert(row);
  if (!added) return added.error();
  if (!*added) return std::optional<NewServiceToken>();
  return std::optional<NewServiceToken>(std::move(made));
}

CheckedServiceToken ServiceTokens::check(std::string_view client_id, std::string_view secret,
                                         std::int64_t now) {
  if (client_id.empty() || secret.empty()) return {{}, "the service token lacks its id or its secret"};
  const bool sane = client_id.size() <= kMaxCredentialBytes && secret.size() <= kMaxCredentialBytes;
  const auto row = store_.find(sane ? client_id : std::string_view());
  if (!row) {
    spdlog::error("state: {}", row.error().detail);
    return {{}, "this edge cannot look service tokens up now"};
  }
  if (!*row || !same_secret((*row)->secret_hash, sha256(secret)))
    return {{}, "the service token's id or secret is wrong, or it was revoked"};
  if ((*row)->expires <= now)
    return {{}, "service token " + (*row)->name + " expired at " + rfc3339((*row)->expires)};
  if (const auto noted = store_.touch(client_id, now); !noted)
    spdlog::error("state: {}", noted.error().detail);
  return {*row, {}};
}

std::optional<ServiceTokenRow> ServiceTokens::find(std::string_view client_id, std::int64_t now) const {
  const auto row = store_.find(client_id);
  if (!row) spdlog::error("state: {}", row.error().detail);
  if (!row || !*row || (*row)->expires <= now) return std::nullopt;
  return *row;
}

}  // namespace cfpipe::edge
