#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "auth/discovery/context.h"

namespace cfpipe::auth {

/// Largest service token file, in bytes.
inline constexpr std::size_t kMaxServiceTokenFileBytes = 16 * 1024;

/// The id and the secret in a text: a JSON object, lines of a name and a value (`=` or `:` between them), or
/// two lines, the id first. Names are those that the dashboard, the API and the environment have for them;
/// other names, empty lines and comments (`#`) are passed over. Nothing if either is missing, is there twice,
/// or holds a character that no header can carry.
std::optional<ServiceToken> parse_service_token(std::string_view text);

/// The same from a file as open_secret_file() takes it. Stage::config, Cause::file_unusable.
Result<ServiceToken> read_service_token_file(const std::string& path);

}  // namespace cfpipe::auth
