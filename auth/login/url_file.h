#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "auth/discovery/context.h"
#include "auth/state/state_dir.h"

namespace cfpipe::auth {

/// The page of a login in progress.
struct LoginPage {
  std::string url;
  std::string link;  ///< a short one that leads there, or empty

  /// What a person is shown of it.
  LoginLink shown(std::string_view auth_domain) const;
};

/// Files beside a token file, while a login that will write that is in progress: `.url` holds the page's URL,
/// which cloudflared reads as well; `.link` the short link, if there is one, and on a line of its own the URL
/// that it leads to.
class UrlFile {
 public:
  UrlFile(const StateDir& state, const std::string& token_file, const LoginPage& page);
  ~UrlFile();
  UrlFile(const UrlFile&) = delete;
  UrlFile& operator=(const UrlFile&) = delete;

  /// The page of the process that is logging in; nothing if it has not said.
  static std::optional<LoginPage> read(const StateDir& state, const std::string& token_file,
                                       std::string_view auth_domain);
  /// Removes those of a process that was killed.
  static void remove(const StateDir& state, const std::string& token_file);

 private:
  const StateDir& state_;
  std::string token_file_;
};

}  // namespace cfpipe::auth
