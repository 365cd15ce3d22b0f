#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "auth/discovery/application.h"
#include "auth/state/state_dir.h"
#include "transport/dial/http_client.h"

namespace cfpipe::auth {

/// Id and secret of a service token, sent as headers instead of a login (access-protocol, "Login", 4).
struct ServiceToken {
  std::string id;
  Secret secret;
  bool given() const { return !id.empty(); }
  void add_to(transport::Headers& headers) const;
};

/// Default time that a login waits for the user to sign in.
inline constexpr std::chrono::minutes kLoginTimeout{10};

/// How a user gets to the page of a login: a capability, which must not be logged.
struct LoginLink {
  std::string url;        ///< to be shown; empty: it is not known
  std::string code;       ///< the code that the page shows, or empty
  bool any_case = false;  ///< `url` is read without regard to case
};

/// Observer of a login's progress, which shows it to the user.
class LoginObserver {
 public:
  virtual ~LoginObserver() = default;
  /// The user has to open the link.
  virtual void login_url(const LoginLink& link, bool browser_is_opened) = 0;
  /// The login whose link was shown, here or by the process that was waited for, has brought a token of the
  /// user `who`. No other login is needed before `until`, Unix seconds by this machine's clock; 0: unknown.
  virtual void logged_in(const std::string& who, std::int64_t until) = 0;
  /// The browser failed; `opened`: it ran for a while before, so the user may have seen the page.
  virtual void browser_failed(const std::string& why, bool opened) = 0;
  /// Another process is logging in to the same application, or to another one of the team; `link` is what it
  /// shows.
  virtual void waiting_for_other(const LoginLink& link) = 0;
  /// The edge's clock is `seconds` ahead of this machine's (negative: behind), which affects the result.
  virtual void clock_differs(std::int64_t seconds) = 0;
  /// A line for the log, without secrets.
  virtual void note(const std::string& line) = 0;
};

/// Context of all requests to the edge. Outlives each of them.
struct Access {
  const StateDir& state;
  transport::HttpClient& app_http;    ///< for the application's host (--connect-to is about that one only)
  transport::HttpClient& other_http;  ///< for every other host; may be the same client
  LoginObserver& observer;
  transport::Url app;
  TrustedDomains trusted;
  std::string named_domain;  ///< the auth domain trusted on the command line, or empty
  ServiceToken service_token;
  bool open_browser = true;
  bool auto_close = false;
  bool fedramp = false;
  bool remembers = true;  ///< cache the results of discovery
  std::chrono::milliseconds login_timeout = kLoginTimeout;
  /// Seconds by which the edge's clock is ahead of ours, as discovery has found; 0 within kClockTolerance.
  mutable std::int64_t clock_offset = 0;

  std::int64_t edge_now() const;  ///< Unix seconds by the edge's clock, as far as it is known
  transport::HttpClient& http(const transport::Url& url) const;
};

/// The failure with status, ray and redirect of the response to a request for `url`.
Failure with_answer(Failure failure, const transport::HttpAnswer& answer, const transport::Url& url);

}  // namespace cfpipe::auth
