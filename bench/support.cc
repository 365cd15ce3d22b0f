#include "support.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace cfpipe::bench {
namespace {

sockaddr_in address_of(const std::string& text) {
  const auto colon = text.rfind(':');
  sockaddr_in address{};
  address.sin_family = AF_INET;
  std::uint16_t port = 0;
  const char* end = text.data() + text.size();
  const bool has_port =
      colon != std::string::npos && std::from_chars(text.data() + colon + 1, end, port).ptr == end;
  if (!has_port || ::inet_pton(AF_INET, text.substr(0, colon).c_str(), &address.sin_addr) != 1)
    die(text + " is not ADDRESS:PORT");
  address.sin_port = htons(port);
  return address;
}

int tcp_socket() {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) die_errno("socket");
  return fd;
}

void no_delay(int fd) {
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

}  // namespace

void die(const std::string& why) {
  std::fprintf(stderr, "%s: %s\n", program_invocation_short_name, why.c_str());
  std::exit(1);
}

void die_errno(const std::string& what) {
  die(what + ": " + std::strerror(errno));
}

Arguments::Arguments(int argc, char** argv, int first) {
  int i = first;
  for (; i < argc && std::strcmp(argv[i], "--") != 0; i += 2) {
    const std::string name = argv[i];
    if (!name.starts_with("--") || i + 1 >= argc) die("not an option with a value: " + name);
    options_.emplace(name.substr(2), argv[i + 1]);
  }
  for (++i; i < argc; ++i) rest_.emplace_back(argv[i]);
}

std::string Arguments::get(const std::string& name) const {
  const auto found = options_.find(name);
  if (found == options_.end()) die("--" + name + " is missing");
  return found->second;
}

std::string Arguments::get(const std::string& name, const std::string& otherwise) const {
  const auto found = options_.find(name);
  return found == options_.end() ? otherwise : found->second;
}

std::uint64_t Arguments::number(const std::string& name, std::uint64_t otherwise) const {
  const auto found = options_.find(name);
  if (found == options_.end()) return otherwise;
  std::uint64_t value = 0;
  const char* end = found->second.data() + found->second.size();
  if (std::from_chars(found->second.data(), end, value).ptr != end) die("--" + name + " wants a number");
  return value;
}

std::vector<std::string> Arguments::all(const std::string& name) const {
  std::vector<std::string> out;
  const auto [begin, end] = options_.equal_range(name);
  for (auto i = begin; i != end; ++i) out.push_back(i->second);
  return out;
}

int connect_tcp(const std::string& to) {
  const auto address = address_of(to);
  const int fd = tcp_socket();
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    die_errno("connect " + to);
  no_delay(fd);
  return fd;
}

int listen_tcp(const std::string& at) {
  const auto address = address_of(at);
  const int fd = tcp_socket();
  const bool bound = ::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  if (!bound || ::listen(fd, SOMAXCONN) != 0) die_errno("listen " + at);
  return fd;
}

int accept_tcp(int listener) {
  const int fd = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
  if (fd < 0) die_errno("accept");
  no_delay(fd);
  return fd;
}

void announce(int listener) {
  sockaddr_in address{};
  socklen_t size = sizeof address;
  if (::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size) != 0) die_errno("getsockname");
  char text[INET_ADDRSTRLEN];
  ::inet_ntop(AF_INET, &address.sin_addr, text, sizeof text);
  std::printf("ready %s:%d\n", text, ntohs(address.sin_port));
  std::fflush(stdout);
}

void set_nonblocking(int fd) {
  ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK);
}

bool read_all(int fd, std::span<std::byte> into) {
  while (!into.empty()) {
    const auto got = ::read(fd, into.data(), into.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    into = into.subspan(static_cast<std::size_t>(got));
  }
  return true;
}

bool write_all(int fd, std::span<const std::byte> from) {
  while (!from.empty()) {
    const auto put = ::write(fd, from.data(), from.size());
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) return false;
    from = from.subspan(static_cast<std::size_t>(put));
  }
  return true;
}

}  // namespace cfpipe::bench
