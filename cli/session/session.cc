#include "cli/session/session.h"

#include <unistd.h>

#include <utility>

#include "auth/discovery/discovery.h"
#include "auth/login/service_token_file.h"
#include "auth/state/tls_ticket_cache.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/platform/temporary_file.h"
#include "cli/console/messages.h"
#include "cli/console/qr_code.h"
#include "cli/session/client_certificate.h"

namespace cfpipe::cli {
namespace {

/// Longest note in the log, which may repeat what the other side said.
constexpr std::size_t kMaxNoteBytes = 1000;

Result<auth::ServiceToken> service_token_of(const Options& options) {
  if (!options.service_token_file.empty()) return auth::read_service_token_file(options.service_token_file);
  return auth::ServiceToken{options.service_token_id, options.service_token_secret.clone()};
}

/// Whether a command may succeed without a state directory: tunnels and requests that need no login.
bool may_do_without_state(const Options& options, const auth::ServiceToken& service_token) {
  switch (options.command) {
    case Command::ssh:
      return !options.short_lived_cert || !options.agent.empty();
    case Command::curl:
    case Command::doctor:
      return true;
    case Command::login:
    case Command::token:
      return service_token.given();
    default:
      return false;
  }
}

/// All but what is about the application's host alone.
transport::DialOptions dial_options(const Options& options) {
  transport::DialOptions dial;
  dial.ca_file = options.ca_file;
  dial.proxy = options.proxy;
  dial.dns_deadline = options.deadlines.dns;
  dial.tcp_deadline = options.deadlines.tcp;
  dial.proxy_deadline = options.deadlines.proxy;
  dial.tls_deadline = options.deadlines.tls;
  return dial;
}

std::string upper(std::string text) {
  for (char& c : text)
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  return text;
}

/// In upper case where that is the same link: the code is smaller then.
std::string qr_code_of(const auth::LoginLink& link) {
  return qr_code_text(link.any_case ? upper(link.url) : link.url, standard_error_terminal());
}

}  // namespace

void TerminalObserver::login_url(const auth::LoginLink& link, bool browser_is_opened) {
  print(login_text(link.url, link.code, browser_is_opened));
  if (browser_is_opened) {
    without_qr_code_ = link;
  } else {
    print(qr_code_of(link));
  }
}
void TerminalObserver::logged_in(const std::string& who, std::int64_t until) {
  if (person_reads(Streams::standard_error)) print(logged_in_text(who, until, unix_now()));
}
void TerminalObserver::browser_failed(const std::string& why, bool opened) {
  print(browser_failed_text(why, opened));
  if (opened || !without_qr_code_) return;
  print(qr_code_of(*without_qr_code_));
  without_qr_code_.reset();
}
void TerminalObserver::waiting_for_other(const auth::LoginLink& link) {
  print(waiting_text(link.url, link.code));
}
void TerminalObserver::clock_differs(std::int64_t seconds) {
  if (!std::exchange(told_of_clock_, true)) print(clock_text(seconds));
}
void TerminalObserver::note(const std::string& line) {
  spdlog::debug("{}", printable(line, kMaxNoteBytes));
}

void Session::tell_if_nothing_is_kept() const {
  if (no_state_) print(nothing_kept_text(no_state_->detail));
  no_state_.reset();
}

Session::~Session() {
  sweep_temporary_files(state_.path());
}

Result<std::unique_ptr<Session>> Session::open(boost::asio::any_io_executor executor, Options& options) {
  if (!options.ca_file.empty() && ::access(options.ca_file.c_str(), R_OK) != 0) {
    return Failure(Stage::config, Cause::bad_option, "--ca-file " + options.ca_file + " cannot be read");
  }
  auto service_token = service_token_of(options);
  if (!service_token) return service_token.error();
  auto state = auth::StateDir::open();
  std::optional<Failure> no_state;
  if (!state) {
    if (state.error().cause != Cause::state_write_failed || !may_do_without_state(options, *service_token))
      return state.error();
    no_state = state.error();
    state = auth::StateDir::missing();
  }
  auto trusted = auth::load_trusted_domains(*state, options.auth_domain);
  if (!trusted) return trusted.error();
  std::unique_ptr<Session> session(new Session(std::move(*state)));
  session->no_state_ = std::move(no_state);

  auto certificate = client_certificate(options);
  if (!certificate) return certificate.error();
  transport::DialOptions dial = dial_options(options);
  dial.sessions = std::make_shared<auth::TicketCache>(session->state_);
  // Neither is about any other host than the application's.
  if (options.connect_to || *certificate) {
    session->other_http_ = std::make_unique<transport::HttpClient>(executor, dial);
    dial.connect_to = options.connect_to;
    dial.certificate = std::move(*certificate);
  }
  session->app_http_ = std::make_unique<transport::HttpClient>(executor, dial);
  auto& other = session->other_http_ ? *session->other_http_ : *session->app_http_;
  session->access_.emplace(auth::Access{session->state_, *session->app_http_, other, session->observer_,
                                        options.url, std::move(*trusted), options.auth_domain,
                                        std::move(*service_token), !options.no_browser, options.auto_close,
                                        options.fedramp,
                                        // The URLs of curl have any number of paths.
                                        options.command != Command::curl});
  if (session->access_->service_token.given() || options.brings_token) session->tell_if_nothing_is_kept();
  if (options.login_timeout.count() > 0) session->access_->login_timeout = options.login_timeout;
  return session;
}

std::string_view key_path(const transport::Url& url) {
  return url.path() == "/" ? std::string_view{} : url.path();
}

}  // namespace cfpipe::cli
