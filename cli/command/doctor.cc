#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/asio/this_coro.hpp>
#include <chrono>
#include <optional>

#include "auth/discovery/discovery.h"
#include "auth/login/token_cache.h"
#include "base/clock.h"
#include "cli/command/commands.h"
#include "cli/command/diagnosis.h"
#include "cli/command/doctor_steps.h"
#include "cli/console/stdout.h"
#include "transport/dial/proxy_settings.h"
#include "transport/net/resolve.h"
#include "transport/tls/channel.h"
#include "transport/tls/context.h"

namespace cfpipe::cli {
namespace {

namespace net = boost::asio;
using Clock = std::chrono::steady_clock;

/// Addresses of a name that are shown.
constexpr std::size_t kShownAddresses = 4;

/// The walk from the name to the server's first words. Each step uses what those before it have found.
class Doctor {
 public:
  Doctor(Session& session, const Options& options)
      : session_(session), options_(options), target_(options.url) {
    dial_ = session.app_http().options();
    dial_.sessions = nullptr;  // a resumed session shows no certificate
    if (!options.connect_to) return;
    target_.host = options.connect_to->host;
    target_.port = options.connect_to->port_or(target_.port);
  }

  net::awaitable<Diagnosis> walk();

 private:
  const transport::Proxy* proxy_in_use() const;
  net::awaitable<Result<Seen>> dns();
  net::awaitable<Result<Seen>> proxy();
  net::awaitable<Result<Seen>> tcp();
  net::awaitable<Result<Seen>> tls();
  net::awaitable<Result<Seen>> application();
  net::awaitable<Result<Seen>> token();
  net::awaitable<Result<Seen>> certificate();
  net::awaitable<Result<Seen>> principal();
  net::awaitable<Result<Seen>> ssh();

  Session& session_;
  const Options& options_;
  transport::DialOptions dial_;
  transport::Url target_;                 ///< what is connected to: the URL's host, or that of --connect-to
  std::optional<auth::Application> app_;  ///< nothing: it needs no login
  std::optional<Secret> token_;
  std::optional<auth::CertFields> certificate_;
};

net::awaitable<Diagnosis> Doctor::walk() {
  struct Step {
    std::string_view name;
    net::awaitable<Result<Seen>> (Doctor::*run)();
  };
  static constexpr std::array<Step, 9> kSteps{{{"dns", &Doctor::dns},
                                               {"proxy", &Doctor::proxy},
                                               {"tcp", &Doctor::tcp},
                                               {"tls", &Doctor::tls},
                                               {"application", &Doctor::application},
                                               {"token", &Doctor::token},
                                               {"certificate", &Doctor::certificate},
                                               {"principal", &Doctor::principal},
                                               {"ssh", &Doctor::ssh}}};
  Diagnosis diagnosis;
  diagnosis.host = options_.url.authority();
  diagnosis.block = options_.block;
  for (const auto& step : kSteps) {
    Finding finding;
    finding.stage = step.name;
    if (diagnosis.failed() == nullptr) {
      const auto started = Clock::now();
      auto seen = co_await (this->*step.run)();
      finding.took = std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - started);
      if (!seen) {
        finding.result = Finding::Result::failed;
        finding.failure = seen.error();
      } else {
        finding.result = seen->skipped ? Finding::Result::skipped : Finding::Result::ok;
        finding.detail = std::move(seen->detail);
      }
    }
    diagnosis.findings.push_back(std::move(finding));
  }
  co_return diagnosis;
}

/// The proxy that a dial would go through, or null.
const transport::Proxy* Doctor::proxy_in_use() const {
  if (!dial_.proxy || !dial_.proxy->covers(target_.host, target_.port)) return nullptr;
  return &dial_.proxy->proxy;
}

/// Of the proxy if there is one: the host's own name is the proxy's affair then.
net::awaitable<Result<Seen>> Doctor::dns() {
  const auto* through = proxy_in_use();
  if (through != nullptr && dial_.proxy->fault) co_return *dial_.proxy->fault;
  const Host& host = through != nullptr ? through->host : target_.host;
  const auto found = co_await transport::resolve(host, target_.port, dial_.dns_deadline);
  if (!found) co_return found.error();
  std::string text = host.text() + " is";
  for (std::size_t i = 0; i < found->size() && i < kShownAddresses; ++i)
    text += (i == 0 ? " " : ", ") + (*found)[i].address().to_string();
  if (found->size() > kShownAddresses) text += fmt::format(" and {} more", found->size() - kShownAddresses);
  co_return Seen::ok(std::move(text));
}

net::awaitable<Result<Seen>> Doctor::proxy() {
  const auto* through = proxy_in_use();
  if (through == nullptr) co_return Seen::skip("none");
  const auto socket = co_await transport::dial_tcp(options_.url, dial_);
  if (!socket) co_return socket.error();
  co_return Seen::ok(through->shown() + " lets the connection through");
}

net::awaitable<Result<Seen>> Doctor::tcp() {
  if (proxy_in_use() != nullptr) co_return Seen::skip("the proxy connects");
  const auto socket = co_await transport::dial_tcp(options_.url, dial_);
  if (!socket) co_return socket.error();
  boost::system::error_code gone;
  const auto peer = socket->remote_endpoint(gone);
  const auto address = peer.address().to_string();
  co_return Seen::ok(fmt::format("{} port {}", address, peer.port()));
}

net::awaitable<Result<Seen>> Doctor::tls() {
  auto channel = co_await transport::dial_tls(options_.url, dial_);
  if (!channel) co_return channel.error();
  const auto peer = (*channel)->tls().peer();
  session_.app_http().give_back(options_.url, std::move(*channel));
  co_return Seen::ok(fmt::format("{}, certificate by {}, good for {}", peer.version, peer.issuer,
                                 duration_text(peer.valid_until - unix_now())));
}

net::awaitable<Result<Seen>> Doctor::application() {
  const auto& access = session_.access();
  auto found = co_await auth::find_application(access);
  if (found) {
    std::string text = found->app.app_hostname + " of " + found->app.auth_domain;
    if (found->open && !access.service_token.given()) co_return Seen::ok(text + ", which needs no login");
    app_ = std::move(found->app);
    co_return Seen::ok(std::move(text));
  }
  // As a connect does: what has no application may let everybody through.
  if (!auth::may_be_open(found.error())) co_return found.error();
  const auto banner = co_await read_banner(session_, options_, nullptr);
  if (!banner) co_return found.error();
  co_return Seen::ok("none that says so, but a tunnel opens without a login");
}

net::awaitable<Result<Seen>> Doctor::token() {
  if (!app_) co_return Seen::skip("none is needed");
  auto token = co_await token_without_login(session_, *app_);
  if (!token) co_return token.error();
  token_ = std::move(*token);
  const auto claims = auth::parse_jwt(token_->reveal());
  if (!claims) co_return claims.error();
  const auto who = claims->text("email").empty() ? claims->text("common_name") : claims->text("email");
  co_return Seen::ok(
      fmt::format("of {}, good for {}", printable(who), duration_text(claims->number("exp") - unix_now())));
}

net::awaitable<Result<Seen>> Doctor::certificate() {
  if (!app_) co_return Seen::skip("there is none without a login");
  auto found = co_await certificate_for(session_, options_, *app_, *token_);
  if (!found) {
    const auto& failure = found.error();
    const bool set_up_otherwise = failure.cause == Cause::sign_refused &&
                                  (failure.http_status == 403 || failure.http_status == 404) &&
                                  !options_.short_lived_cert && options_.user.empty();
    if (set_up_otherwise) co_return Seen::skip("the edge signs none here: " + what_text(failure));
    co_return failure;
  }
  certificate_ = std::move(found->fields);
  const auto left = static_cast<std::int64_t>(certificate_->valid_before) - unix_now();
  co_return Seen::ok(fmt::format("for {}, with {}, good for {}, {}", principals_text(*certificate_),
                                 found->key, duration_text(left), found->where));
}

net::awaitable<Result<Seen>> Doctor::principal() {
  if (!certificate_) co_return Seen::skip("no certificate");
  if (options_.user.empty())
    co_return Seen::skip("--user NAME says whether the certificate is for that name");
  const auto& principals = certificate_->principals;
  if (std::find(principals.begin(), principals.end(), options_.user) != principals.end())
    co_return Seen::ok(options_.user);
  co_return Failure(
      Stage::certificate, Cause::principal_mismatch,
      fmt::format("it is for {}, not {}", principals_text(*certificate_), printable(options_.user)));
}

net::awaitable<Result<Seen>> Doctor::ssh() {
  auto banner = co_await read_banner(session_, options_, token_ ? &*token_ : nullptr);
  if (!banner) co_return banner.error();
  co_return Seen::ok(std::move(*banner));
}

}  // namespace

net::awaitable<int> run_doctor(Options options) {
  const auto executor = co_await net::this_coro::executor;
  auto session = Session::open(executor, options);
  if (!session) co_return report(session.error());
  Doctor doctor(**session, options);
  auto walking = doctor.walk();
  const auto diagnosis = co_await std::move(walking);
  const auto written = write_output(options.json ? diagnosis.json() : diagnosis.text());
  co_return written ? static_cast<int>(diagnosis.status()) : report(written.error());
}

}  // namespace cfpipe::cli
