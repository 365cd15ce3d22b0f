#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

namespace cfpipe::bench {

/// A benchmark program that cannot go on says why in one line and ends with status 1.
[[noreturn]] void die(const std::string& why);
/// The same, with errno's text behind it.
[[noreturn]] void die_errno(const std::string& what);

/// `--name value` pairs, and what stands behind `--`. Names may repeat; the order is kept.
class Arguments {
 public:
  Arguments(int argc, char** argv, int first);
  std::string get(const std::string& name) const;  ///< dies when it is missing
  std::string get(const std::string& name, const std::string& otherwise) const;
  std::uint64_t number(const std::string& name, std::uint64_t otherwise) const;
  std::vector<std::string> all(const std::string& name) const;
  const std::vector<std::string>& rest() const { return rest_; }

 private:
  std::multimap<std::string, std::string> options_;
  std::vector<std::string> rest_;
};

/// TCP over numeric `ADDRESS:PORT` (IPv4). TCP_NODELAY is set, buffers are left to the system.
int connect_tcp(const std::string& to);
int listen_tcp(const std::string& at);
int accept_tcp(int listener);
/// Prints `ready ADDRESS:PORT`.
void announce(int listener);

void set_nonblocking(int fd);
/// Blocking; false at the end of the stream before all of it.
bool read_all(int fd, std::span<std::byte> into);
bool write_all(int fd, std::span<const std::byte> from);

/// What a client of bench_origin says first: one letter and a count, big-endian.
///   u  count bytes follow; the origin answers `k` when it has them all
///   d  the origin sends count bytes
///   e  the origin sends back what it gets
/// The origin's first byte is always an `r`.
inline constexpr std::size_t kOrderBytes = 9;

}  // namespace cfpipe::bench
