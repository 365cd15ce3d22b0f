#include "auth/agent/server.h"

#include <fcntl.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <set>
#include <utility>

#include "auth/agent/client.h"
#include "auth/agent/protocol.h"
#include "auth/agent/socket.h"
#include "auth/ssh/wire.h"
#include "base/clock.h"

namespace cfpipe::auth {

namespace {

namespace net = boost::asio;
using Local = net::local::stream_protocol;

/// What is served from now on. Shared, so that a client's answer survives its replacement.
struct Offered {
  std::shared_ptr<const SshKey> key;  ///< null: the other agent has it
  std::shared_ptr<const Certificate> certificate;
  std::string other_agent;

  /// Unix seconds by the edge's clock.
  std::uint64_t now() const { return static_cast<std::uint64_t>(unix_now() + certificate->clock_offset); }
};
using Identity = std::shared_ptr<const Offered>;

constexpr auto kTuple = net::as_tuple(net::use_awaitable);
/// What is read at once, in bytes.
constexpr std::size_t kRequestReadBytes = 1024;
constexpr std::size_t kEventBytes = 4096;
/// Pause after accept() has failed for want of descriptors.
constexpr std::chrono::milliseconds kAcceptPause{100};

struct Client {
  Client(Local::socket connected, std::chrono::steady_clock::time_point timeout)
      : socket(std::move(connected)),
        waiting(socket.get_executor()),
        silence(socket.get_executor()),
        wait_until(timeout) {}
  Local::socket socket;
  net::steady_timer waiting;  ///< for the certificate
  net::steady_timer silence;
  std::chrono::steady_clock::time_point wait_until;
  Identity identity;  ///< what `session` points into
  AgentFramer framer;
  AgentSession session;
  std::unique_ptr<AgentClient> other;  ///< while the other agent is asked

  void use(const Identity& current) {
    identity = current;
    session.use(current ? current->key.get() : nullptr, current ? current->certificate.get() : nullptr);
  }
  void hang_up() {
    boost::system::error_code ignored;
    socket.close(ignored);
    if (other) other->close();
    waiting.cancel();
    silence.cancel();
  }
};

void watch_silence(const std::shared_ptr<Client>& client) {
  client->silence.expires_after(kAgentSilence);
  client->silence.async_wait([weak = std::weak_ptr<Client>(client)](const boost::system::error_code& error) {
    const auto strong = weak.lock();
    if (!error && strong) strong->hang_up();
  });
}

/// Tells of files that leave the directory. Without inotify there is nothing to wait for.
net::posix::stream_descriptor watch_directory(const net::any_io_executor& executor, const std::string& path) {
  net::posix::stream_descriptor watch(executor);
  const int fd = ::inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  if (fd < 0) return watch;
  boost::system::error_code error;
  if (::inotify_add_watch(fd, path.c_str(), IN_DELETE | IN_MOVED_FROM) >= 0)
    watch.assign(fd, error);
  else
    ::close(fd);
  return watch;
}

/// Has the other agent answer, over a connection that is bound to the same sessions as the client's.
net::awaitable<Result<std::string>> ask_other(const std::shared_ptr<Client>& client, std::string path,
                                              const std::string& request) {
  auto connected = co_await AgentClient::connect(client->socket.get_executor(), std::move(path));
  if (!connected) co_return connected.error();
  client->other = std::move(*connected);
  if (!client->socket.is_open()) client->other->close();
  // Agents that do not know the extension say so, and sign all the same.
  for (const std::string& bind : client->session.bindings().requests()) {
    const auto bound = co_await client->other->ask(bind, kAgentLookTimeout);
    if (!bound) co_return bound.error();
  }
  co_return co_await client->other->ask(request, kAgentSignTimeout);
}

bool is_a(const std::string& request, AgentMessage kind) {
  return request.starts_with(static_cast<char>(kind));
}

const std::string kFailed(1, static_cast<char>(kAgentFailure));

/// The other agent's answer to a sign request if it is one.
std::string signature_or_failure(const Result<std::string>& answer) {
  if (!answer) return kFailed;
  SshReader reader(*answer);
  const bool is_signature = reader.byte() == kAgentSignResponse && !reader.string().empty();
  return is_signature && reader.finished() ? *answer : kFailed;
}

}  // namespace

struct AgentServer::Impl : std::enable_shared_from_this<Impl> {
  Impl(net::any_io_executor e, const AgentServerOptions& o)
      : executor(std::move(e)), options(o), watch(watch_directory(executor, directory_of(o.path))) {}

  net::any_io_executor executor;
  AgentServerOptions options;
  net::posix::stream_descriptor watch;
  std::shared_ptr<Local::acceptor> acceptor;
  dev_t device = 0;
  ino_t inode = 0;
  std::set<std::shared_ptr<Client>> clients;
  Identity identity;
  bool given_up = false;
  bool closed = false;
  bool listed = false;         ///< a client has been told of the certificate
  bool asked_to_sign = false;  ///< with its key
  bool came_back = false;      ///< to the path, which another server had had

  bool serve_at(const OwnSocket& socket);
  void admit(Local::socket socket);
  bool worth_asking() const;
  void settle();
  void close();

  static net::awaitable<void> accept_clients(std::shared_ptr<Impl> self,
                                             std::shared_ptr<Local::acceptor> from);
  static net::awaitable<void> serve(std::shared_ptr<Impl> self, std::shared_ptr<Client> client);
  static net::awaitable<std::string> answer(std::shared_ptr<Impl> self, std::shared_ptr<Client> client,
                                            std::string request);
  static net::awaitable<void> wait_for_identity(std::shared_ptr<Impl> self, std::shared_ptr<Client> client);
  static net::awaitable<void> take_path_back(std::shared_ptr<Impl> self);
};

/// Accepts from this socket from now on; false when out of descriptors. An earlier one is no longer at any
/// path: those who reached it are clients already.
bool AgentServer::Impl::serve_at(const OwnSocket& socket) {
  const int fd = ::fcntl(socket.fd.get(), F_DUPFD_CLOEXEC, 0);
  if (fd < 0) return false;
  boost::system::error_code ignored;
  if (acceptor) acceptor->close(ignored);
  device = socket.device;
  inode = socket.inode;
  acceptor = std::make_shared<Local::acceptor>(executor);
  acceptor->assign(Local(), fd, ignored);
  net::co_spawn(executor, accept_clients(shared_from_this(), acceptor), [](const std::exception_ptr&) {});
  return true;
}

void AgentServer::Impl::admit(Local::socket socket) {
  if (clients.size() >= kMaxAgentClients || !same_user(socket.native_handle())) return;
  const auto timeout = std::chrono::steady_clock::now() + options.identity_wait;
  auto client = std::make_shared<Client>(std::move(socket), timeout);
  client->session.allow_forwarding(options.allow_forwarding);
  clients.insert(client);
  // Only running out of memory ends a client by an exception; the others need not suffer for it.
  net::co_spawn(executor, serve(shared_from_this(), client),
                [self = shared_from_this(), client](const std::exception_ptr&) {
                  client->hang_up();
                  self->clients.erase(client);
                });
}

/// Whether an ssh that has not asked yet could get an answer here.
bool AgentServer::Impl::worth_asking() const {
  if (identity) return identity->now() < identity->certificate->fields.valid_before;
  return !given_up;
}

void AgentServer::Impl::settle() {
  for (const auto& client : clients) client->waiting.cancel();
}

void AgentServer::Impl::close() {
  closed = true;
  remove_own_socket(options.path, device, inode);
  boost::system::error_code ignored;
  if (acceptor) acceptor->close(ignored);
  watch.close(ignored);
  for (const auto& client : clients) client->hang_up();
}

net::awaitable<void> AgentServer::Impl::accept_clients(std::shared_ptr<Impl> self,
                                                       std::shared_ptr<Local::acceptor> from) {
  net::steady_timer pause(self->executor);
  while (from->is_open()) {
    auto [error, socket] = co_await from->async_accept(kTuple);
    if (self->closed) co_return;
    if (!error) {
      self->admit(std::move(socket));
    } else if (error != net::error::operation_aborted) {
      pause.expires_after(kAcceptPause);
      co_await pause.async_wait(kTuple);
    }
  }
}

net::awaitable<std::string> AgentServer::Impl::answer(std::shared_ptr<Impl> self,
                                                      std::shared_ptr<Client> client, std::string request) {
  client->use(self->identity);
  const std::uint64_t now = client->identity ? client->identity->now() : 0;
  auto made = client->session.answer(request, now);
  self->listed |= client->identity && is_a(request, kAgentRequestIdentities);
  self->asked_to_sign |= is_a(request, kAgentSignRequest);
  if (client->session.refused_forwarding() && self->options.refused_forwarding)
    std::exchange(self->options.refused_forwarding, {})();
  if (!made.ask_other) co_return std::move(made.bytes);
  const auto signed_there = co_await ask_other(client, client->identity->other_agent, made.bytes);
  client->other.reset();
  co_return signature_or_failure(signed_there);
}

net::awaitable<void> AgentServer::Impl::serve(std::shared_ptr<Impl> self, std::shared_ptr<Client> client) {
  std::array<char, kRequestReadBytes> buffer{};
  while (!client->framer.broken()) {
    watch_silence(client);
    const auto [error, size] = co_await client->socket.async_read_some(net::buffer(buffer), kTuple);
    if (error) co_return;
    client->framer.feed({buffer.data(), size});
    co_await wait_for_identity(self, client);
    while (const auto request = client->framer.next()) {
      if (self->closed) co_return;
      const std::string message = co_await answer(self, client, *request);
      const std::string reply = SshWriter().string(message).take();
      watch_silence(client);
      const auto [write_error, written] =
          co_await net::async_write(client->socket, net::buffer(reply), kTuple);
      if (write_error) co_return;
    }
  }
}

net::awaitable<void> AgentServer::Impl::wait_for_identity(std::shared_ptr<Impl> self,
                                                          std::shared_ptr<Client> client) {
  while (!self->identity && !self->given_up && !self->closed && client->socket.is_open()) {
    client->waiting.expires_at(client->wait_until);
    const auto [error] = co_await client->waiting.async_wait(kTuple);
    if (!error) co_return;
  }
}

// Several processes for one host may share a path. The one that came last has it; once it has ended and
// removed its socket, an ssh of an earlier one would find no agent at all if it has not asked yet.
net::awaitable<void> AgentServer::Impl::take_path_back(std::shared_ptr<Impl> self) {
  std::array<char, kEventBytes> events{};
  while (self->watch.is_open()) {
    if (nothing_at(self->options.path) && self->worth_asking()) {
      const auto socket = listen_own_socket(self->options.path, IfTaken::leave);
      if (socket && self->serve_at(*socket)) self->came_back = true;
    }
    const auto [error, size] = co_await self->watch.async_read_some(net::buffer(events), kTuple);
    if (error || self->closed) co_return;
  }
}

AgentServer::AgentServer(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}

Result<std::unique_ptr<AgentServer>> AgentServer::open(net::any_io_executor executor,
                                                       const AgentServerOptions& options) {
  const auto socket = listen_own_socket(options.path, IfTaken::replace);
  if (!socket) return socket.error();
  auto impl = std::make_shared<Impl>(std::move(executor), options);
  if (!impl->serve_at(*socket)) {
    remove_own_socket(options.path, socket->device, socket->inode);
    return state_failure(Cause::state_write_failed, options.path, EMFILE);
  }
  net::co_spawn(impl->executor, Impl::take_path_back(impl), [](const std::exception_ptr&) {});
  return std::unique_ptr<AgentServer>(new AgentServer(std::move(impl)));
}

bool AgentServer::was_declined() const {
  return impl_->listed && !impl_->asked_to_sign && !impl_->came_back &&
         names_own_socket(impl_->options.path, impl_->device, impl_->inode);
}

AgentServer::~AgentServer() {
  impl_->close();
}

void AgentServer::expect() {
  impl_->given_up = false;
  if (!impl_->worth_asking()) impl_->identity.reset();
}

void AgentServer::offer(std::shared_ptr<const KeyAndCertificate> identity) {
  Offered offered;
  offered.key = {identity, &identity->key};
  offered.certificate = {identity, &identity->certificate};
  impl_->identity = std::make_shared<const Offered>(std::move(offered));
  impl_->settle();
}

void AgentServer::offer(std::shared_ptr<const Certificate> certificate, std::string other_agent) {
  Offered offered;
  offered.certificate = std::move(certificate);
  offered.other_agent = std::move(other_agent);
  impl_->identity = std::make_shared<const Offered>(std::move(offered));
  impl_->settle();
}

void AgentServer::give_up() {
  impl_->given_up = true;
  impl_->settle();
}

std::size_t AgentServer::clients() const {
  return impl_->clients.size();
}

}  // namespace cfpipe::auth
