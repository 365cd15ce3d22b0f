// A wire between two network namespaces: it makes a TUN device in each and carries IP packets between them,
// with delay, loss, a rate, holes, and a NAT that forgets. The devices' addresses and routes are set with
// ip(8).
//
// Each line on standard input is a command; the answer is one line on standard output, `done` or `refused: …`
// (`stats`: a JSON object). When the answer comes, the command is in force. The program ends with its
// standard input. "forth" is from the first namespace to the second, "back" the other way.
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <deque>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>

#include "base/platform/own_file.h"

namespace {

using cfpipe::Fd;
using Clock = std::chrono::steady_clock;
using Packet = std::span<const std::byte>;

/// Bytes under way in one direction at most, 5 Gbit/s at 100 ms one way; each packet counts kPacketCost more.
/// What does not fit is lost.
constexpr std::size_t kUnderWay = 64 * 1024 * 1024;
constexpr std::size_t kPacketCost = 64;
/// How long a packet waits for its turn at a limited rate; one that would wait for longer is lost.
constexpr std::chrono::milliseconds kRateQueue{100};
/// With --offload a packet is up to 64 KiB, with the header that tells how to divide it.
constexpr std::size_t kMaxPacket = 65536 + 64;
/// Packets read from one device before the other, and what is due, have their turn.
constexpr int kBurst = 64;
/// Of a device, in packets. With the usual 500 the device itself drops what TCP sends at 100 ms.
constexpr int kDeviceQueue = 10'000;
/// TCP connections that the NAT knows at most.
constexpr std::size_t kMaxConnections = 4096;
constexpr std::size_t kMaxCommand = 256;
constexpr double kMaxDelayMs = 10'000;
constexpr double kMaxRateMbit = 100'000;
constexpr int kUsage = 64;
constexpr int kUnavailable = 69;

[[noreturn]] void fail(const std::string& what, const std::string& todo) {
  throw std::runtime_error(fmt::format("{}: {}; {}", what, std::strerror(errno), todo));
}

/// The TUN device of this name in a namespace that `ip netns add` has made. The process stays in it.
Fd open_device(const std::string& network, const std::string& device, bool offload) {
  const std::string path = "/run/netns/" + network;
  const Fd entry(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!entry) fail(path, "make it with `ip netns add`");
  if (::setns(entry.get(), CLONE_NEWNET) != 0) fail("cannot enter " + path, "run this as root");
  Fd tun(::open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC));
  if (!tun) fail("/dev/net/tun", "load the module tun, or give this container the device");
  ifreq request{};
  device.copy(request.ifr_name, IFNAMSIZ - 1);
  request.ifr_flags = IFF_TUN | IFF_NO_PI | (offload ? IFF_VNET_HDR : 0);
  if (::ioctl(tun.get(), TUNSETIFF, &request) != 0) fail("cannot make " + device, "run this as root");
  const unsigned offloads = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6;
  if (offload && ::ioctl(tun.get(), TUNSETOFFLOAD, offloads) != 0) fail(device, "leave --offload out");
  const Fd any(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  request.ifr_qlen = kDeviceQueue;
  if (::ioctl(any.get(), SIOCSIFTXQLEN, &request) != 0) fail(device, "the kernel takes no txqueuelen");
  return tun;
}

/// A NAT that has forgotten what it knew: of TCP connections that were there before, no packet passes any
/// more.
class Nat {
 public:
  void forget() {
    forgot_ = true;
    known_.clear();
  }

  /// `packet`: IP. Of anything but TCP over IPv4 it knows nothing, and lets it pass.
  bool passes(Packet packet, bool forth) {
    if (!forgot_) return true;
    const auto at = [&](std::size_t i) { return std::to_integer<unsigned>(packet[i]); };
    if (packet.size() < kLeastHeaders || at(0) >> 4 != 4 || at(9) != IPPROTO_TCP) return true;
    const std::size_t tcp = (at(0) & 0xf) * 4;
    if (packet.size() < tcp + kTcpHeader) return true;
    Connection connection;
    const auto put = [&](std::size_t to, std::size_t from, std::size_t size) {
      std::copy_n(packet.begin() + static_cast<std::ptrdiff_t>(from), size, connection.begin() + to);
    };
    put(forth ? 0 : 4, 12, 4);
    put(forth ? 4 : 0, 16, 4);
    put(forth ? 8 : 10, tcp, 2);
    put(forth ? 10 : 8, tcp + 2, 2);
    constexpr unsigned kSyn = 0x02, kAck = 0x10;
    const bool opens = (at(tcp + 13) & (kSyn | kAck)) == kSyn;
    if (opens && known_.size() < kMaxConnections) known_.insert(connection);
    return known_.contains(connection);
  }

 private:
  static constexpr std::size_t kTcpHeader = 20;
  static constexpr std::size_t kLeastHeaders = 20 + kTcpHeader;
  using Connection = std::array<std::byte, 12>;  ///< both addresses and ports, those of the first end first

  bool forgot_ = false;
  std::set<Connection> known_;
};

/// What the commands change; for both directions, but for the holes.
struct Condition {
  Clock::duration delay{0};
  double loss = 0;
  double bytes_per_ns = 0;  ///< 0: no limit
  Nat nat;
  std::mt19937_64 chance;
};

/// Packets under way in one direction.
class Direction {
 public:
  Direction(Condition& condition, int from, int to, bool forth, std::size_t prefix)
      : condition_(condition), from_(from), to_(to), forth_(forth), prefix_(prefix) {}

  /// Reads what the one device has to send.
  void take() {
    static std::array<std::byte, kMaxPacket> buffer;
    for (int i = 0; i < kBurst; ++i) {
      const auto got = ::read(from_, buffer.data(), buffer.size());
      if (got < 0 && errno != EAGAIN && errno != EINTR) fail("the device is gone", "start the wire anew");
      if (got <= 0) return;
      ++taken_;
      put(Packet(buffer).first(static_cast<std::size_t>(got)));
    }
  }

  /// Hands what is due to the other device. Returns when the next one is, if there is one.
  std::optional<Clock::time_point> deliver() {
    while (!packets_.empty()) {
      const auto& front = packets_.front();
      if (front.due > Clock::now()) return front.due;
      const bool arrives = !hole_ && ::write(to_, front.data.get(), front.size) >= 0;
      ++(arrives ? delivered_ : lost_);
      held_ -= front.size + kPacketCost;
      packets_.pop_front();
    }
    return std::nullopt;
  }

  /// Nothing arrives any more, what is under way included.
  void hole(bool is_there) { hole_ = is_there; }

  std::string counts() const {
    return fmt::format("{{\"taken\":{},\"delivered\":{},\"lost\":{},\"no_room\":{}}}", taken_, delivered_,
                       lost_, no_room_);
  }

 private:
  struct Held {
    Clock::time_point due;
    std::unique_ptr<std::byte[]> data;
    std::size_t size;
  };

  bool is_lost(Packet packet) {
    if (hole_ || !condition_.nat.passes(packet.subspan(std::min(prefix_, packet.size())), forth_))
      return true;
    return condition_.loss > 0 && std::generate_canonical<double, 53>(condition_.chance) < condition_.loss;
  }

  void put(Packet packet) {
    if (is_lost(packet)) {
      ++lost_;
      return;
    }
    auto sent = Clock::now();
    const bool late = condition_.bytes_per_ns > 0 && busy_until_ - sent > kRateQueue;
    if (late || held_ + packet.size() + kPacketCost > kUnderWay) {
      ++no_room_;
      return;
    }
    if (condition_.bytes_per_ns > 0) {
      const double takes = static_cast<double>(packet.size()) / condition_.bytes_per_ns;
      busy_until_ = std::max(busy_until_, sent) + std::chrono::nanoseconds(static_cast<std::int64_t>(takes));
      sent = busy_until_;
    }
    Held held{sent + condition_.delay, std::make_unique_for_overwrite<std::byte[]>(packet.size()),
              packet.size()};
    std::copy(packet.begin(), packet.end(), held.data.get());
    packets_.push_back(std::move(held));
    held_ += packet.size() + kPacketCost;
  }

  Condition& condition_;
  const int from_;
  const int to_;
  const bool forth_;
  const std::size_t prefix_;  ///< bytes in front of each IP packet
  bool hole_ = false;
  std::deque<Held> packets_;  ///< in the order of their sending, whatever the delay was then
  std::size_t held_ = 0;
  Clock::time_point busy_until_{};
  std::uint64_t taken_ = 0;
  std::uint64_t delivered_ = 0;
  std::uint64_t lost_ = 0;  ///< by chance, in a hole, by the NAT, or for the other device was down
  std::uint64_t no_room_ = 0;
};

std::string cpu_seconds() {
  timespec used{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
  return fmt::format("{}.{:03}", used.tv_sec, used.tv_nsec / 1'000'000);
}

class Wire {
 public:
  Wire(Fd first, Fd second, bool offload, std::uint64_t seed)
      : first_(std::move(first)),
        second_(std::move(second)),
        prefix_(offload ? kVirtioHeader : 0),
        forth_(condition_, first_.get(), second_.get(), true, prefix_),
        back_(condition_, second_.get(), first_.get(), false, prefix_) {
    condition_.chance.seed(seed);
  }
  Wire(const Wire&) = delete;
  Wire& operator=(const Wire&) = delete;

  /// Until standard input ends.
  void run() {
    std::array<pollfd, 3> ready{{{first_.get(), POLLIN, 0}, {second_.get(), POLLIN, 0}, {0, POLLIN, 0}}};
    for (;;) {
      const auto forth = forth_.deliver();
      const auto back = back_.deliver();
      const auto next = forth && back ? std::min(*forth, *back) : forth ? *forth : back.value_or(kNever);
      wait(ready, next);
      if (ready[0].revents != 0) forth_.take();
      if (ready[1].revents != 0) back_.take();
      if (ready[2].revents != 0 && !read_commands()) return;
    }
  }

 private:
  static constexpr std::size_t kVirtioHeader = 10;  // struct virtio_net_hdr
  static constexpr auto kNever = Clock::time_point::max();

  static void wait(std::span<pollfd> ready, Clock::time_point until) {
    timespec left{};
    if (until != kNever) {
      const auto wait = std::max(Clock::duration(0), until - Clock::now());
      const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(wait);
      left = {seconds.count(), std::chrono::nanoseconds(wait - seconds).count()};
    }
    if (::ppoll(ready.data(), ready.size(), until == kNever ? nullptr : &left, nullptr) >= 0) return;
    if (errno != EINTR) fail("ppoll", "start the wire anew");
    for (auto& one : ready) one.revents = 0;
  }

  bool read_commands() {
    std::array<char, kMaxCommand> bytes;
    const auto got = ::read(STDIN_FILENO, bytes.data(), bytes.size());
    if (got <= 0) return got < 0 && errno == EINTR;
    unread_.append(bytes.data(), static_cast<std::size_t>(got));
    for (auto end = unread_.find('\n'); end != std::string::npos; end = unread_.find('\n')) {
      std::puts(obey(std::string_view(unread_).substr(0, end)).c_str());
      unread_.erase(0, end + 1);
    }
    if (unread_.size() > kMaxCommand)
      throw std::runtime_error("a command is too long; end each with a newline");
    std::fflush(stdout);
    return true;
  }

  /// The answer to one command.
  std::string obey(std::string_view line) {
    const auto space = std::min(line.find(' '), line.size());
    const auto word = line.substr(0, space);
    const auto rest = line.substr(std::min(space + 1, line.size()));
    if (word == "stats")
      return fmt::format("{{\"forth\":{},\"back\":{},\"cpu\":{}}}", forth_.counts(), back_.counts(),
                         cpu_seconds());
    if (word == "delay")
      return set(rest, kMaxDelayMs, [&](double ms) {
        condition_.delay =
            std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double, std::milli>(ms));
      });
    if (word == "loss") return set(rest, 1, [&](double share) { condition_.loss = share; });
    if (word == "rate")
      return set(rest, kMaxRateMbit, [&](double mbit) { condition_.bytes_per_ns = mbit / 8e3; });
    if (word == "forget" && rest.empty()) {
      condition_.nat.forget();
      return "done";
    }
    if (word == "hole" && (rest == "forth" || rest == "back" || rest == "both" || rest == "none")) {
      forth_.hole(rest == "forth" || rest == "both");
      back_.hole(rest == "back" || rest == "both");
      return "done";
    }
    return "refused: commands are delay MS, loss SHARE, rate MBIT, hole forth|back|both|none, forget, stats";
  }

  template <class Use>
  static std::string set(std::string_view text, double most, Use use) {
    double value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size() || !(value >= 0 && value <= most))
      return fmt::format("refused: needs a number from 0 to {}", most);
    use(value);
    return "done";
  }

  const Fd first_;
  const Fd second_;
  const std::size_t prefix_;
  Condition condition_;
  Direction forth_;
  Direction back_;
  std::string unread_;  ///< of standard input
};

struct Options {
  std::string first, second;
  std::string device = "wire";
  bool offload = false;
  std::uint64_t seed = 1;
};

void serve(const Options& options) {
  ::prctl(PR_SET_TIMERSLACK, 1);  // nanoseconds: what is due leaves at once
  Fd first = open_device(options.first, options.device, options.offload);
  Fd second = open_device(options.second, options.device, options.offload);
  Wire wire(std::move(first), std::move(second), options.offload, options.seed);
  std::puts("ready");
  std::fflush(stdout);
  wire.run();
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app(
      "Joins two network namespaces. Prints `ready`, takes commands on standard input, and ends with it.",
      "wire");
  app.add_option("first", options.first, "a namespace of `ip netns`")->required();
  app.add_option("second", options.second, "another one")->required();
  app.add_option("--device", options.device, "name of the TUN device in each; wire unless given")
      ->check([](const std::string& name) { return name.size() < IFNAMSIZ ? "" : "is too long"; });
  app.add_flag("--offload", options.offload,
               "packets of up to 64 KiB: cheaper, but each is delayed and lost as a whole");
  app.add_option("--seed", options.seed, "of what is lost by chance");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kUsage;
  }
  try {
    serve(options);
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "wire: %s\n", error.what());
    return kUnavailable;
  }
}
