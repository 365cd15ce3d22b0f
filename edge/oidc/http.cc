#include "edge/oidc/http.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>

#include "transport/http/message_io.h"

namespace cfpipe::edge {
namespace net = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using transport::HttpAnswer;
namespace {

transport::DialOptions dial_options(const std::string& ca_file,
                                    std::shared_ptr<const transport::ProxySettings> proxy) {
  transport::DialOptions out;
  out.ca_file = ca_file;
  out.proxy = std::move(proxy);
  // Lookups of origins, however slow, leave these alone.
  static const auto lookups = transport::Lookups::make({kMaxProviderLookups, 0});
  out.lookups.pool = lookups;
  out.dns_deadline = out.tcp_deadline = out.proxy_deadline = out.tls_deadline = kProviderStepDeadline;
  return out;
}

Failure http_failure(const ProviderRequest& request, const boost::system::error_code& error) {
  Cause cause = Cause::http_malformed;
  if (error == beast::error::timeout) cause = Cause::timed_out;
  if (error == http::error::body_limit || error == http::error::header_limit) cause = Cause::http_too_large;
  if (error == http::error::end_of_stream || error == http::error::partial_message ||
      error == net::error::connection_reset || error == net::error::broken_pipe) {
    cause = Cause::closed_early;
  }
  return {Stage::http, cause, request.url.authority() + ": " + error.message()};
}

/// Without TLS, a connection for each: that is a provider on this machine.
net::awaitable<Result<HttpAnswer>> send_plain(const ProviderRequest& request) {
  const transport::DialOptions options = dial_options({}, nullptr);
  auto socket = co_await transport::dial_tcp(request.url.url, options);
  if (!socket) co_return socket.error();
  beast::tcp_stream stream(std::move(*socket));
  stream.expires_after(kProviderDeadline);
  http::request<http::string_body> message;
  message.method_string(request.method);
  message.target(request.url.url.target);
  message.version(11);
  message.set(http::field::host, request.url.authority());
  message.set(http::field::user_agent, "cfpipe/" CFPIPE_VERSION);
  message.set(http::field::connection, "close");
  for (const auto& [name, value] : request.headers) message.set(name, value);
  message.body() = request.body;
  message.prepare_payload();
  const auto token = net::as_tuple(net::use_awaitable);
  const auto [unwritten, sent] = co_await http::async_write(stream, message, token);
  if (unwritten) co_return http_failure(request, unwritten);
  beast::flat_buffer buffer;
  for (int skipped = 0; skipped <= transport::kMaxInterimAnswers; ++skipped) {
    http::response_parser<http::string_body> parser;
    parser.header_limit(transport::kMaxAnswerHeaderBytes);
    parser.body_limit(request.max_answer_bytes);
    const auto [unread, got] = co_await http::async_read(stream, buffer, parser, token);
    if (unread) co_return http_failure(request, unread);
    HttpAnswer answer;
    answer.status = static_cast<int>(parser.get().result_int());
    if (transport::is_interim(answer.status)) continue;
    for (const auto& field : parser.get()) answer.headers.emplace_back(field.name_string(), field.value());
    answer.body = std::move(parser.get().body());
    co_return answer;
  }
  co_return Failure(Stage::http, Cause::http_malformed);
}

/// In words what is wrong with the proxy in between.
std::string proxy_fault(const Failure& failure) {
  std::string why = "its proxy cannot be reached";
  if (failure.cause == Cause::proxy_login_needed) why = "its proxy wants another login (proxy_login_file)";
  if (failure.cause == Cause::proxy_refused) why = "its proxy does not lead there";
  if (failure.cause == Cause::proxy_failed) why = "its proxy does not speak as configured";
  if (failure.cause == Cause::proxy_unusable) why = "its proxy cannot be used";
  return failure.detail.empty() ? why : why + " (" + failure.detail + ")";
}

/// In words what kept an answer from coming.
Failure unreachable(const Failure& failure, const std::string& host) {
  std::string why = "it cannot be reached";
  if (failure.stage == Stage::proxy || failure.cause == Cause::proxy_unusable)
    return {Stage::login, Cause::unreachable, host + ": " + proxy_fault(failure)};
  switch (failure.cause) {
    case Cause::name_not_found:
      why = "its name is not found";
      break;
    case Cause::lookup_failed:
      why = "its name cannot be looked up now";
      break;
    case Cause::refused:
      why = "it refuses connections";
      break;
    case Cause::timed_out:
      why = "it does not answer in time";
      break;
    case Cause::tls_unknown_issuer:
      why = "its TLS certificate is of an authority that is not trusted here (ca_file)";
      break;
    case Cause::tls_name_mismatch:
      why = "its TLS certificate is for another name";
      break;
    case Cause::tls_expired:
      why = "its TLS certificate has expired";
      break;
    case Cause::tls_certificate_unfit:
      why = "its TLS certificate breaks a rule (" + failure.detail + ")";
      break;
    case Cause::http_too_large:
      why = "its answer is too large";
      break;
    case Cause::http_malformed:
      why = "its answer is not HTTP";
      break;
    case Cause::closed_early:
      why = "it closed the connection";
      break;
    default:
      break;
  }
  return {Stage::login, Cause::unreachable, host + ": " + why};
}

}  // namespace

ProviderHttp::ProviderHttp(net::any_io_executor executor, const std::string& ca_file,
                           std::shared_ptr<const transport::ProxySettings> proxy)
    : https_(std::make_shared<transport::HttpClient>(std::move(executor),
                                                     dial_options(ca_file, std::move(proxy)))) {}

net::awaitable<Result<HttpAnswer>> ProviderHttp::send(const ProviderRequest& request) {
  const auto begun = std::chrono::steady_clock::now();
  auto answer = co_await exchange(request);
  if (!health_) health_.emplace();
  health_->answers = answer && answer->status < 500;
  health_->requests.add(std::chrono::steady_clock::now() - begun);
  co_return answer;
}

net::awaitable<Result<HttpAnswer>> ProviderHttp::exchange(const ProviderRequest& request) {
  const auto client = https_;
  Result<HttpAnswer> answer = Failure();
  if (request.url.plain) {
    answer = co_await send_plain(request);
  } else {
    transport::HttpRequest https(request.method, request.url.url);
    https.headers = request.headers;
    https.body = request.body;
    https.deadline = kProviderDeadline;
    answer = co_await client->send(https);
  }
  if (!answer) co_return unreachable(answer.error(), request.url.authority());
  if (answer->body.size() > request.max_answer_bytes)
    co_return unreachable(Failure(Stage::http, Cause::http_too_large), request.url.authority());
  co_return answer;
}

}  // namespace cfpipe::edge
