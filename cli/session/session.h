#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <memory>
#include <optional>

#include "auth/discovery/context.h"
#include "cli/options/options.h"

namespace cfpipe::cli {

/// Shows a login's progress on standard error. If no browser opens, a QR code comes with the URL where
/// standard error is a terminal that can show it.
class TerminalObserver final : public auth::LoginObserver {
 public:
  void login_url(const auth::LoginLink& link, bool browser_is_opened) override;
  void logged_in(const std::string& who, std::int64_t until) override;
  void browser_failed(const std::string& why, bool opened) override;
  void waiting_for_other(const auth::LoginLink& link) override;
  void clock_differs(std::int64_t seconds) override;
  void note(const std::string& line) override;

 private:
  std::optional<auth::LoginLink> without_qr_code_;  ///< what was shown without such a code
  bool told_of_clock_ = false;
};

/// State directory, HTTP clients and login context of one command.
class Session {
 public:
  static Result<std::unique_ptr<Session>> open(boost::asio::any_io_executor executor, Options& options);
  /// Removes temporary files of killed processes; destroyed last, when no program waits for this process.
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  const auth::StateDir& state() const { return state_; }
  /// Warns once if there is no state directory, for commands that work without one.
  void tell_if_nothing_is_kept() const;
  const auth::Access& access() const { return *access_; }
  transport::HttpClient& app_http() { return *app_http_; }

 private:
  explicit Session(auth::StateDir state) : state_(std::move(state)) {}
  auth::StateDir state_;
  mutable std::optional<Failure> no_state_;  ///< until it has been told
  TerminalObserver observer_;
  std::unique_ptr<transport::HttpClient> app_http_;
  std::unique_ptr<transport::HttpClient> other_http_;  ///< null: app_http_ serves every host
  std::optional<auth::Access> access_;
};

/// The path of a URL as key file names have it: empty for the root.
std::string_view key_path(const transport::Url& url);

}  // namespace cfpipe::cli
