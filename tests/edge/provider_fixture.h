#pragma once

#include <openssl/rsa.h>

#include <boost/asio/detached.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <functional>

#include "auth/token/jwks.h"
#include "edge/edge_fixture.h"

namespace cfpipe::edge {

/// An identity provider on loopback, on the loop of the site, which signs in a person of the test's choice.
class TestProvider {
 public:
  TestProvider(boost::asio::io_context& io, std::string name, const std::int64_t& now)
      : acceptor_(io, {boost::asio::ip::address_v4::loopback(), 0}), name_(std::move(name)), now_(now) {
    boost::asio::co_spawn(io, serve(), boost::asio::detached);
  }

  OidcConfig config(bool own_callback = true) const {
    OidcConfig out;
    out.name = name_;
    out.own_callback = own_callback;
    out.issuer = issuer();
    out.client_id = "cfpipe";
    out.proxy = "none";
    return out;
  }
  std::string issuer() const {
    return "http://127.0.0.1:" + std::to_string(acceptor_.local_endpoint().port());
  }
  bool is_at(const std::string& url) const { return url.starts_with(issuer() + "/authorize?"); }

  /// Where a browser that was sent to this authorization URL is sent back to, once the person has signed in.
  std::string signs_in(const std::string& url, const std::string& email) {
    Request asked;
    asked.query = url.substr(url.find('?') + 1);
    person_ = {{"iss", issuer()}, {"aud", "cfpipe"},        {"sub", email},
               {"email", email},  {"email_verified", true}, {"nonce", asked.query_value("nonce")},
               {"iat", now_},     {"exp", now_ + 60}};
    return asked.query_value("redirect_uri") + "?code=a-code&state=" + asked.query_value("state");
  }

  /// Called when the edge shows the code that came back.
  std::function<void()> on_code = [] {};
  int codes = 0;

 private:
  using Message = boost::beast::http::response<boost::beast::http::string_body>;

  static EVP_PKEY* key() {
    static const PKey made(EVP_RSA_gen(kTokenKeyBits));
    return made.get();
  }
  std::string answer(std::string_view target) {
    namespace json = boost::json;
    if (target == "/.well-known/openid-configuration")
      return json::serialize(json::object{{"issuer", issuer()},
                                          {"authorization_endpoint", issuer() + "/authorize"},
                                          {"token_endpoint", issuer() + "/token"},
                                          {"jwks_uri", issuer() + "/keys"},
                                          {"end_session_endpoint", issuer() + "/end"},
                                          {"response_types_supported", {"code"}},
                                          {"id_token_signing_alg_values_supported", {"RS256"}}});
    if (target == "/keys")
      return json::serialize(json::object{{"keys", json::array{auth::rsa_jwk(key(), "a-key")}}});
    if (target != "/token") return {};
    ++codes;
    on_code();
    return json::serialize(json::object{{"id_token", auth::sign_rs256(person_, "a-key", key())},
                                        {"access_token", "an-access-token"},
                                        {"token_type", "Bearer"}});
  }
  boost::asio::awaitable<void> serve() {
    namespace http = boost::beast::http;
    for (;;) {
      auto socket = co_await acceptor_.async_accept(boost::asio::use_awaitable);
      boost::beast::flat_buffer buffer;
      http::request<http::string_body> request;
      co_await http::async_read(socket, buffer, request, boost::asio::use_awaitable);
      const std::string text = answer({request.target().data(), request.target().size()});
      Message message(text.empty() ? http::status::not_found : http::status::ok, 11);
      message.set(http::field::content_type, "application/json");
      message.body() = text;
      message.keep_alive(false);
      message.prepare_payload();
      co_await http::async_write(socket, message, boost::asio::use_awaitable);
    }
  }

  boost::asio::ip::tcp::acceptor acceptor_;
  const std::string name_;
  const std::int64_t& now_;
  boost::json::object person_;
};

/// A site whose people sign in at two providers, corp and partner.
class ProvidersTest : public SiteTest {
 protected:
  void SetUp() override {
    SiteTest::SetUp();
    make_site(with_providers());
  }
  Config with_providers() const {
    Config config = two_applications(dir_ / "state");
    config.identity_provider = IdentityProvider::oidc;
    config.dev_email.clear();
    config.providers = {corp_.config(), partner_.config()};
    return config;
  }
  Config with_one_provider() const {
    Config config = with_providers();
    config.providers = {corp_.config(false)};
    return config;
  }
  /// The link of the page that leads to a provider; empty: it is not offered.
  static std::string link_to(const Answer& page, const std::string& provider) {
    const std::size_t over = page.body.find("idp=" + provider + "\"");
    if (over == std::string::npos) return {};
    const std::size_t start = page.body.rfind("href=\"", over) + 6;
    std::string link = page.body.substr(start, page.body.find('"', start) - start);
    for (std::size_t at = 0; (at = link.find("&amp;", at)) != std::string::npos; ++at)
      link.replace(at, 5, "&");
    return link;
  }
  /// Where the browser is sent to by the choice of a provider.
  std::string chosen(const std::string& url, const std::string& provider) {
    return header_of(browser_->get(link_to(browser_->follow(url), provider)), "Location");
  }
  /// The last answer of the whole way.
  Answer sign_in_at(TestProvider& provider, const std::string& sent_to, const std::string& email) {
    const Answer back = browser_->get(provider.signs_in(sent_to, email));
    return back.status == 302 ? browser_->follow(header_of(back, "Location")) : back;
  }

  static constexpr const char* kPage = "https://vm.localhost:8443/";
  static constexpr const char* kOther = "https://b.localhost:8443/";
  TestProvider corp_{io_, "corp", now_};
  TestProvider partner_{io_, "partner", now_};
};

}  // namespace cfpipe::edge
