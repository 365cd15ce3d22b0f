// What a proxy says before the way is free, SOCKS 5 or HTTP: what comes of it does not depend on cuts, and
// not a byte of the other side is taken.
#include "fuzz.h"
#include "transport/dial/proxy_handshake.h"
#include "transport/dial/proxy_settings.h"

namespace {

using cfpipe::fuzz::require;
using namespace cfpipe;
using namespace cfpipe::transport;

/// Messages of ours that one handshake may have: hello, login, request.
constexpr std::size_t kMaxSaid = 3;

struct Shaken {
  std::vector<std::string> said;
  std::size_t used = 0;  ///< bytes of what the proxy sent
  bool open = false;
  std::string failure;
  bool operator==(const Shaken&) const = default;
};

Shaken handshake(const Proxy& proxy, const Host& host, const std::vector<std::string_view>& pieces) {
  const auto handshake = ask_proxy(proxy, host, 22);
  Shaken out;
  out.said.emplace_back(handshake->hello().reveal());
  for (auto piece : pieces) {
    while (!piece.empty()) {
      const auto step = handshake->hear(piece);
      if (!step) {
        require(step.error().stage == Stage::proxy, "a failure is the proxy's");
        out.failure = std::to_string(static_cast<int>(step.error().cause)) + " " +
                      std::to_string(step.error().http_status) + " " + step.error().detail;
        out.used = 0;  // nothing is told of it then
        return out;
      }
      require(step->used > 0 && step->used <= piece.size(),
              "at least a byte is taken, and none that did not come");
      out.used += step->used;
      piece.remove_prefix(step->used);
      if (!step->say.empty()) out.said.emplace_back(step->say.reveal());
      require(out.said.size() <= kMaxSaid, "a handshake ends");
      out.open = step->open;
      if (out.open) return out;
    }
  }
  return out;
}

}  // namespace

// The first byte is how to cut; the second what is asked: the protocol, with a login or without, by what
// address.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  cfpipe::fuzz::Input input(data, size);
  const auto plan = input.byte();
  const auto kind = input.byte();
  constexpr const char* kHosts[] = {"vm.example.com", "192.0.2.7", "2001:db8::7"};
  const auto host = Host::parse(kHosts[kind / 4 % 3]);
  Proxy proxy;
  proxy.kind = kind % 2 == 0 ? ProxyKind::http : ProxyKind::socks5h;
  if (kind / 2 % 2 == 1) {
    proxy.user = "ann";
    proxy.password = Secret(std::string("a secret"));
  }
  const auto whole = handshake(proxy, *host, {input.rest()});
  require(whole == handshake(proxy, *host, cfpipe::fuzz::cut(input.rest(), plan)), "cuts change nothing");
  require(whole.failure.find("a secret") == std::string::npos, "a failure keeps the password to itself");
  require(printable(whole.failure, whole.failure.size()) == whole.failure, "a failure is printable");
  if (proxy.kind == ProxyKind::http)
    require(whole.used <= kMaxProxyAnswerBytes * (1 + std::size_t{16}), "an answer has a bound");
  return 0;
}
