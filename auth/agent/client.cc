#include "auth/agent/client.h"

#include <sys/un.h>

#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#include "auth/agent/protocol.h"
#include "auth/ssh/key.h"
#include "auth/ssh/wire.h"

namespace cfpipe::auth {
namespace {

namespace net = boost::asio;
using Local = net::local::stream_protocol;

constexpr auto kErrorAsValue = net::as_tuple(net::use_awaitable);
/// What is read at once, in bytes.
constexpr std::size_t kReplyReadBytes = 4096;
/// Keys that a message names.
constexpr std::size_t kShownKeys = 4;
/// A comment is shown to this length, in bytes.
constexpr std::size_t kShownComment = 40;
constexpr std::string_view kFingerprint = "SHA256:";
constexpr std::string_view kCertificateSuffix = "-cert-v01@openssh.com";

Failure unreachable(std::string why) {
  return {Stage::certificate, Cause::agent_unreachable, std::move(why)};
}

bool is_certificate(std::string_view blob) {
  SshReader reader(blob);
  return reader.string().ends_with(kCertificateSuffix);
}

/// `SHA256:… comment`, for a few of them.
std::string shown(const std::vector<AgentKey>& keys) {
  std::string text;
  for (std::size_t i = 0; i < keys.size() && i < kShownKeys; ++i) {
    text += (i == 0 ? "" : ", ") + fingerprint(keys[i].blob);
    if (!keys[i].comment.empty()) text += ' ' + printable(keys[i].comment, kShownComment);
  }
  if (keys.size() > kShownKeys) text += " and " + std::to_string(keys.size() - kShownKeys) + " more";
  return text;
}

}  // namespace

struct AgentClient::Impl {
  explicit Impl(const net::any_io_executor& executor) : socket(executor), timer(executor) {}
  Local::socket socket;
  net::steady_timer timer;
  bool late = false;

  void close() {
    boost::system::error_code ignored;
    socket.close(ignored);
    timer.cancel();
  }
  static void start_timer(const std::shared_ptr<Impl>& self, std::chrono::milliseconds timeout) {
    self->timer.expires_after(timeout);
    self->timer.async_wait([weak = std::weak_ptr<Impl>(self)](const boost::system::error_code& error) {
      const auto strong = weak.lock();
      if (error || !strong) return;
      strong->late = true;
      strong->close();
    });
  }
  Failure failure(const boost::system::error_code& error) const {
    return unreachable(late ? "no answer in time" : error.message());
  }
};

AgentClient::AgentClient(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}

AgentClient::~AgentClient() {
  impl_->close();
}

void AgentClient::close() {
  impl_->close();
}

net::awaitable<Result<std::unique_ptr<AgentClient>>> AgentClient::connect(net::any_io_executor executor,
                                                                          std::string path) {
  if (path.empty()) co_return unreachable("SSH_AUTH_SOCK is not set");
  if (path.size() >= sizeof(sockaddr_un::sun_path) || path.find('\0') != std::string::npos)
    co_return unreachable(printable(path) + " is no path of a socket");
  auto impl = std::make_shared<Impl>(executor);
  Impl::start_timer(impl, kAgentLookTimeout);
  const Local::endpoint endpoint(path);
  const auto [error] = co_await impl->socket.async_connect(endpoint, kErrorAsValue);
  impl->timer.cancel();
  if (error) co_return unreachable(printable(path) + ": " + impl->failure(error).detail);
  co_return std::unique_ptr<AgentClient>(new AgentClient(std::move(impl)));
}

net::awaitable<Result<std::string>> AgentClient::ask(const std::string& request,
                                                     std::chrono::milliseconds timeout) {
  const auto impl = impl_;  // the client may be gone before the answer is
  const std::string message = SshWriter().string(request).take();
  Impl::start_timer(impl, timeout);
  const auto [write_error, written] =
      co_await net::async_write(impl->socket, net::buffer(message), kErrorAsValue);
  if (write_error) co_return impl->failure(write_error);
  AgentFramer framer;
  std::array<char, kReplyReadBytes> buffer{};
  for (;;) {
    const auto [error, size] = co_await impl->socket.async_read_some(net::buffer(buffer), kErrorAsValue);
    if (error) co_return impl->failure(error);
    framer.feed({buffer.data(), size});
    if (auto answer = framer.next()) {
      impl->timer.cancel();
      co_return std::move(*answer);
    }
    if (framer.broken()) co_return unreachable("its answer makes no sense");
  }
}

Result<std::vector<AgentKey>> read_agent_keys(std::string_view answer) {
  SshReader reader(answer);
  if (reader.byte() != kAgentIdentitiesAnswer) return unreachable("it does not list its keys");
  const std::uint32_t count = reader.u32();
  if (count > kMaxAgentKeys) return unreachable("it has more than 1024 keys");
  std::vector<AgentKey> keys;
  for (std::uint32_t i = 0; i < count && reader.ok(); ++i) {
    AgentKey key;
    key.blob = reader.string();
    key.comment = reader.string();
    if (!is_certificate(key.blob)) keys.push_back(std::move(key));
  }
  if (!reader.finished()) return unreachable("its list of keys is malformed");
  return keys;
}

Result<AgentKey> pick_agent_key(const std::vector<AgentKey>& keys, std::string_view wanted) {
  std::vector<AgentKey> found;
  std::string_view print = wanted;
  while (print.ends_with('=')) print.remove_suffix(1);  // some print the padding of base64
  for (const AgentKey& key : keys) {
    const bool meant =
        wanted.starts_with(kFingerprint) ? fingerprint(key.blob) == print : key.comment == wanted;
    if (meant) found.push_back(key);
  }
  const auto missing = [&](const std::string& what) {
    return Failure(Stage::certificate, Cause::agent_key_missing,
                   "agent:" + printable(wanted, kShownComment + kFingerprint.size()) + ": " + what);
  };
  if (found.empty()) return missing(keys.empty() ? std::string("it has no keys") : "it has " + shown(keys));
  if (found.size() > 1) return missing("this is any of " + shown(found));
  if (!acceptable_user_key(found.front().blob)) {
    return Failure(Stage::certificate, Cause::key_unusable,
                   shown(found) + " is of a kind that is not certified");
  }
  return std::move(found.front());
}

net::awaitable<Result<AgentKey>> find_agent_key(net::any_io_executor executor, std::string path,
                                                std::string wanted) {
  auto agent = co_await AgentClient::connect(executor, std::move(path));
  if (!agent) co_return agent.error();
  const std::string request = SshWriter().byte(kAgentRequestIdentities).take();
  const auto answer = co_await (*agent)->ask(request, kAgentLookTimeout);
  if (!answer) co_return answer.error();
  const auto keys = read_agent_keys(*answer);
  if (!keys) co_return keys.error();
  co_return pick_agent_key(*keys, wanted);
}

}  // namespace cfpipe::auth
