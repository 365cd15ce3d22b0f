#include <boost/asio/this_coro.hpp>
#include <optional>
#include <string>
#include <utility>
#include <variant>

#include "auth/discovery/cloudflare.h"
#include "auth/discovery/discovery.h"
#include "auth/login/application_list.h"
#include "auth/login/login.h"
#include "auth/login/token_cache.h"
#include "base/clock.h"
#include "base/text.h"
#include "cli/command/application_table.h"
#include "cli/command/commands.h"
#include "cli/command/installed_block.h"
#include "cli/console/stdout.h"
#include "cli/session/session.h"
#include "cli/session/verified_token.h"

namespace cfpipe::cli {
namespace {

namespace net = boost::asio;

constexpr std::string_view kOrgTokenEnding = "-org-token";

/// Collects the edges' lists, and the reasons where there is none.
class Lister {
 public:
  explicit Lister(const Session& session) : session_(session) {}

  /// Every edge that the state directory has an org token of. Stage::state.
  net::awaitable<Result<void>> ask_all();
  /// One edge, if it has signed the person in.
  net::awaitable<void> ask_edge(const Authority& auth_domain);
  /// The edge of access.app, after a login there if that is needed. The failures of a login.
  net::awaitable<Result<void>> ask_after_login();

  const ApplicationTable& table() const { return table_; }

 private:
  net::awaitable<Result<void>> ask_with(const Authority& auth_domain, const Secret& org_token);
  net::awaitable<Result<Secret>> org_token_of(const auth::FoundApplication& found, const Secret& rejected);
  void leave_out(std::string auth_domain, const Failure& failure, const Words& words) {
    table_.unlisted.push_back({std::move(auth_domain), failure, words});
  }
  void leave_out(const Authority& auth_domain, NotListed why);

  const Session& session_;
  ApplicationTable table_;
};

std::string text_of(const Authority& auth_domain) {
  return auth_domain.text_without(kHttpsPort);
}

/// The auth domain in the name of an org token's file; nothing if the name is not how that file is called.
std::optional<Authority> auth_domain_in(const std::string& file) {
  auto parsed = Authority::parse(std::string_view(file).substr(0, file.size() - kOrgTokenEnding.size()));
  if (!parsed || auth::org_token_file(text_of(*parsed)) != file) return std::nullopt;
  return std::move(*parsed);
}

/// The issuer of an org token that is good.
Result<Authority> issuer_of(const Secret& org_token) {
  const auto jwt = auth::parse_jwt(org_token.reveal());
  if (!jwt) return jwt.error();
  const auto issuer = transport::parse_url(jwt->text("iss"));
  if (!issuer) return issuer.error();
  return Authority::parse(issuer->authority());
}

/// The org token in the state directory that this very auth domain has issued; or why there is none. It stays
/// where it is whatever becomes of it: only the edge's clock tells for sure whether it has expired.
std::variant<Secret, NotListed, Failure> kept_org_token(const auth::StateDir& state,
                                                        const Authority& auth_domain) {
  auth::Application issuer;
  issuer.auth_domain = text_of(auth_domain);
  const auto file = state.read(auth::org_token_file(issuer.auth_domain));
  if (!file) return file.error();
  if (!*file) return NotListed::not_signed_in;
  const std::string_view token = trimmed((*file)->reveal());
  const auto good = auth::check_org_token(token, issuer, unix_now());
  if (good) return Secret(std::string(token));
  if (auth::check_org_token(token, issuer, 0)) return NotListed::sign_in_expired;
  return good.error();
}

void Lister::leave_out(const Authority& auth_domain, NotListed why) {
  const std::string domain = text_of(auth_domain);
  if (why == NotListed::no_list) {
    leave_out(domain, {Stage::application, Cause::unexpected_status, "https://" + domain + "/"},
              words_for(why));
  } else {
    leave_out(domain, {Stage::login, Cause::token_missing, domain}, words_for(why));
  }
  table_.unlisted.back().by_the_way =
      why == NotListed::sign_in_expired || auth::is_cloudflares(auth_domain.host.text());
}

net::awaitable<Result<void>> Lister::ask_with(const Authority& auth_domain, const Secret& org_token) {
  const std::string domain = text_of(auth_domain);
  const auto url = transport::parse_url("https://" + domain + "/");
  if (!url) co_return url.error();
  auto list = co_await auth::list_applications(session_.access().http(*url), domain, org_token);
  if (!list) co_return list.error();
  if (*list) {
    table_.listed.push_back({auth_domain, std::move(**list)});
  } else {
    leave_out(auth_domain, NotListed::no_list);
  }
  co_return Result<void>();
}

net::awaitable<void> Lister::ask_edge(const Authority& auth_domain) {
  // Cloudflare's edge shows a person's applications in a browser alone, in its App Launcher, which is the
  // page of the team's domain (developers.cloudflare.com/cloudflare-one, "App Launcher").
  if (auth::is_cloudflares(auth_domain.host.text())) co_return leave_out(auth_domain, NotListed::no_list);
  const auto kept = kept_org_token(session_.state(), auth_domain);
  if (const auto* why = std::get_if<NotListed>(&kept)) co_return leave_out(auth_domain, *why);
  std::optional<Failure> failure;
  if (const auto* unusable = std::get_if<Failure>(&kept)) {
    failure = *unusable;
  } else if (const auto trusted = session_.access().trusted.check(auth_domain); !trusted) {
    failure = trusted.error();
  } else {
    const auto asked = co_await ask_with(auth_domain, std::get<Secret>(kept));
    if (!asked) failure = asked.error();
  }
  if (!failure) co_return;
  // Of several edges the line says which one it is about.
  const std::string domain = text_of(auth_domain);
  if (failure->detail.find(domain) == std::string::npos)
    failure->detail = domain + (failure->detail.empty() ? "" : ": ") + failure->detail;
  const bool rejected = failure->cause == Cause::token_rejected;
  leave_out(domain, *failure, rejected ? words_for(NotListed::sign_in_rejected) : words_for(*failure));
}

net::awaitable<Result<void>> Lister::ask_all() {
  const auto files = session_.state().list(kOrgTokenEnding);
  if (!files) co_return files.error();
  for (const std::string& file : *files) {
    if (const auto auth_domain = auth_domain_in(file)) {
      co_await ask_edge(*auth_domain);
    } else {
      const Failure failure(Stage::token, Cause::token_invalid, session_.state().file(file));
      leave_out(file, failure, words_for(failure));
    }
  }
  co_return Result<void>();
}

/// As obtain_org_token(), but for applications at which no login could ever end.
net::awaitable<Result<Secret>> Lister::org_token_of(const auth::FoundApplication& found,
                                                    const Secret& rejected) {
  const auto& access = session_.access();
  const auto cached = auth::cached_org_token(session_.state(), found.app, access.edge_now());
  if (!cached) co_return cached.error();
  if (found.open && (!*cached || !rejected.empty())) {
    const auto possible = co_await people_sign_in(access, found.app);
    if (!possible) co_return possible.error();
    if (!*possible) co_return Failure(Stage::login, Cause::nobody_signs_in, access.app.host.text());
  }
  co_return co_await auth::obtain_org_token(access, found.app, rejected);
}

net::awaitable<Result<void>> Lister::ask_after_login() {
  const auto& access = session_.access();
  const auto found = co_await auth::find_application(access);
  if (!found) co_return found.error();
  const auto auth_domain = Authority::parse(found->app.auth_domain);
  if (!auth_domain) co_return auth_domain.error();
  if (auth_domain->host == access.app.host || auth::is_cloudflares(auth_domain->host.text())) {
    co_await ask_edge(*auth_domain);
    co_return Result<void>();
  }
  Secret rejected;
  for (bool again = true;; again = false) {
    auto org_token = co_await org_token_of(*found, rejected);
    if (!org_token) co_return org_token.error();
    // Where every port of the auth domain is trusted, the token goes to the one that issued it.
    const auto issuer = issuer_of(*org_token);
    if (!issuer) co_return issuer.error();
    const auto asked = co_await ask_with(*issuer, *org_token);
    if (asked || asked.error().cause != Cause::token_rejected || !again) co_return asked;
    rejected = std::move(*org_token);
  }
}

/// Whether the argument is an edge's auth domain: the person has signed in there, or trusts it as one.
bool is_auth_domain(const Session& session, const transport::Url& url) {
  const Authority named{url.host, url.port};
  const auto file = session.state().read(auth::org_token_file(text_of(named)));
  return !file || *file || session.access().trusted.check(named).has_value();
}

net::awaitable<Result<void>> ask(Lister& lister, const Session& session, const Options& options) {
  if (!options.has_url) co_return co_await lister.ask_all();
  if (!is_auth_domain(session, options.url)) co_return co_await lister.ask_after_login();
  const Authority named{options.url.host, options.url.port};
  co_await lister.ask_edge(named);
  co_return Result<void>();
}

/// For people; with the hosts that ssh's configuration has no block of ours for. What cannot be read has
/// none.
std::string text_for_people(const ApplicationTable& table) {
  const auto home = find_home();
  const auto blocks = home ? installed_blocks(*home) : Result<std::string>(home.error());
  return table.text([&](std::string_view host) { return blocks && !words_of_block(*blocks, host).empty(); });
}

int report_unlisted(const ApplicationTable& table) {
  int status = kOk;
  for (const UnlistedEdge& edge : table.unlisted) {
    const int its = report(edge.failure, edge.words);
    if (status == kOk && edge.fails(table.listed)) status = its;
  }
  return status;
}

}  // namespace

net::awaitable<int> run_list(Options options) {
  const auto executor = co_await net::this_coro::executor;
  auto session = Session::open(executor, options);
  if (!session) co_return report(session.error());
  Lister lister(**session);
  const auto asked = co_await ask(lister, **session, options);
  if (!asked) co_return report(asked.error());
  const ApplicationTable& table = lister.table();
  const auto written = write_output(options.json ? table.json() : text_for_people(table));
  if (!written) co_return report(written.error());
  co_return report_unlisted(table);
}

}  // namespace cfpipe::cli
