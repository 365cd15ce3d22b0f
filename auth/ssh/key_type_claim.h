#pragma once

#include <optional>
#include <string_view>

#include "auth/ssh/key.h"

namespace cfpipe::auth {

/// The claim of an edge's signed metadata that says which kind of key an application's servers take, and its
/// value: what SSH calls the kind. Only kinds that a client makes have one (ours alone).
inline constexpr std::string_view kKeyTypeClaim = "ssh_key";
std::string_view key_type_claim(KeyType type);
/// Nothing for every other value.
std::optional<KeyType> claimed_key_type(std::string_view value);

}  // namespace cfpipe::auth
