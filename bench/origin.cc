// A TCP server that takes, gives or returns bytes as each client orders (see kOrderBytes): bench_origin
// [--listen ADDR].
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <thread>
#include <vector>

#include "support.h"

namespace cfpipe::bench {
namespace {

/// Bytes per system call.
constexpr std::size_t kBlock = 256 * 1024;

void sink(int fd, std::uint64_t left, std::vector<std::byte>& block) {
  while (left > 0) {
    const auto got =
        ::read(fd, block.data(), static_cast<std::size_t>(std::min<std::uint64_t>(left, kBlock)));
    if (got <= 0) return;
    left -= static_cast<std::uint64_t>(got);
  }
  const std::byte all{'k'};
  write_all(fd, {&all, 1});
}

void source(int fd, std::uint64_t left, const std::vector<std::byte>& block) {
  while (left > 0) {
    const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(left, kBlock));
    if (!write_all(fd, std::span(block).first(count))) return;
    left -= count;
  }
}

void echo(int fd, std::vector<std::byte>& block) {
  for (;;) {
    const auto got = ::read(fd, block.data(), kBlock);
    if (got <= 0 || !write_all(fd, std::span(block).first(static_cast<std::size_t>(got)))) return;
  }
}

void serve(int fd) {
  std::array<std::byte, kOrderBytes> order{};
  std::vector<std::byte> block(kBlock, std::byte{0x5a});
  if (read_all(fd, order)) {
    std::uint64_t count = 0;
    for (std::size_t i = 1; i < order.size(); ++i)
      count = count << 8 | std::to_integer<std::uint64_t>(order[i]);
    const std::byte ready{'r'};
    write_all(fd, {&ready, 1});
    const auto what = std::to_integer<char>(order[0]);
    if (what == 'u') sink(fd, count, block);
    if (what == 'd') source(fd, count, block);
    if (what == 'e') echo(fd, block);
    // The client ends first.
    while (::read(fd, block.data(), kBlock) > 0) continue;
  }
  ::close(fd);
}

}  // namespace
}  // namespace cfpipe::bench

int main(int argc, char** argv) {
  using namespace cfpipe::bench;
  ::signal(SIGPIPE, SIG_IGN);
  const Arguments arguments(argc, argv, 1);
  const int listener = listen_tcp(arguments.get("listen", "127.0.0.1:0"));
  announce(listener);
  for (;;) std::thread(serve, accept_tcp(listener)).detach();
}
