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

/// Observer of a login's progress, which shows it to the user.
class LoginObserver {
 public:
  virtual ~LoginObserver() = default;
  /// The user has to open `url`, a capability that must not be logged. `code`: the code that the page shows,
  /// or empty.
  virtual void login_url(const std::string& url, const std::string& code, bool browser_is_opened) = 0;
  /// The login whose URL was shown has brought a token of the user `who`.
  virtual void logged_in(const std::string& who) = 0;
  /// The browser failed; `opened`: it ran for a while before, so the user may have seen the page.
  virtual void browser_failed(const std::string& why, bool opened) = 0;
  /// Another process is logging in to the same application, or to another one of the team; `url` and `code`
  /// are what it shows, or empty.
  virtual void waiting_for_other(const std::string& url, const std::string& code) = 0;
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
