#include "transport/dial/http_client.h"

#include <algorithm>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/string.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <ctime>
#include <optional>

#include "transport/http/message_io.h"
#include "transport/tls/channel.h"

namespace cfpipe::transport {
namespace net = boost::asio;
namespace http = boost::beast::http;
namespace {

using Clock = std::chrono::steady_clock;

/// Idle connections kept, one per authority.
constexpr std::size_t kMaxIdle = 4;

bool same_name(std::string_view a, std::string_view b) {
  return boost::beast::iequals({a.data(), a.size()}, {b.data(), b.size()});
}

std::string trimmed(std::string_view text) {
  const auto from = text.find_first_not_of(" \t");
  if (from == std::string_view::npos) return {};
  return std::string(text.substr(from, text.find_last_not_of(" \t") - from + 1));
}

// The two date forms that are in use for cookies (RFC 6265 4.1.1 and its older sister with dashes).
std::optional<std::time_t> parsed_date(const std::string& date) {
  for (const char* form : {"%a, %d %b %Y %H:%M:%S", "%a, %d-%b-%Y %H:%M:%S"}) {
    std::tm parsed{};
    if (::strptime(date.c_str(), form, &parsed) != nullptr) return ::timegm(&parsed);
  }
  return std::nullopt;
}

// True if the attributes of a Set-Cookie header (all behind the first ';') say that it is over at `now`.
bool is_over(std::string_view attributes, std::time_t now) {
  while (!attributes.empty()) {
    attributes.remove_prefix(1);
    const auto one = attributes.substr(0, attributes.find(';'));
    const auto equals = one.find('=');
    if (equals != std::string_view::npos) {
      const auto name = trimmed(one.substr(0, equals));
      const auto value = trimmed(one.substr(equals + 1));
      if (same_name(name, "Max-Age") && (value.empty() || value[0] == '-' || value == "0")) return true;
      if (same_name(name, "Expires") && parsed_date(value).value_or(now + 1) <= now) return true;
    }
    attributes.remove_prefix(one.size());
  }
  return false;
}

std::string head_of(const HttpRequest& request) {
  std::string out = request.method + " " + request.url.target +
                    " HTTP/1.1\r\nHost: " + request.url.authority() +
                    "\r\nUser-Agent: cfpipe/" CFPIPE_VERSION "\r\nAccept: */*\r\n";
  for (const auto& [name, value] : request.headers) out += name + ": " + value + "\r\n";
  if (!request.body.empty()) out += "Content-Length: " + std::to_string(request.body.size()) + "\r\n";
  return out + "\r\n";
}

}  // namespace

std::string_view HttpAnswer::header(std::string_view name) const {
  for (const auto& [key, value] : headers) {
    if (same_name(key, name)) return value;
  }
  return {};
}

std::string HttpAnswer::cookie(std::string_view name) const {
  // By the clock that set it, where that says its time: ours may be wrong.
  const std::time_t now = parsed_date(std::string(header("Date"))).value_or(std::time(nullptr));
  for (const auto& [key, value] : headers) {
    if (!same_name(key, "Set-Cookie")) continue;
    const std::string_view text = value;
    const auto pair = text.substr(0, text.find(';'));
    const auto equals = pair.find('=');
    if (equals == std::string_view::npos || trimmed(pair.substr(0, equals)) != name) continue;
    if (!is_over(text.substr(pair.size()), now)) return trimmed(pair.substr(equals + 1));
  }
  return {};
}

struct HttpClient::Impl {
  struct Idle {
    std::string authority;
    std::unique_ptr<TlsChannel> channel;
  };

  net::any_io_executor executor;
  DialOptions options;
  std::vector<Idle> idle;

  std::unique_ptr<TlsChannel> take(const std::string& authority) {
    const auto found =
        std::find_if(idle.begin(), idle.end(), [&](const Idle& i) { return i.authority == authority; });
    if (found == idle.end()) return nullptr;
    auto channel = std::move(found->channel);
    idle.erase(found);
    return channel->idle() ? std::move(channel) : nullptr;
  }

  bool has(const std::string& authority) const {
    return std::any_of(idle.begin(), idle.end(), [&](const Idle& i) { return i.authority == authority; });
  }

  void keep(const std::string& authority, std::unique_ptr<TlsChannel> channel) {
    if (idle.size() == kMaxIdle) idle.erase(idle.begin());
    idle.push_back({authority, std::move(channel)});
  }

  net::awaitable<Result<HttpAnswer>> exchange(const HttpRequest& request, std::unique_ptr<TlsChannel> channel,
                                              Clock::time_point deadline, bool& untouched);
};

net::awaitable<Result<HttpAnswer>> HttpClient::Impl::exchange(const HttpRequest& request,
                                                              std::unique_ptr<TlsChannel> channel,
                                                              Clock::time_point deadline, bool& untouched) {
  const auto fail = [&](Failure failure) {
    failure.detail = request.url.authority() + (failure.detail.empty() ? "" : ": " + failure.detail);
    return failure;
  };
  const std::string text = head_of(request) + request.body;
  const auto written = co_await write_all(*channel, text, deadline);
  const auto fail_with = [&](const Failure& failure) {
    const auto refusal = channel->refusal();
    untouched = !refusal && unanswered(failure);
    return fail(refusal ? *refusal : failure);
  };
  if (!written) co_return fail_with(written.error());

  http::response_parser<http::string_body> parser;
  parser.header_limit(kMaxAnswerHeaderBytes);
  parser.body_limit(kMaxAnswerBodyBytes);
  if (request.method == "HEAD") parser.skip(true);
  boost::beast::flat_buffer buffer;
  const auto got = co_await read_answer(*channel, buffer, parser, deadline);
  if (!got) co_return fail_with(got.error());

  HttpAnswer answer;
  answer.status = static_cast<int>(parser.get().result_int());
  for (const auto& field : parser.get()) answer.headers.emplace_back(field.name_string(), field.value());
  answer.body = std::move(parser.get().body());
  if (parser.keep_alive() && buffer.size() == 0) keep(request.url.authority(), std::move(channel));
  co_return answer;
}

HttpClient::HttpClient(net::any_io_executor executor, DialOptions options)
    : impl_(new Impl{std::move(executor), std::move(options), {}}) {}
HttpClient::~HttpClient() = default;

const DialOptions& HttpClient::options() const {
  return impl_->options;
}

net::awaitable<Result<HttpClient::Connected>> HttpClient::connection(const Url& url, const EarlyData* early) {
  Connected out;
  out.channel = impl_->take(url.authority());
  out.reused = out.channel != nullptr;
  if (out.reused) co_return out;
  auto dialled = co_await dial_tls(url, impl_->options, early);
  if (!dialled) co_return dialled.error();
  out.channel = std::move(*dialled);
  out.sent = out.channel->early_data_accepted();
  co_return out;
}

net::awaitable<void> HttpClient::dial_ahead(const Url& url) {
  if (impl_->has(url.authority())) co_return;
  auto dialled = co_await dial_tls(url, impl_->options);
  if (dialled && !impl_->has(url.authority())) impl_->keep(url.authority(), std::move(*dialled));
}

void HttpClient::give_back(const Url& url, std::unique_ptr<TlsChannel> channel) {
  impl_->keep(url.authority(), std::move(channel));
}

net::awaitable<Result<HttpAnswer>> HttpClient::send(const HttpRequest& request) {
  const auto deadline = Clock::now() + request.deadline;
  for (;;) {
    auto connected = co_await connection(request.url);
    if (!connected) co_return connected.error();
    bool untouched = false;
    auto answer = co_await impl_->exchange(request, std::move(connected->channel), deadline, untouched);
    // A server may close an idle connection at the very moment we use it; nothing of the request was looked
    // at then.
    if (!answer && connected->reused && untouched) continue;
    co_return answer;
  }
}

}  // namespace cfpipe::transport
