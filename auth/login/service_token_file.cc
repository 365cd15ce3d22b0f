#include "auth/login/service_token_file.h"

#include <algorithm>
#include <array>

#include "base/json.h"
#include "base/platform/secret_file.h"
#include "base/text.h"

namespace cfpipe::auth {
namespace {

/// Names for the two halves, in lower case and with `_` for `-`. `id` comes last: beside a `client_id`, as in
/// the API's answers, it is something else.
constexpr std::array<std::string_view, 4> kIdNames{"client_id", "cf_access_client_id",
                                                   "tunnel_service_token_id", "id"};
constexpr std::array<std::string_view, 4> kSecretNames{"client_secret", "cf_access_client_secret",
                                                       "tunnel_service_token_secret", "secret"};

std::string plain_name(std::string_view name) {
  std::string out;
  for (const char c : name) {
    const bool upper = c >= 'A' && c <= 'Z';
    out += c == '-' ? '_' : upper ? static_cast<char>(c - 'A' + 'a') : c;
  }
  return out;
}

template <std::size_t N>
bool is_one_of(const std::array<std::string_view, N>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

/// Collects the two halves; each may be there once.
class Halves {
 public:
  void take_named(std::string_view name, std::string_view value) {
    const std::string plain = plain_name(name);
    if (is_one_of(kIdNames, plain)) take(id_, value);
    if (is_one_of(kSecretNames, plain)) take(secret_, value);
  }
  void take_in_order(std::string_view value) { take(id_.empty() ? id_ : secret_, value); }

  std::optional<ServiceToken> token() && {
    if (twice_ || !is_sendable(id_.reveal()) || !is_sendable(secret_.reveal())) return std::nullopt;
    return ServiceToken{std::string(id_.reveal()), std::move(secret_)};
  }

 private:
  void take(Secret& half, std::string_view value) {
    twice_ = twice_ || !half.empty();
    half = Secret(std::string(value));
  }
  static bool is_sendable(std::string_view text) {
    return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7f; });
  }
  Secret id_;
  Secret secret_;
  bool twice_ = false;
};

std::string_view without_quotes(std::string_view value) {
  const bool quoted =
      value.size() >= 2 && value.front() == value.back() && (value.front() == '"' || value.front() == '\'');
  return quoted ? value.substr(1, value.size() - 2) : value;
}

void take_line(std::string_view line, Halves& halves) {
  line = trimmed(line);
  if (line.empty() || line.front() == '#') return;
  constexpr std::string_view kExport = "export ";
  if (line.starts_with(kExport)) line.remove_prefix(kExport.size());
  const auto separator = line.find_first_of("=:");
  if (separator == std::string_view::npos) return halves.take_in_order(line);
  halves.take_named(trimmed(line.substr(0, separator)), without_quotes(trimmed(line.substr(separator + 1))));
}

/// The value of the first of the names that the object has.
template <std::size_t N>
std::string value_of(const boost::json::object& object, const std::array<std::string_view, N>& names) {
  for (const auto wanted : names) {
    for (const auto& member : object) {
      const std::string_view name(member.key().data(), member.key().size());
      if (plain_name(name) == wanted) return text_of(object, name);
    }
  }
  return {};
}

Failure unusable_token_file(const std::string& path, std::string_view why) {
  return {Stage::config, Cause::file_unusable, path + ": " + std::string(why)};
}

}  // namespace

std::optional<ServiceToken> parse_service_token(std::string_view text) {
  Halves halves;
  const auto start = text.find_first_not_of(" \t\r\n");
  if (start != std::string_view::npos && text[start] == '{') {
    const auto object = parse_json_object(text);
    if (!object) return std::nullopt;
    // The API has what it answers in a member of its own.
    const auto* result = object->if_contains("result");
    const auto& fields = result != nullptr && result->is_object() ? result->get_object() : *object;
    halves.take_in_order(value_of(fields, kIdNames));
    halves.take_in_order(value_of(fields, kSecretNames));
    return std::move(halves).token();
  }
  while (!text.empty()) {
    const auto end = text.find('\n');
    take_line(text.substr(0, end), halves);
    text = end == std::string_view::npos ? std::string_view{} : text.substr(end + 1);
  }
  return std::move(halves).token();
}

Result<ServiceToken> read_service_token_file(const std::string& path) {
  const auto file = open_secret_file(path);
  if (!file) return unusable_token_file(path, file.error().detail);
  if (!*file) return unusable_token_file(path, "there is no such file");
  if ((*file)->info.st_size > static_cast<off_t>(kMaxServiceTokenFileBytes)) {
    return unusable_token_file(path, "is larger than a service token can be");
  }
  const auto text = read_own_file(**file, path);
  if (!text) return Failure(Stage::config, Cause::file_unusable, text.error().detail);
  auto token = parse_service_token(text->reveal());
  if (!token)
    return unusable_token_file(path, "holds no service token (one line with its id, one with its secret)");
  return std::move(*token);
}

}  // namespace cfpipe::auth
