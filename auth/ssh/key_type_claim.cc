#include "auth/ssh/key_type_claim.h"

#include <array>

namespace cfpipe::auth {
namespace {

struct KeyTypeName {
  KeyType type;
  std::string_view name;
};
constexpr std::array<KeyTypeName, 2> kKeyTypeNames{
    {{KeyType::ed25519, "ssh-ed25519"}, {KeyType::ecdsa_p256, "ecdsa-sha2-nistp256"}}};

}  // namespace

std::string_view key_type_claim(KeyType type) {
  for (const auto& kind : kKeyTypeNames)
    if (kind.type == type) return kind.name;
  return {};
}

std::optional<KeyType> claimed_key_type(std::string_view value) {
  for (const auto& kind : kKeyTypeNames)
    if (kind.name == value) return kind.type;
  return std::nullopt;
}

}  // namespace cfpipe::auth
