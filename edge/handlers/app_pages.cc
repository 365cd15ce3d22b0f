// The application host's own pages: the end of a sign-in, the hand-over of tokens to a program.
#include "edge/handlers/app_pages.h"

#include <algorithm>
#include <string>
#include <utility>

#include "auth/token/sealed_box.h"
#include "base/json.h"
#include "base/log.h"
#include "base/text.h"
#include "edge/handlers/decision.h"
#include "edge/http/cookies.h"
#include "edge/http/responses.h"
#include "edge/identity/consent.h"
#include "transport/net/url.h"

namespace cfpipe::edge {
namespace {

/// Host-bound by its name: no other host of the domain can plant it.
constexpr std::string_view kGrantCookie = "__Host-cfpipe-cli-grant";

/// A program that waits there is told as well, by whoever opens its page: it waits for nothing.
Answer nobody_signs_in(const ApplicationConfig& app, const Request& request, TransferStore& transfers) {
  const std::string why = "No policy of " + app.hostname + " lets anybody in who signs in.";
  const std::string receiver = request.query_value("token");
  if (!transfers.poller(receiver).empty()) {
    const auto kept = transfers.refuse(address_key(request.peer), receiver, {false, why});
    if (!kept) spdlog::error("transfer store: {}", kept.error().detail);
  }
  return message_page(403, "No sign-in here", why,
                      "Certificates and tokens need a policy with decision allow, or a service token.");
}

Answer stale_code() {
  return message_page(400, "Sign-in not completed",
                      "This link was used already, is too old, or belongs to another browser.",
                      "Start again from the address you wanted to reach.");
}

bool has_json_body(const Request& request) {
  const std::string_view type = request.header("Content-Type");
  return same_text(trimmed(type.substr(0, type.find(';'))), "application/json");
}

/// The login page's path and query, written as a client writes them.
std::string cli_target(const ProgramLogin& login) {
  std::string target(kCliPath);
  target += "?aud=" + transport::percent_encode(login.aud);
  if (login.closes_itself) target += "&close_interstitial=true";
  target += "&edge_token_transfer=true";
  if (login.org_token) target += "&send_org_token=true";
  return target + "&token=" + transport::percent_encode(login.receiver);
}

Answer unknown_link() {
  return message_page(404, "Link not known", "This link is too old, or differs from the one that was shown.",
                      "Run the command again, and open the link that it prints.");
}

/// With as many other tokens of this host as a browser keeps.
void set_browser_token(const Request& request, const std::string& cookie, const std::string& token,
                       std::int64_t ends, Answer& answer) {
  set_cookie(answer, cookie, token, ends);
  if (cookie == kBrowserTokenCookie) return;
  std::size_t kept = 1;
  for (const std::string& other : path_token_cookies(request))
    if (other != cookie && ++kept > kMaxPathTokens) clear_cookie(answer, other);
}

}  // namespace

/// The code is taken before anything about it is checked, so that it is good for one attempt, not one
/// success.
Answer AppPages::authorized(const Request& request) {
  const std::int64_t now = context_.now();
  const auto taken = outcome_.take_code(request.query_value("code"));
  if (!taken) return state_trouble(taken.error());
  const auto& code = *taken;
  const auto named = code ? applications_.find_by_aud(text_of(*code, "aud")) : nullptr;
  const bool exchange = code && code->contains("exchange");
  if (named == nullptr || !named->name.covers_host(request.host) || text_of(*code, "host") != request.host ||
      !shows_session(request, text_of(*code, "session"), exchange)) {
    return stale_code();
  }
  const Application& app = *named;
  const Identity identity = read_identity(*code);
  if (credentials_.revoked(identity)) return gate_.challenge(request, app);
  const Verdict verdict = judge(request, app, identity, Asking::for_identity);
  const std::string target = text_of(*code, "target");
  if (!verdict.passes()) return gate_.denied(request, app, identity, verdict, {request.host, target});
  const std::string token = context_.tokens.app_token(identity, app.aud, now, app.config->session_duration);
  Answer answer = redirect_answer("https://" + context_.authority(request.host) + target);
  const std::int64_t ends = now + app.config->session_duration.count();
  set_cookie(answer, kTokenCookie, token, ends, token_cookie_path(app.name));
  if (!exchange) set_browser_token(request, browser_token_cookie(app.name, app.aud), token, ends, answer);
  if (const std::string receiver = text_of(*code, "receiver"); !receiver.empty()) {
    boost::json::object grant{
        {"aud", app.aud}, {"receiver", receiver}, {"org_exp", number_of(*code, "org_exp")}};
    if (code->contains("org")) grant["org"] = true;
    write_identity(grant, identity);
    const std::int64_t until = now + kCliGrantSeconds;
    set_cookie(answer, kGrantCookie, context_.signed_state.write("cli", grant, until), until);
  }
  return answer;
}

/// Only a person who has just been asked, and only for the receiver they were asked about, sets this in
/// motion; a cookie alone would let any link that somebody sends them fetch their tokens.
Answer AppPages::cli(const Request& request, const Application* named) {
  if (request.method != "GET") return method_not_allowed("GET");
  const std::string receiver = request.query_value("token");
  if (!TransferStore::valid_key(receiver) || named == nullptr) {
    return message_page(400, "This link is not complete",
                        "It does not say which program waits for the sign-in.",
                        "Run the command again and open the whole link that it prints.");
  }
  const Application& app = *named;
  const std::int64_t now = context_.now();
  const auto grant = context_.signed_state.read("cli", cookie_value(request, kGrantCookie), now);
  if (!grant || text_of(*grant, "aud") != app.aud || text_of(*grant, "receiver") != hex(sha256(receiver)))
    return people_may_enter(app.config->policies) ? gate_.challenge(request, app)
                                                  : nobody_signs_in(*app.config, request, transfers_);
  const Identity identity = read_identity(*grant);
  if (credentials_.revoked(identity)) return gate_.challenge(request, app);
  const Verdict verdict = judge(request, app, identity, Asking::for_identity);
  if (!verdict.passes()) return gate_.denied(request, app, identity, verdict, {request.host});
  const std::string app_token =
      context_.tokens.app_token(identity, app.aud, now, app.config->session_duration);
  const std::chrono::seconds org_lifetime(number_of(*grant, "org_exp") - now);
  std::string org_token;
  if (grant->contains("org") && org_lifetime.count() > 0)
    org_token = context_.tokens.org_token(identity, Holder::program, now, org_lifetime);
  const auto box = auth::seal_transfer(receiver, app_token, org_token);
  if (!box) return message_page(400, "This link is not right", "The waiting program's key cannot be used.");
  const auto kept = transfers_.put(party_of(identity), receiver, *box);
  if (!kept) return state_trouble(kept.error());
  if (*kept != Outstanding::Added::yes) context_.counters.add(Count::limited, "transfers");
  if (*kept == Outstanding::Added::too_many_of_owner) {
    return message_page(429, "Too many sign-ins",
                        "Too many programs of " + identity.email + " have not fetched their sign-in yet.",
                        "Try again in a few minutes.");
  }
  if (*kept == Outstanding::Added::full)
    return message_page(503, "Not available", "Too many sign-ins at once.", "Try again in a minute.");
  Page page = granted_page(
      {app.config->hostname, identity.email, "https://" + context_.auth_authority() + "/#my-sessions",
       now + app.config->session_duration.count(), org_token.empty() ? 0 : now + org_lifetime.count()});
  page.closes_itself = request.query_value("close_interstitial") == "true";
  Answer answer = page_answer(200, page);
  clear_cookie(answer, kGrantCookie);
  return answer;
}

bool is_short_link(std::string_view path) {
  return same_text(path.substr(0, kLinkPath.size()), kLinkPath);
}

/// Only what the page is addressed by comes out of the URL: the link leads to a page of this edge, whatever
/// else was in there.
std::optional<ProgramLogin> AppPages::program_login(std::string_view url) const {
  const auto page = transport::parse_url(url);
  if (!page || page->path() != kCliPath || page->authority() != context_.authority(page->host.text()))
    return std::nullopt;
  Request request;
  request.host = page->host.text();
  // An application of all hosts below one may cover these too, and does not answer there.
  const auto& others = context_.config.transfer_hosts;
  if (request.host == context_.config.auth_host ||
      std::find(others.begin(), others.end(), request.host) != others.end())
    return std::nullopt;
  request.path = page->path();
  request.query = page->target.substr(std::min(kCliPath.size() + 1, page->target.size()));
  const auto app = applications_.place_of(request).app;
  ProgramLogin login;
  login.host = request.host;
  login.receiver = request.query_value("token");
  if (app == nullptr || !TransferStore::valid_key(login.receiver)) return std::nullopt;
  login.aud = app->aud;
  login.org_token = wants_org_token(page->target);
  login.closes_itself = request.query_value("close_interstitial") == "true";
  return login;
}

Answer AppPages::make_link(const Request& request) {
  if (!has_json_body(request)) return json_refusal(415, "the request must be application/json");
  if (request.body.size() > kMaxLinkRequestBytes) return json_refusal(413, "the request is too large");
  const auto body = parse_json_object(request.body);
  if (!body) return json_refusal(400, "the request is not a JSON object");
  const auto login = program_login(text_of(*body, "url"));
  if (!login) return json_refusal(400, "the URL is not that of a login at an application of this edge");
  const std::int64_t wanted = number_of(*body, "seconds");
  const std::int64_t seconds = wanted > 0 ? std::min(wanted, kMaxLinkSeconds) : kMaxLinkSeconds;
  const auto made = links_.make(address_key(request.peer), *login, seconds, context_.now());
  if (!made) {
    spdlog::error("state: {}", made.error().detail);
    return json_refusal(503, "the state of this edge cannot be reached");
  }
  if (made->added != Outstanding::Added::yes) {
    context_.counters.add(Count::limited, "links");
    return json_refusal(429, "too many links to logins are kept at once");
  }
  return json_answer(
      200, {{"link", "https://" + context_.auth_authority() + std::string(kLinkPath) + made->code}});
}

/// Nothing is kept in the browser here, and nothing is granted: the page asks as it does at its own address.
Answer AppPages::follow_link(const Request& request) {
  const std::string_view code = std::string_view(request.path).substr(kLinkPath.size());
  const auto found = links_.find(address_key(request.peer), code, context_.now());
  if (!found) return state_trouble(found.error());
  if (found->wait > 0) {
    context_.counters.add(Count::limited, "unknown_links");
    return too_often("Too many links", request, found->wait);
  }
  // A reload may have taken the application away since.
  const auto app = found->login ? applications_.find_by_aud(found->login->aud) : nullptr;
  if (app == nullptr || !app->name.covers_host(found->login->host)) return unknown_link();
  return redirect_answer("https://" + context_.authority(found->login->host) + cli_target(*found->login));
}

Answer AppPages::identity(const std::optional<Identity>& who) const {
  if (!who) return json_refusal(401, "not signed in");
  boost::json::object out{{"iat", who->issued}, {"exp", who->expires}};
  if (!who->client_id.empty()) {
    out["common_name"] = who->client_id;
    out["service_token_name"] = who->service_token;
    return json_answer(200, out);
  }
  out["id"] = who->subject;
  out["user_uuid"] = who->subject;
  out["email"] = who->email;
  out["name"] = email_prefix(who->email);
  out["groups"] = boost::json::array(who->groups.names.begin(), who->groups.names.end());
  if (!who->claims.empty()) {
    boost::json::object& custom = out["custom"].emplace_object();
    for (const auto& [name, values] : who->claims)
      custom[name] = boost::json::array(values.begin(), values.end());
  }
  out["idp"] = {{"id", who->provider},
                {"type", context_.config.identity_provider == IdentityProvider::dev ? "dev" : "oidc"}};
  return json_answer(200, out);
}

}  // namespace cfpipe::edge
