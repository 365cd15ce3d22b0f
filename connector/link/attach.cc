#include "connector/link/attach.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/string.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/rfc7230.hpp>
#include <boost/beast/http/string_body.hpp>
#include <charconv>
#include <utility>

#include "auth/connector/protocol.h"
#include "base/access_headers.h"
#include "base/base64.h"
#include "base/clock.h"
#include "connector/link/liveness.h"
#include "transport/dial/dialer.h"
#include "transport/http/message_io.h"
#include "transport/http/status.h"

namespace cfpipe::connector {
namespace net = boost::asio;
namespace http = boost::beast::http;
namespace {

using Clock = std::chrono::steady_clock;
using Parser = http::response_parser<http::string_body>;

constexpr int kSwitching = 101;
constexpr int kUnauthorized = 401;
constexpr int kForbidden = 403;
constexpr int kTooManyRequests = 429;
constexpr int kServiceUnavailable = 503;
/// Longest reason of the edge's in a message, in bytes.
constexpr std::size_t kMaxReasonBytes = 200;

Failure refused(Cause cause, const AttachAnswer& answer, std::string detail) {
  Failure out(Stage::upgrade, cause, std::move(detail));
  out.http_status = answer.status;
  return out;
}

/// Visible ASCII without what would end a header's value.
bool is_challenge(std::string_view text) {
  return !text.empty() && text.size() <= kMaxChallengeBytes &&
         std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < '\x7f'; });
}

/// Of a Retry-After: seconds, or a date by this machine's clock. 0: it is neither, or over.
std::chrono::seconds bounded_wait(std::string_view text) {
  std::int64_t seconds = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (error == std::errc::result_out_of_range) return kLongestRetryAfter;
  if (error != std::errc() || end != text.data() + text.size()) {
    const auto date = parse_http_date(text);
    if (!date) return std::chrono::seconds(0);
    seconds = *date - unix_now();
  }
  const std::int64_t most = kLongestRetryAfter.count();
  return std::chrono::seconds(std::clamp(seconds, std::int64_t{0}, most));
}

AttachAnswer answer_of(const Parser& parser) {
  AttachAnswer out;
  out.status = static_cast<int>(parser.get().result_int());
  out.http11 = parser.get().version() >= 11;
  out.header = [&parser](std::string_view name) {
    const auto value = parser.get()[boost::beast::string_view(name.data(), name.size())];
    return std::string(value.data(), value.size());
  };
  return out;
}

/// One request and its answer. The rest of what has come is in `buffer`.
net::awaitable<Result<void>> ask(transport::TlsChannel& channel, const std::string& text, Parser& parser,
                                 boost::beast::flat_buffer& buffer, Clock::time_point deadline) {
  if (auto written = co_await transport::write_all(channel, text, deadline); !written) co_return written;
  parser.header_limit(kMaxAttachHeadBytes);
  parser.body_limit(kMaxAttachBodyBytes);
  co_return co_await transport::read_answer(channel, buffer, parser, deadline);
}

}  // namespace

std::string AttachHandshake::request() const {
  std::string out = "GET " + std::string(auth::kAttachPath) + " HTTP/1.1\r\nHost: " + enrolment_.edge_name() +
                    "\r\nUser-Agent: cfpipe-connector/" CFPIPE_VERSION
                    "\r\nConnection: Upgrade\r\nUpgrade: " +
                    std::string(auth::kConnectorProtocol) + "\r\n";
  const auto add = [&out](const char* name, const std::string& value) {
    out.append(name).append(": ").append(value).append("\r\n");
  };
  add(auth::kConnectorIdHeader, claim_.id);
  add(auth::kInstanceHeader, claim_.instance);
  add(auth::kConnectorVersionHeader, claim_.version);
  if (!nonce_.empty()) {
    add(auth::kNonceHeader, nonce_);
    const std::string message = auth::attach_message(enrolment_.edge_name(), claim_, nonce_);
    add(auth::kSignatureHeader, base64url(enrolment_.key->sign(message)));
  }
  return out + "\r\n";
}

Result<AttachHandshake::Step> AttachHandshake::answered(const AttachAnswer& answer) {
  const std::string reason = printable(answer.header(kReasonHeader), kMaxReasonBytes);
  if (answer.status == kTooManyRequests || answer.status == kServiceUnavailable)
    retry_after_ = bounded_wait(answer.header("Retry-After"));
  if (answer.status == kForbidden) return refused(Cause::denied, answer, reason);
  if (const auto cause = transport::unavailable(answer.status)) return refused(*cause, answer, reason);
  if (answer.status == kUnauthorized) {
    if (!nonce_.empty())
      return refused(Cause::unexpected_status, answer, "the edge does not take the signature");
    nonce_ = answer.header(auth::kChallengeHeader);
    if (!is_challenge(nonce_)) return refused(Cause::unexpected_status, answer, "the edge sent no challenge");
    return Step::ask_again;
  }
  if (answer.status != kSwitching) return refused(Cause::unexpected_status, answer, reason);
  if (nonce_.empty()) return refused(Cause::bad_accept, answer, "the edge asked for no signature");
  const std::string connection = answer.header("Connection");
  const bool upgrades = http::token_list(connection).exists("upgrade");
  const std::string protocol = answer.header("Upgrade");
  if (!answer.http11 || !upgrades || !boost::beast::iequals(protocol, auth::kConnectorProtocol))
    return refused(Cause::bad_accept, answer, "it is no upgrade to " + std::string(auth::kConnectorProtocol));
  return Step::attached;
}

transport::Url edge_url(const Authority& edge, std::string_view path) {
  return {edge.host, edge.port_or(kHttpsPort), std::string(path)};
}

net::awaitable<Result<Attached>> attach(transport::DialOptions& options,
                                        std::shared_ptr<const Enrolment> enrolment, std::string instance,
                                        std::chrono::seconds* retry_after) {
  const transport::Url url = edge_url(enrolment->edge, auth::kAttachPath);
  auto dialled = co_await transport::dial_tls(url, options);
  if (!dialled) co_return dialled.error();
  Attached out;
  out.channel = std::move(*dialled);
  const int user_timeout = static_cast<int>(kPeerDead.count());
  ::setsockopt(out.channel->socket().native_handle(), IPPROTO_TCP, TCP_USER_TIMEOUT, &user_timeout,
               sizeof user_timeout);
  const auto deadline = Clock::now() + kAttachLimit;
  AttachHandshake handshake(*enrolment, {enrolment->id, std::move(instance), CFPIPE_VERSION});
  boost::beast::flat_buffer buffer;
  for (;;) {
    Parser parser;
    const std::string text = handshake.request();
    auto asked = co_await ask(*out.channel, text, parser, buffer, deadline);
    if (!asked) {
      Failure failure = asked.error();
      failure.detail = url.authority() + (failure.detail.empty() ? "" : ": " + failure.detail);
      co_return failure;
    }
    const auto step = handshake.answered(answer_of(parser));
    if (retry_after != nullptr) *retry_after = handshake.retry_after();
    if (!step) {
      Failure failure = step.error();
      failure.detail = url.authority() + (failure.detail.empty() ? "" : ": " + failure.detail);
      co_return failure;
    }
    if (*step == AttachHandshake::Step::attached) break;
    if (!parser.keep_alive() || buffer.size() > 0)
      co_return Failure(Stage::upgrade, Cause::closed_early, url.authority());
  }
  const auto* bytes = static_cast<const std::byte*>(buffer.data().data());
  out.early.assign(bytes, bytes + buffer.size());
  co_return out;
}

}  // namespace cfpipe::connector
