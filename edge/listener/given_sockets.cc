#include "edge/listener/given_sockets.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <utility>
#include <vector>

#include "base/host.h"

namespace cfpipe::edge {
namespace net = boost::asio;
using net::ip::tcp;
using transport::Cause;
using transport::Failure;
using transport::Result;
using transport::Stage;
namespace {

/// SD_LISTEN_FDS_START.
constexpr int kFirst = 3;

Failure fault(std::string text) {
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
    return fault("LISTEN_FDNAMES has " + std::to_string(names.size()) + " names for " +
                 std::to_string(count) + " sockets (LISTEN_FDS)");
  if (std::any_of(names.begin(), names.end(), is_known)) {
    for (const std::string& name : names)
      if (!is_known(name))
        return fault("LISTEN_FDNAMES: '" + transport::printable(name, 64) +
                     "' is neither listen nor admin_listen (FileDescriptorName= of the socket unit)");
    return names;
  }
  names = {std::string(kListenName), std::string(kAdminListenName)};
  if (count > names.size())
    return fault("LISTEN_FDS has " + std::to_string(count) +
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
         (family == AF_INET || family == AF_INET6);
}

std::optional<Listener> address_of(int fd) {
  Listener out;
  auto size = static_cast<socklen_t>(out.capacity());
  if (::getsockname(fd, out.data(), &size) != 0) return std::nullopt;
  out.resize(size);
  return out;
}

std::string where_text(const Listener& where) {
  return transport::Host(where.address()).in_url() + ":" + std::to_string(where.port());
}

bool is_at(const Listener& there, const Listener& wanted) {
  return there.address() == wanted.address() && (wanted.port() == 0 || there.port() == wanted.port());
}

}  // namespace

Result<auth::Fd> open_listener(const Listener& where, std::string_view key) {
  const int family = where.protocol().family();
  auth::Fd socket(::socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_TCP));
  const int on = 1;
  const bool ready = socket && ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
                     ::bind(socket.get(), where.data(), static_cast<socklen_t>(where.size())) == 0 &&
                     ::listen(socket.get(), net::socket_base::max_listen_connections) == 0;
  if (ready) return socket;
  const std::string why = std::strerror(errno);
  return fault("cannot listen on " + where.address().to_string() + ":" + std::to_string(where.port()) +
               (key == kListenName ? "" : " (" + std::string(key) + ")") + ": " + why);
}

// Asio forgets a socket that it is given only where it knows that another process may have it too, as after
// assign().
Result<void> use_listener(tcp::acceptor& acceptor, const Listener& where, std::string_view key,
                          auth::Fd given) {
  if (!given) {
    auto opened = open_listener(where, key);
    if (!opened) return opened.error();
    given = std::move(*opened);
  }
  const int own = ::fcntl(given.get(), F_DUPFD_CLOEXEC, 0);
  boost::system::error_code error(own < 0 ? errno : 0, boost::system::system_category());
  if (!error) {
    acceptor.assign(where.protocol(), own, error);
    if (error) ::close(own);
  }
  if (!error) acceptor.non_blocking(true, error);
  if (error) return fault("the socket of '" + std::string(key) + "' cannot be used: " + error.message());
  return {};
}

Result<GivenSockets> GivenSockets::of_environment() {
  const std::string pid = take_variable("LISTEN_PID");
  const std::string count_text = take_variable("LISTEN_FDS");
  const std::string names_text = take_variable("LISTEN_FDNAMES");
  if (pid != std::to_string(::getpid()) || count_text.empty()) return GivenSockets();
  const auto count = number_in(count_text);
  if (!count || *count > kMaxGivenSockets)
    return fault("LISTEN_FDS is '" + transport::printable(count_text, 64) + "', no number of sockets up to " +
                 std::to_string(kMaxGivenSockets));
  const auto names = names_of(*count, names_text);
  if (!names) return names.error();
  GivenSockets out;
  for (std::size_t i = 0; i < *count; ++i) {
    const int fd = kFirst + static_cast<int>(i);
    const std::string what = "LISTEN_FDS: descriptor " + std::to_string(fd) + " (" + (*names)[i] + ") ";
    if (::fcntl(fd, F_SETFD, FD_CLOEXEC) != 0) return fault(what + "is not open");
    if (!out.sockets_.emplace((*names)[i], auth::Fd(fd)).second)
      return fault("LISTEN_FDNAMES has '" + (*names)[i] + "' twice");
    if (!listens(fd)) return fault(what + "is not a TCP socket that listens");
  }
  return out;
}

Result<auth::Fd> GivenSockets::take(std::string_view key, const Listener& wanted) {
  const auto pull = [this](std::string_view name) {
    const auto found = sockets_.find(name);
    if (found == sockets_.end()) return auth::Fd();
    auth::Fd out = std::move(found->second);
    sockets_.erase(found);
    return out;
  };
  auth::Fd kept = pull(std::string(kKeptPrefix) + std::string(key));
  auth::Fd given = pull(key);
  if (given) {
    const auto there = address_of(given.get());
    if (!there || !is_at(*there, wanted))
      return fault("the socket that was handed over for '" + std::string(key) + "' listens on " +
                   (there ? where_text(*there) : "?") + ", and the configuration says " + where_text(wanted) +
                   ": make them the same");
    return given;
  }
  const auto there = kept ? address_of(kept.get()) : std::nullopt;
  return there && is_at(*there, wanted) ? std::move(kept) : auth::Fd();
}

Result<void> GivenSockets::all_taken() const {
  for (const auto& [name, socket] : sockets_)
    if (!name.starts_with(kKeptPrefix))
      return fault("a socket was handed over for '" + name + "', which the configuration does not have");
  return {};
}

}  // namespace cfpipe::edge
