// Drives one client the way ssh drives its ProxyCommand, and measures it.
//
//   bench_load up|down --bytes N [--watch PID]... (--tcp ADDR | -- COMMAND...)
//   bench_load echo --count N [--every-us U] [--watch PID]... (--tcp ADDR | -- COMMAND...)
//
// The command is started with pipes as standard input and output; with --tcp we are the client ourselves. At
// the other end is bench_origin. Prints `started` once its first byte is here, and one line of JSON at the
// end: seconds, processor time (user and system) of the client and of every --watch process for the part that
// is measured, resident memory.
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <thread>

#include "support.h"

namespace cfpipe::bench {
namespace {

using Clock = std::chrono::steady_clock;

/// Bytes per write and read: more than any client takes at once, so that we are never what is waited for.
constexpr std::size_t kBlock = 256 * 1024;
/// Seconds after which a client that hangs is given up.
constexpr unsigned kLimit = 300;

struct Client {
  int in = -1;   // we write here
  int out = -1;  // and read here
  pid_t pid = 0;
};

Client start(const Arguments& arguments) {
  Client client;
  if (const auto address = arguments.get("tcp", ""); !address.empty()) {
    client.in = client.out = connect_tcp(address);
    client.pid = ::getpid();
    return client;
  }
  if (arguments.rest().empty()) die("neither --tcp nor a command");
  std::vector<char*> argv;
  for (const auto& word : arguments.rest()) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  std::array<int, 2> in{}, out{};
  if (::pipe2(in.data(), O_CLOEXEC) != 0 || ::pipe2(out.data(), O_CLOEXEC) != 0) die_errno("pipe");
  client.pid = ::fork();
  if (client.pid < 0) die_errno("fork");
  if (client.pid == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGTERM);
    ::dup2(in[0], STDIN_FILENO);
    ::dup2(out[1], STDOUT_FILENO);
    ::execvp(argv[0], argv.data());
    std::perror(argv[0]);
    ::_exit(127);
  }
  ::close(in[0]);
  ::close(out[1]);
  client.in = in[1];
  client.out = out[0];
  return client;
}

// All threads of a process, those that have ended included, in seconds.
double cpu_of(pid_t pid) {
  clockid_t clock{};
  timespec time{};
  if (::clock_getcpuclockid(pid, &clock) != 0 || ::clock_gettime(clock, &time) != 0)
    die("process " + std::to_string(pid) + " is gone");
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

// One field of /proc/PID/status, in KiB.
long memory_of(pid_t pid, const std::string& field) {
  std::ifstream status("/proc/" + std::to_string(pid) + "/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(field + ":")) return std::atol(line.c_str() + field.size() + 1);
  }
  return 0;
}

struct Cpu {
  Cpu(pid_t client, const std::vector<pid_t>& watched) : client_seconds(cpu_of(client)) {
    for (const auto pid : watched) watched_seconds.push_back(cpu_of(pid));
  }
  double client_seconds;
  std::vector<double> watched_seconds;
};

void order(const Client& client, char what, std::uint64_t count) {
  std::array<std::byte, kOrderBytes> bytes{std::byte(what)};
  for (std::size_t i = 1; i < bytes.size(); ++i) bytes[i] = std::byte(count >> (8 * (bytes.size() - 1 - i)));
  std::byte ready{};
  if (!write_all(client.in, bytes) || !read_all(client.out, {&ready, 1}) || ready != std::byte{'r'})
    die("the origin does not answer through this client");
}

void send(const Client& client, std::uint64_t left) {
  std::vector<std::byte> block(kBlock, std::byte{0xa5});
  while (left > 0) {
    const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(left, kBlock));
    if (!write_all(client.in, std::span(block).first(count))) die("the client takes no more");
    left -= count;
  }
  std::byte all{};
  if (!read_all(client.out, {&all, 1}) || all != std::byte{'k'}) die("not all has arrived");
}

void receive(const Client& client, std::uint64_t left) {
  std::vector<std::byte> block(kBlock);
  while (left > 0) {
    const auto want = static_cast<std::size_t>(std::min<std::uint64_t>(left, kBlock));
    const auto got = ::read(client.out, block.data(), want);
    if (got <= 0) die("the stream ended early");
    left -= static_cast<std::uint64_t>(got);
  }
}

// Microseconds of every round trip of one byte, in order of size.
std::vector<double> type(const Client& client, std::uint64_t count, std::chrono::microseconds every) {
  std::vector<double> out;
  auto next = Clock::now();
  for (std::uint64_t i = 0; i < count; ++i) {
    std::this_thread::sleep_until(next += every);
    std::byte key{'x'};
    const auto pressed = Clock::now();
    if (!write_all(client.in, {&key, 1}) || !read_all(client.out, {&key, 1})) die("no echo");
    out.push_back(std::chrono::duration<double, std::micro>(Clock::now() - pressed).count());
  }
  std::sort(out.begin(), out.end());
  return out;
}

double quantile(const std::vector<double>& sorted, double q) {
  if (sorted.empty()) return 0;
  return sorted[static_cast<std::size_t>(q * static_cast<double>(sorted.size() - 1) + 0.5)];
}

void end(const Client& client) {
  if (client.in == client.out) {
    ::shutdown(client.in, SHUT_WR);
    return;
  }
  ::close(client.in);
  std::array<std::byte, 256> rest;
  while (::read(client.out, rest.data(), rest.size()) > 0) continue;
  int status = 0;
  ::waitpid(client.pid, &status, 0);
  if (status != 0) die("the client ended with status " + std::to_string(WEXITSTATUS(status)));
}

int run(const std::string& what, const Arguments& arguments) {
  std::vector<pid_t> watched;
  for (const auto& text : arguments.all("watch")) watched.push_back(std::stoi(text));
  const auto bytes = arguments.number("bytes", 0);
  ::alarm(kLimit);

  const auto started = Clock::now();
  const auto client = start(arguments);
  order(client, what[0], bytes);
  const auto ready = Clock::now();
  std::puts("started");
  std::fflush(stdout);
  const auto idle_rss = memory_of(client.pid, "VmRSS");

  const Cpu before(client.pid, watched);
  std::vector<double> echoes;
  if (what == "up") {
    send(client, bytes);
  } else if (what == "down") {
    receive(client, bytes);
  } else {
    echoes = type(client, arguments.number("count", 1),
                  std::chrono::microseconds(arguments.number("every-us", 0)));
  }
  const auto done = Clock::now();
  const Cpu after(client.pid, watched);

  std::printf(R"({"connect_ms": %.3f, "seconds": %.6f, "bytes": %llu, "client_cpu": %.6f, )",
              std::chrono::duration<double, std::milli>(ready - started).count(),
              std::chrono::duration<double>(done - ready).count(), static_cast<unsigned long long>(bytes),
              after.client_seconds - before.client_seconds);
  std::printf(R"("idle_rss_kib": %ld, "peak_rss_kib": %ld, "watched_cpu": [)", idle_rss,
              memory_of(client.pid, "VmHWM"));
  for (std::size_t i = 0; i < watched.size(); ++i)
    std::printf("%s%.6f", i > 0 ? ", " : "", after.watched_seconds[i] - before.watched_seconds[i]);
  std::printf(R"(], "p50_us": %.1f, "p99_us": %.1f, "max_us": %.1f})"
              "\n",
              quantile(echoes, 0.5), quantile(echoes, 0.99), quantile(echoes, 1));
  std::fflush(stdout);
  end(client);
  return 0;
}

}  // namespace
}  // namespace cfpipe::bench

int main(int argc, char** argv) {
  using namespace cfpipe::bench;
  ::signal(SIGPIPE, SIG_IGN);
  const std::string what = argc > 1 ? argv[1] : "";
  if (what != "up" && what != "down" && what != "echo") die("up, down or echo");
  return run(what, Arguments(argc, argv, 2));
}
