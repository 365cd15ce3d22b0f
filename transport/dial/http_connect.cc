// HTTP CONNECT (RFC 9110 9.3.6), with Basic authentication (RFC 7617).
#include <openssl/evp.h>

#include <algorithm>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>

#include "transport/dial/proxy_handshakes.h"
#include "transport/http/message_io.h"

namespace cfpipe::transport {
namespace http = boost::beast::http;
namespace {

constexpr std::string_view kEnd = "\r\n\r\n";
constexpr std::string_view kStart = "HTTP/1.";
constexpr int kLoginNeeded = 407;
constexpr int kUnauthorized =
    401;  // tinyproxy sends it if no credentials were offered; only the proxy answers here

Secret base64(std::string_view text) {
  std::string out(4 * ((text.size() + 2) / 3) + 1, '\0');
  const int written =
      EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                      reinterpret_cast<const unsigned char*>(text.data()), static_cast<int>(text.size()));
  out.resize(static_cast<std::size_t>(written));
  return Secret(std::move(out));
}

class HttpConnectHandshake final : public ProxyHandshake {
 public:
  HttpConnectHandshake(const Proxy& proxy, std::string target) : proxy_(proxy), target_(std::move(target)) {}

  Secret hello() override {
    std::string text = "CONNECT " + target_ + " HTTP/1.1\r\nHost: " + target_ +
                       "\r\nUser-Agent: cfpipe/" CFPIPE_VERSION "\r\n";
    if (proxy_.has_login()) {
      const Secret login(proxy_.user + ":" + std::string(proxy_.password.reveal()));
      text.append("Proxy-Authorization: Basic ").append(base64(login.reveal()).reveal()).append("\r\n");
    }
    return Secret(text + "\r\n");
  }

  Result<Step> hear(std::string_view bytes) override {
    const auto before = head_.size();
    head_.append(bytes.substr(0, kMaxProxyAnswerBytes + 1 - before));
    const auto compared = std::min(head_.size(), kStart.size());
    if (head_.compare(0, compared, kStart, 0, compared) != 0)
      return Failure(Stage::proxy, Cause::proxy_failed, "the answer is not HTTP");
    const auto end = head_.find(kEnd);
    Step step;
    if (end == std::string::npos) {
      if (head_.size() > kMaxProxyAnswerBytes)
        return Failure(Stage::proxy, Cause::proxy_failed, "an endless answer");
      step.used = bytes.size();
      return step;
    }
    head_.resize(end + kEnd.size());
    step.used = head_.size() - before;
    const auto understood = understand();
    if (!understood) return understood.error();
    step.open = *understood;
    head_.clear();  // an interim answer: the next one follows
    if (!step.open && ++interim_ > kMaxInterimAnswers)
      return Failure(Stage::proxy, Cause::proxy_failed, "interim answers without a final one");
    return step;
  }

 private:
  // True: the way is free. False: that was an interim answer (RFC 9110 15.2).
  Result<bool> understand() const {
    http::response_parser<http::empty_body> parser;
    parser.skip(true);
    boost::system::error_code error;
    parser.put(boost::asio::buffer(head_), error);
    if (error || !parser.is_header_done())
      return Failure(Stage::proxy, Cause::proxy_failed, "the answer is not HTTP");
    const int status = static_cast<int>(parser.get().result_int());
    if (status / 100 == 2) return true;
    if (is_interim(status)) return false;
    const bool wants_login = status == kLoginNeeded || status == kUnauthorized;
    Failure failure(Stage::proxy, wants_login ? Cause::proxy_login_needed : Cause::proxy_refused);
    failure.http_status = status;
    return failure;
  }

  const Proxy& proxy_;
  std::string target_;
  std::string head_;
  int interim_ = 0;  ///< answers before the final one
};

}  // namespace

std::unique_ptr<ProxyHandshake> ask_by_connect(const Proxy& proxy, const Host& host, std::uint16_t port) {
  return std::make_unique<HttpConnectHandshake>(proxy, host_and_port(host, port));
}

}  // namespace cfpipe::transport
