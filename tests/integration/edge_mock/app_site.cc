#include <boost/json.hpp>

#include "site.h"

namespace edge_mock {
namespace {

namespace json = boost::json;

constexpr std::int64_t kAppTokenSeconds = 8 * 3600;
constexpr std::int64_t kAppSessionSeconds = 600;
constexpr std::int64_t kStaleMetadataSeconds = 25 * 3600;
constexpr std::string_view kAccess = "/cdn-cgi/access/";

/// The request's path and query, to come back to after the login.
std::string target_of(const Request& request) {
  std::string path;
  for (char c : request.path) path += c == '/' ? "/" : percent_encode(std::string_view(&c, 1));
  return request.query.empty() ? path : path + "?" + make_query(request.query);
}

}  // namespace

std::int64_t Site::app_ttl() const {
  return faults_.number("token-ttl", kAppTokenSeconds);
}

std::string Site::metadata(const Request& request) const {
  std::string app = app_of(request);
  json::object claims{{"type", "match"},
                      {"hostname", faults_.on("meta-wrong-host") ? "other.localhost" : request.host},
                      {"auth_domain", tokens_.auth_domain()},
                      {"aud", aud_of(app)},
                      {"app_hostname", app},
                      {"iat", unix_now() - (faults_.on("meta-old") ? kStaleMetadataSeconds : 0)}};
  if (faults_.on("meta-foreign-auth-domain"))
    claims["auth_domain"] = faults_.text("meta-foreign-auth-domain");
  if (faults_.on("meta-app-hostname")) claims["app_hostname"] = faults_.text("meta-app-hostname");
  if (faults_.on("meta-aud")) claims["aud"] = faults_.text("meta-aud");
  if (faults_.on("meta-alg-none")) return tokens_.sign(claims, Tokens::Signature::none);
  if (faults_.on("meta-bad-signature")) return tokens_.sign(claims, Tokens::Signature::wrong);
  return tokens_.sign(claims);
}

std::string Site::app_credential(const Request& request) const {
  std::string token = request.header("cf-access-token");
  return token.empty() ? request.cookie("CF_Authorization") : token;
}

std::optional<Identity> Site::visitor(const Request& request) const {
  if (!options_.service_id.empty() && request.header("cf-access-client-id") == options_.service_id &&
      request.header("cf-access-client-secret") == options_.service_secret)
    return Identity{"", options_.service_id};
  Checked checked = tokens_.check_app(app_credential(request), aud_of(app_of(request)));
  if (checked.state != Checked::State::good) return std::nullopt;
  return checked.who;
}

void Site::app(const Request& request, const Reply& reply) {
  Answer answer = app_page(request);
  if (lower(request.header("cf-access-metadata-request")) == "true" && !faults_.on("meta-none"))
    answer.headers.emplace_back("Cf-Access-Metadata", metadata(request));
  reply(std::move(answer));
}

Answer Site::app_page(const Request& request) {
  std::optional<std::string> page = path_tail(request.path, kAccess);
  if (page == "certs") return json_answer(200, tokens_.key_set());
  if (page == "authorized") return authorized(request);
  if (page == "logout") return log_out();
  if (page == "get-identity") return identity(request, app_credential(request));
  std::optional<Identity> who = visitor(request);
  if (!who) return to_login(request);
  if (page == "cli") return cli(request);
  Answer answer;
  answer.body = "<!doctype html><title>" + request.host + "</title><p>Only a tunnel lives here.\n";
  if (!who->common_name.empty()) {
    std::string token = tokens_.app_token(*who, aud_of(app_of(request)), app_ttl());
    answer.headers.emplace_back("Set-Cookie", make_cookie("CF_Authorization", token, Tokens::expiry(token)));
  }
  return answer;
}

/// Where the login is; elsewhere, if a fault says so.
std::string Site::login_location(const Request& request, const std::string& aud) const {
  std::string location = faults_.text("login-location");
  if (location.empty()) {
    Pairs query{{"kid", aud}, {"redirect_url", target_of(request)}};
    return tokens_.issuer() + "/cdn-cgi/access/login/" + request.host + "?" + make_query(query);
  }
  const std::map<std::string, std::string> values{
      {"%A", tokens_.issuer()}, {"%H", origin_of(request.host)}, {"%K", aud}};
  for (const auto& [name, value] : values)
    for (std::size_t at = location.find(name); at != std::string::npos;
         at = location.find(name, at + value.size()))
      location.replace(at, name.size(), value);
  return location;
}

Answer Site::to_login(const Request& request) {
  std::string app = app_of(request);
  std::string aud = aud_of(app);
  if (faults_.on("app-status")) {
    Answer answer =
        plain_answer(static_cast<int>(faults_.number("app-status")), "not without a service token\n");
    answer.headers.emplace_back("CF-Access-Domain", app);
    answer.headers.emplace_back("CF-Access-Aud", aud);
    return answer;
  }
  Answer answer = redirect(login_location(request, aud));
  std::string session = random_hex(16);
  remember(app_sessions_, session, request.host);
  answer.headers.emplace_back("CF-Access-Domain", app);
  answer.headers.emplace_back("CF-Access-Aud", aud);
  answer.headers.emplace_back("Set-Cookie",
                              make_cookie("CF_AppSession", session, unix_now() + kAppSessionSeconds));
  return answer;
}

/// The end of a login: a code from the auth host, together with the session this host has set before, becomes
/// the app token.
Answer Site::authorized(const Request& request) {
  auto session = app_sessions_.find(request.cookie("CF_AppSession"));
  if (session == app_sessions_.end() || session->second != request.host)
    return plain_answer(400, "no CF_AppSession cookie of this host\n");
  auto code = codes_.extract(value_of(request.query, "code"));
  if (!code || code.mapped().host != request.host)
    return plain_answer(400, "no such code, or it is used up\n");
  std::string token = tokens_.app_token({code.mapped().email, ""}, aud_of(code.mapped().app), app_ttl());
  Answer answer = redirect(origin_of(request.host) + code.mapped().return_to);
  answer.headers.emplace_back("Set-Cookie", make_cookie("CF_Authorization", token, Tokens::expiry(token)));
  return answer;
}

/// Where a command-line client sends the browser: hands this visitor's tokens to the key in the query.
Answer Site::cli(const Request& request) {
  std::string receiver = value_of(request.query, "token");
  if (value_of(request.query, "edge_token_transfer") != "true")
    return plain_answer(400, "only edge_token_transfer=true is served\n");
  if (value_of(request.query, "aud") != aud_of(app_of(request)))
    return plain_answer(400, "that aud is not this application's\n");
  std::string token = app_credential(request);
  std::string email = tokens_.check_any_app(token).who.email;
  json::object plain{{"app_token", token}};
  if (value_of(request.query, "send_org_token") == "true") plain["org_token"] = tokens_.org_token(email);
  std::optional<TransferStore::Box> box = TransferStore::seal(receiver, json::serialize(plain));
  if (!box) return plain_answer(400, "that token is no public key\n");
  transfers_.put(receiver, std::move(*box));
  Answer answer;
  answer.body = "<!doctype html><title>Signed in</title><p>Signed in. This window can be closed.\n";
  return answer;
}

Answer Site::identity(const Request& request, const std::string& token) const {
  bool at_auth = request.host == options_.auth_host;
  Checked checked = at_auth ? tokens_.check_org(token) : tokens_.check_app(token, aud_of(app_of(request)));
  if (checked.state != Checked::State::good) return json_answer(401, R"({"err":"no identity"})");
  json::object who{{"email", checked.who.email}, {"idp", {{"id", "mock"}, {"type", "onetimepin"}}}};
  if (!checked.who.common_name.empty()) who["common_name"] = checked.who.common_name;
  return json_answer(200, json::serialize(who));
}

Answer Site::log_out() const {
  Answer answer;
  answer.body = "<!doctype html><title>Signed out</title><p>Signed out.\n";
  answer.headers.emplace_back("Set-Cookie", make_cookie("CF_Authorization", "", 0));
  return answer;
}

}  // namespace edge_mock
