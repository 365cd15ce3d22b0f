#include "edge/listener/given_sockets.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <utility>
#include <vector>

#include "edge/listener/unix_listener.h"

namespace cfpipe::edge {
namespace net = boost::asio;
using net::ip::tcp;
namespace {

/// SD_LISTEN_FDS_START.
constexpr int kFirst = 3;

Failure given_fault(std::string text) {
  return {Stage::config, Cause::bad_option, std::move(text)};
}

std::string take_variable(const char* name) {
  const char* value = std::getenv(name);
  std::string out = value != nullptr ? value : "";
  ::unsetenv(name);
  return out;
}

std::optional<std::size_t> number_in(std::string_view text) {
  std::size_t out = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return out;
}

std::vector<std::string> split(const std::string& names) {
  std::vector<std::string> out;
  for (std::size_t at = 0; !names.empty() && at <= names.size();) {
    const auto colon = std::min(names.find(':', at), names.size());
    out.push_back(names.substr(at, colon - at));
    at = colon + 1;
  }
  return out;
}

bool is_known(std::string_view name) {
  if (name.starts_with(kKeptPrefix)) name.remove_prefix(kKeptPrefix.size());
  return name == kListenName || name == kAdminListenName;
}

/// What systemd calls sockets whose unit says no FileDescriptorName= is the unit's name, for each the same.
Result<std::vector<std::string>> names_of(std::size_t count, const std::string& given) {
  std::vector<std::string> names = split(given);
  if (!names.empty() && names.size() != count)
    return given_fault("LISTEN_FDNAMES has " + std::to_string(names.size()) + " names for " +
                       std::to_string(count) + " sockets (LISTEN_FDS)");
  if (std::any_of(names.begin(), names.end(), is_known)) {
    for (const std::string& name : names)
      if (!is_known(name))
        return given_fault("LISTEN_FDNAMES: '" + printable(name, 64) +
                           "' is neither listen nor admin_listen (FileDescriptorName= of the socket unit)");
    return names;
  }
  names = {std::string(kListenName), std::string(kAdminListenName)};
  if (count > names.size())
    return given_fault("LISTEN_FDS has " + std::to_string(count) +
                       " sockets; there is one for listen, and one for admin_listen behind it");
  names.resize(count);
  return names;
}

int option_of(int fd, int name) {
  int value = -1;
  socklen_t size = sizeof value;
  return ::getsockopt(fd, SOL_SOCKET, name, &value, &size) == 0 ? value : -1;
}

bool listens(int fd) {
  const int family = option_of(fd, SO_DOMAIN);
  return option_of(fd, SO_ACCEPTCONN) == 1 && option_of(fd, SO_TYPE) == SOCK_STREAM &&
         (family == AF_INET || family == AF_INET6 || family == AF_UNIX);
}

std::optional<Listener> unix_address_of(int fd) {
  sockaddr_un address{};
  socklen_t size = sizeof address;
  if (::getsockname(fd, static_cast<sockaddr*>(static_cast<void*>(&address)), &size) != 0)
    return std::nullopt;
  // A name that is no path begins with a NUL.
  const std::size_t room = std::min<std::size_t>(size, sizeof address) - offsetof(sockaddr_un, sun_path);
  std::string path(address.sun_path, ::strnlen(address.sun_path, room));
  return Listener::at_path(path.empty() ? "?" : std::move(path));
}

bool is_at(const Listener& there, const Listener& wanted) {
  if (there.is_unix() || wanted.is_unix()) return there.path() == wanted.path();
  return there.address() == wanted.address() && (wanted.port() == 0 || there.port() == wanted.port());
}

Result<Fd> open_tcp_listener(const tcp::endpoint& where, std::string_view key) {
  const int family = where.protocol().family();
  Fd socket(::socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_TCP));
  const int on = 1;
  const bool ready = socket && ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
                     ::bind(socket.get(), where.data(), static_cast<socklen_t>(where.size())) == 0 &&
                     ::listen(socket.get(), net::socket_base::max_listen_connections) == 0;
  if (ready) return socket;
  const std::string why = std::strerror(errno);
  return given_fault("cannot listen on " + where.address().to_string() + ":" + std::to_string(where.port()) +
                     (key == kListenName ? "" : " (" + std::string(key) + ")") + ": " + why);
}

// Asio forgets a socket that it is given only where it knows that another process may have it too, as after
// assign().
template <class Acceptor>
Result<void> assign(Acceptor& acceptor, const typename Acceptor::protocol_type& protocol,
                    const Listener& where, std::string_view key, Fd given) {
  if (!given) {
    auto opened = open_listener(where, key);
    if (!opened) return opened.error();
    given = std::move(*opened);
  }
  const int own = ::fcntl(given.get(), F_DUPFD_CLOEXEC, 0);
  boost::system::error_code error(own < 0 ? errno : 0, boost::system::system_category());
  if (!error) {
    acceptor.assign(protocol, own, error);
    if (error) ::close(own);
  }
  if (!error) acceptor.non_blocking(true, error);
  if (error)
    return given_fault("the socket of '" + std::string(key) + "' cannot be used: " + error.message());
  return {};
}

}  // namespace

std::optional<Listener> listener_of(int fd) {
  if (option_of(fd, SO_DOMAIN) == AF_UNIX) return unix_address_of(fd);
  tcp::endpoint out;
  auto size = static_cast<socklen_t>(out.capacity());
  if (::getsockname(fd, out.data(), &size) != 0) return std::nullopt;
  out.resize(size);
  return Listener(out);
}

Result<Fd> open_listener(const Listener& where, std::string_view key) {
  return where.is_unix() ? open_unix_listener(where) : open_tcp_listener(where.tcp(), key);
}

Result<void> use_listener(StreamAcceptor& acceptor, const Listener& where, std::string_view key, Fd given) {
  const int family = where.is_unix() ? AF_UNIX : where.tcp().protocol().family();
  return assign(acceptor, net::generic::stream_protocol(family, 0), where, key, std::move(given));
}

Result<void> use_listener(tcp::acceptor& acceptor, const Listener& where, std::string_view key, Fd given) {
  return assign(acceptor, where.tcp().protocol(), where, key, std::move(given));
}

Result<GivenSockets> GivenSockets::of_environment() {
  const std::string pid = take_variable("LISTEN_PID");
  const std::string count_text = take_variable("LISTEN_FDS");
  const std::string names_text = take_variable("LISTEN_FDNAMES");
  if (pid != std::to_string(::getpid()) || count_text.empty()) return GivenSockets();
  const auto count = number_in(count_text);
  if (!count || *count > kMaxGivenSockets)
    return given_fault("LISTEN_FDS is '" + printable(count_text, 64) + "', no number of sockets up to " +
                       std::to_string(kMaxGivenSockets));
  const auto names = names_of(*count, names_text);
  if (!names) return names.error();
  GivenSockets out;
  for (std::size_t i = 0; i < *count; ++i) {
    const int fd = kFirst + static_cast<int>(i);
    const std::string what = "LISTEN_FDS: descriptor " + std::to_string(fd) + " (" + (*names)[i] + ") ";
    if (::fcntl(fd, F_SETFD, FD_CLOEXEC) != 0) return given_fault(what + "is not open");
    if (!out.sockets_.emplace((*names)[i], Fd(fd)).second)
      return given_fault("LISTEN_FDNAMES has '" + (*names)[i] + "' twice");
    if (!listens(fd)) return given_fault(what + "is not a socket that listens (TCP or Unix-domain)");
  }
  return out;
}

Result<Fd> GivenSockets::take(std::string_view key, const Listener& wanted) {
  const auto pull = [this](std::string_view name) {
    const auto found = sockets_.find(name);
    if (found == sockets_.end()) return Fd();
    Fd out = std::move(found->second);
    sockets_.erase(found);
    return out;
  };
  Fd kept = pull(std::string(kKeptPrefix) + std::string(key));
  Fd given = pull(key);
  if (given) {
    const auto there = listener_of(given.get());
    if (!there || !is_at(*there, wanted))
      return given_fault("the socket that was handed over for '" + std::string(key) + "' listens on " +
                         (there ? there->text() : "?") + ", and the configuration says " + wanted.text() +
                         ": make them the same");
    return given;
  }
  const auto there = kept ? listener_of(kept.get()) : std::nullopt;
  if (!there || !is_at(*there, wanted) || !is_in_place(wanted)) return Fd();
  if (const auto admitted = admit_group(wanted); !admitted) return admitted.error();
  return kept;
}

Result<void> GivenSockets::all_taken() const {
  for (const auto& [name, socket] : sockets_)
    if (!name.starts_with(kKeptPrefix))
      return given_fault("a socket was handed over for '" + name +
                         "', which the configuration does not have");
  return {};
}

}  // namespace cfpipe::edge
