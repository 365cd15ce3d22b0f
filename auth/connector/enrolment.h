#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/host.h"
#include "base/secret.h"

namespace cfpipe::auth {

/// Random bytes of an enrolment token.
inline constexpr std::size_t kEnrolmentBytes = 32;
/// Longest token that is read, in bytes: the longest authority, and its secret.
inline constexpr std::size_t kMaxEnrolmentTokenBytes = kMaxHostBytes + 64;

/// What lets a new connector make itself known to an edge, once: `auth.example.com/SECRET`. It names the edge
/// for the person who carries it from one machine to the other.
struct EnrolmentToken {
  Authority edge;  ///< the auth domain, with its port where that is not 443
  Secret secret;   ///< base64url of kEnrolmentBytes

  static EnrolmentToken make(Authority edge);
  /// Blanks around it are left out. Stage::input, Cause::bad_option; the message does not repeat the token.
  static Result<EnrolmentToken> parse(std::string_view text);
  Secret text() const;
};

}  // namespace cfpipe::auth
