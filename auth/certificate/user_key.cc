#include "auth/certificate/user_key.h"

#include <cstdlib>
#include <optional>

#include "auth/agent/client.h"
#include "auth/ssh/certificate.h"
#include "auth/ssh/openssh_private_key.h"
#include "base/platform/own_file.h"

namespace cfpipe::auth {
namespace {

namespace net = boost::asio;

constexpr std::string_view kPublicSuffix = ".pub";

Failure unusable(Cause cause, std::string detail) {
  return {Stage::certificate, cause, std::move(detail)};
}

/// The content of a file of the user's; nothing if there is none.
Result<std::optional<Secret>> read_named(const std::string& path) {
  const auto file = open_own_file(path);
  if (!file) return unusable(Cause::file_unusable, file.error().detail);
  if (!*file) return std::optional<Secret>();
  auto content = read_own_file(**file, path);
  if (!content) return unusable(Cause::file_unusable, content.error().detail);
  return std::optional<Secret>(std::move(*content));
}

Result<UserKey> from_public_line(std::string_view content, const std::string& path) {
  auto line = parse_public_key_line(content.substr(0, content.find('\n')));
  if (!line) return unusable(Cause::key_unusable, path + ": " + line.error().detail);
  UserKey key;
  key.blob = std::move(line->blob);
  key.comment = std::move(line->comment);
  return key;
}

Result<UserKey> read_key_file(std::string_view named) {
  const std::string file = private_key_path(named);
  const std::string public_file = file + std::string(kPublicSuffix);
  auto content = read_named(public_file);
  if (!content) return content.error();
  Result<UserKey> key = UserKey();
  if (*content) {
    key = from_public_line((*content)->reveal(), public_file);
  } else {
    content = read_named(file);
    if (!content) return content.error();
    if (!*content) return unusable(Cause::file_unusable, file + ": there is no such file, nor its .pub");
    auto blob = openssh_public_blob((*content)->reveal());
    if (!blob)
      return unusable(Cause::key_unusable, file + ": has no .pub beside it (ssh-keygen -y makes one)");
    key->blob = std::move(*blob);
  }
  if (!key) return key;
  if (!acceptable_user_key(key->blob))
    return unusable(Cause::key_unusable, file + ": of a kind that is not certified");
  key->file = file;
  return key;
}

}  // namespace

std::string private_key_path(std::string_view named) {
  if (named.size() > kPublicSuffix.size() && named.ends_with(kPublicSuffix))
    named.remove_suffix(kPublicSuffix.size());
  return std::string(named);
}

std::string user_agent_socket() {
  const char* path = std::getenv("SSH_AUTH_SOCK");
  return path == nullptr ? std::string() : std::string(path);
}

net::awaitable<Result<UserKey>> find_user_key(net::any_io_executor executor, std::string named,
                                              std::string agent_socket) {
  if (!named.starts_with(kAgentKeyPrefix)) co_return read_key_file(named);
  const std::string wanted = named.substr(kAgentKeyPrefix.size());
  auto found = co_await find_agent_key(executor, agent_socket, wanted);
  if (!found) co_return found.error();
  UserKey key;
  key.blob = std::move(found->blob);
  key.comment = std::move(found->comment);
  key.agent = std::move(agent_socket);
  co_return key;
}

}  // namespace cfpipe::auth
