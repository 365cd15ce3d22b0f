#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "auth/discovery/application.h"
#include "auth/state/state_dir.h"
#include "transport/dial/http_client.h"

namespace cfpipe::auth {

/// The two halves of a service token, sent as headers instead of any login (access-protocol, "Login", 4).
struct ServiceToken {
  std::string id;
  Secret secret;
  bool given() const { return !id.empty(); }
  void add_to(transport::Headers& headers) const;
};

/// How long a login waits for somebody to sign in, unless told otherwise.
inline constexpr std::chrono::minutes kLoginPatience{10};

/// Told about a login as it goes. The words are the listener's.
class LoginObserver {
 public:
  virtual ~LoginObserver() = default;
  /// The user has to open this. The URL is a capability: for the user's eyes, not for a log. `code`: what the
  /// page shows if it shows a code; empty where none does.
  virtual void login_url(const std::string& url, const std::string& code, bool browser_is_opened) = 0;
  /// The login whose URL was shown has brought a token of this person's.
  virtual void logged_in(const std::string& who) = 0;
  /// `opened`: it ran for a while before, so the page may have been seen.
  virtual void browser_failed(const std::string& why, bool opened) = 0;
  /// Another process is logging in to the same application, or to another one of the team; `url` and `code`
  /// are what it shows, or empty.
  virtual void waiting_for_other(const std::string& url, const std::string& code) = 0;
  /// The edge's clock is so many seconds ahead of this machine's (behind, if negative), and it matters.
  virtual void clock_differs(std::int64_t seconds) = 0;
  /// For the log: no secrets in it.
  virtual void note(const std::string& line) = 0;
};

/// What the flows towards the edge share. Outlives every one of them.
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
  bool remembers = true;  ///< what is found out about the application is kept for the next start
  std::chrono::milliseconds login_patience = kLoginPatience;
  /// What the edge's clock is ahead of ours, in seconds, as discovery has found; 0 if that is next to
  /// nothing.
  mutable std::int64_t clock_offset = 0;

  std::int64_t edge_now() const;  ///< Unix seconds by the edge's clock, as far as it is known
  transport::HttpClient& http(const transport::Url& url) const;
};

/// The failure with what the answer to a request for `url` adds to it: status, ray, where it redirects to.
transport::Failure with_answer(transport::Failure failure, const transport::HttpAnswer& answer,
                               const transport::Url& url);

}  // namespace cfpipe::auth
