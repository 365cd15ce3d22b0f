#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "transport/dial/dialer.h"
#include "transport/net/url.h"

namespace cfpipe::transport {

/// Bounds of one answer, in bytes.
inline constexpr std::size_t kMaxAnswerHeaderBytes = 64 * 1024;
inline constexpr std::size_t kMaxAnswerBodyBytes = 1024 * 1024;

using Headers = std::vector<std::pair<std::string, std::string>>;

struct HttpRequest {
  HttpRequest(std::string m, Url u) : method(std::move(m)), url(std::move(u)) {}
  std::string method;
  Url url;
  Headers headers;  ///< besides Host, User-Agent and Content-Length, which are made here
  std::string body;
  std::chrono::milliseconds deadline{15'000};  ///< from the established connection to the response
};

struct HttpAnswer {
  int status = 0;
  Headers headers;
  std::string body;
  /// First header of that name (any case), or empty.
  std::string_view header(std::string_view name) const;
  /// Value of the cookie NAME among the Set-Cookie headers, or empty; an expired one (Expires in the past,
  /// Max-Age not positive) is not found.
  std::string cookie(std::string_view name) const;
};

/// HTTP/1.1 client over TLS that follows no redirects. Keeps one idle connection per authority for reuse.
/// Used from one thread.
class HttpClient {
 public:
  HttpClient(boost::asio::any_io_executor executor, DialOptions options);
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  /// Sends a request and returns the response, whatever its status. Failures: dns to http. The request
  /// outlives the await.
  boost::asio::awaitable<Result<HttpAnswer>> send(const HttpRequest& request);

  /// A connection for a protocol upgrade: the idle one to that authority (`reused`), or a new one, on which
  /// `early` has been sent (`sent`) if the server takes early data; dial_tls() says what is fit for that. The
  /// client forgets the connection.
  struct Connected {
    std::unique_ptr<TlsChannel> channel;
    bool reused = false;
    bool sent = false;
  };
  boost::asio::awaitable<Result<Connected>> connection(const Url& url, const EarlyData* early = nullptr);
  /// Dials unless there is an idle connection to that authority, and keeps the connection for the next
  /// request, which also reports a failure.
  boost::asio::awaitable<void> dial_ahead(const Url& url);

  /// Returns a connection without outstanding requests for reuse.
  void give_back(const Url& url, std::unique_ptr<TlsChannel> channel);

  const DialOptions& options() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace cfpipe::transport
