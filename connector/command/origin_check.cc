#include "connector/command/origin_check.h"

#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <optional>
#include <string_view>
#include <utility>
#include <variant>

#include "base/deadline.h"

namespace cfpipe::connector {
namespace net = boost::asio;
using auth::OriginFault;
namespace {

/// What is shown of a banner, in bytes.
constexpr std::size_t kShownBanner = 100;
/// On whose behalf it is asked, which decides the address that it is asked from.
constexpr const char* kSubject = "doctor";

Failure failure_of(OriginFault fault, const std::string& where) {
  switch (fault) {
    case OriginFault::refused:
      return {Stage::tcp, Cause::refused, where};
    case OriginFault::timed_out:
      return {Stage::tcp, Cause::timed_out, where};
    case OriginFault::no_address:
      return {Stage::dns, Cause::name_not_found, where};
    case OriginFault::not_allowed:
      return {Stage::config, Cause::bad_option,
              where + " leads to this machine or its link; list the address itself"};
    case OriginFault::short_of:
      return {Stage::tcp, Cause::system_short, where};
    default:
      return {Stage::tcp, Cause::unreachable, where};
  }
}

/// The first whole line that is a server's version; lines of other text may come before it.
std::optional<std::string> version_line(std::string_view text) {
  for (;;) {
    const auto end = text.find('\n');
    if (end == std::string_view::npos) return std::nullopt;
    const auto line = text.substr(0, end);
    if (line.starts_with("SSH-")) return printable(line.substr(0, line.find('\r')), kShownBanner);
    text.remove_prefix(end + 1);
  }
}

/// What it says until there is a version, its end, or the time is up.
net::awaitable<std::string> first_words(net::ip::tcp::socket& socket) {
  const Deadline deadline(co_await net::this_coro::executor, kBannerLimit, [&socket] {
    boost::system::error_code ignored;
    socket.cancel(ignored);
  });
  std::string text;
  std::array<char, 1024> bytes{};
  while (text.size() < kMaxBannerBytes && !version_line(text)) {
    const auto [error, got] =
        co_await socket.async_read_some(net::buffer(bytes), net::as_tuple(net::use_awaitable));
    if (error) break;
    text.append(bytes.data(), got);
  }
  co_return text;
}

}  // namespace

net::awaitable<Result<std::string>> check_origin(std::shared_ptr<const TunnelRules> rules, Authority origin) {
  const std::string where = origin.text();
  auto dialled = co_await dial_origin(std::move(rules), origin, kSubject);
  if (const auto* fault = std::get_if<OriginFault>(&dialled)) co_return failure_of(*fault, where);
  auto& socket = std::get<net::ip::tcp::socket>(dialled);
  const std::string text = co_await first_words(socket);
  if (auto line = version_line(text)) co_return std::move(*line);
  if (origin.port_or(0) != kSshPort) co_return std::string("reachable; no SSH server speaks there");
  if (text.empty()) co_return Failure(Stage::tunnel, Cause::origin_silent, where);
  co_return Failure(Stage::tunnel, Cause::not_ssh, where + ": " + printable(text, kShownBanner));
}

}  // namespace cfpipe::connector
