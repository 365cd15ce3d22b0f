// SOCKS 5 (RFC 1928), with user name and password (RFC 1929).
#include <algorithm>
#include <array>
#include <boost/asio/ip/address.hpp>

#include "transport/dial/proxy_handshakes.h"

namespace cfpipe::transport {
namespace net = boost::asio;
namespace {

constexpr char kVersion = 5;
constexpr char kLoginVersion = 1;  // of RFC 1929
constexpr char kNoLogin = 0;
constexpr char kByPassword = 2;
constexpr char kNoneOfThese = '\xff';
constexpr char kConnect = 1;
constexpr char kAddressV4 = 1;
constexpr char kAddressName = 3;
constexpr char kAddressV6 = 4;
constexpr std::size_t kPortBytes = 2;

// RFC 1928 6, by the code less one.
constexpr std::array<std::string_view, 8> kReplies = {"general failure",     "not allowed by its rules",
                                                      "network unreachable", "host unreachable",
                                                      "connection refused",  "TTL expired",
                                                      "command not known",   "kind of address not known"};

// The other side's address as RFC 1928 4 has it, its port behind it.
std::string address_bytes(const Host& host, std::uint16_t port) {
  static_assert(kMaxHostBytes <= 255, "the length of a name is one byte");
  std::string out;
  if (!host.address()) {
    out = {kAddressName, static_cast<char>(host.text().size())};
    out += host.text();
  } else if (host.address()->is_v4()) {
    const auto bytes = host.address()->to_v4().to_bytes();
    out.assign(1, kAddressV4).append(bytes.begin(), bytes.end());
  } else {
    const auto bytes = host.address()->to_v6().to_bytes();
    out.assign(1, kAddressV6).append(bytes.begin(), bytes.end());
  }
  out.push_back(static_cast<char>(port >> 8));
  out.push_back(static_cast<char>(port & 0xff));
  return out;
}

class Socks5Handshake final : public ProxyHandshake {
 public:
  Socks5Handshake(const Proxy& proxy, std::string target) : proxy_(proxy), target_(std::move(target)) {}

  Secret hello() override {
    wanted_ = 2;
    std::string text = {kVersion, 1, kNoLogin};
    if (proxy_.has_login()) text = {kVersion, 2, kNoLogin, kByPassword};
    return Secret(std::move(text));
  }

  Result<Step> hear(std::string_view bytes) override {
    Step step;
    step.used = std::min(bytes.size(), wanted_ - heard_.size());
    heard_.append(bytes.substr(0, step.used));
    if (heard_.size() < wanted_) return step;
    const std::string message = std::exchange(heard_, {});
    switch (state_) {
      case State::method:
        return chosen(message, std::move(step));
      case State::login:
        return logged_in(message, std::move(step));
      case State::reply:
        return replied(message, std::move(step));
      case State::address_length:
        wanted_ = static_cast<unsigned char>(message[0]) + kPortBytes;
        state_ = State::address;
        return step;
      case State::address:
        break;
    }
    step.open = true;
    return step;
  }

 private:
  enum class State { method, login, reply, address_length, address };

  static Failure broken(std::string_view why) {
    return {Stage::proxy, Cause::proxy_failed, std::string(why)};
  }

  Result<Step> chosen(const std::string& message, Step step) {
    if (message[0] != kVersion) return broken("the answer is not SOCKS 5");
    if (message[1] == kNoLogin) return ask(std::move(step));
    if (message[1] == kByPassword && proxy_.has_login()) {
      std::string text = {kLoginVersion, static_cast<char>(proxy_.user.size())};
      const auto password = proxy_.password.reveal();
      text += proxy_.user;
      text.push_back(static_cast<char>(password.size()));
      text += password;
      step.say = Secret(std::move(text));
      state_ = State::login;
      wanted_ = 2;
      return step;
    }
    if (message[1] == kNoneOfThese) return Failure(Stage::proxy, Cause::proxy_login_needed);
    return broken("it chose a way to log in that was not offered");
  }

  Result<Step> logged_in(const std::string& message, Step step) {
    if (message[0] != kLoginVersion) return broken("the answer to the login is not of RFC 1929");
    if (message[1] != 0) return Failure(Stage::proxy, Cause::proxy_login_needed);
    return ask(std::move(step));
  }

  Result<Step> ask(Step step) {
    step.say = Secret(std::string({kVersion, kConnect, 0}) + target_);
    state_ = State::reply;
    wanted_ = 4;
    return step;
  }

  Result<Step> replied(const std::string& message, Step step) {
    if (message[0] != kVersion) return broken("the answer is not SOCKS 5");
    if (const auto code = static_cast<unsigned char>(message[1]); code != 0) {
      const std::string why =
          code <= kReplies.size() ? std::string(kReplies[code - 1U]) : "code " + std::to_string(code);
      return Failure(Stage::proxy, Cause::proxy_refused, why);
    }
    // Where the proxy's own end is: of no use, but it has to be read.
    state_ = State::address;
    switch (message[3]) {
      case kAddressV4:
        wanted_ = 4 + kPortBytes;
        return step;
      case kAddressV6:
        wanted_ = 16 + kPortBytes;
        return step;
      case kAddressName:
        state_ = State::address_length;
        wanted_ = 1;
        return step;
      default:
        return broken("an address of a kind there is not");
    }
  }

  const Proxy& proxy_;
  std::string target_;
  State state_ = State::method;
  std::string heard_;       // never longer than wanted_
  std::size_t wanted_ = 2;  // bytes of the message that is being heard
};

}  // namespace

std::unique_ptr<ProxyHandshake> ask_by_socks(const Proxy& proxy, const Host& host, std::uint16_t port) {
  return std::make_unique<Socks5Handshake>(proxy, address_bytes(host, port));
}

std::unique_ptr<ProxyHandshake> ask_proxy(const Proxy& proxy, const Host& host, std::uint16_t port) {
  const bool socks = proxy.kind == ProxyKind::socks5 || proxy.kind == ProxyKind::socks5h;
  return socks ? ask_by_socks(proxy, host, port) : ask_by_connect(proxy, host, port);
}

}  // namespace cfpipe::transport
