#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "edge/limits/attempts.h"
#include "edge/limits/outstanding.h"
#include "edge/limits/party.h"
#include "edge/store/pending_store.h"

namespace cfpipe::edge {

/// Lifetime of a link in seconds, at most and unless its program wants less: programs wait no longer for a
/// login.
inline constexpr std::int64_t kMaxLinkSeconds = 10 * 60;
/// Links of one address that are kept at once; kMaxPending of all.
inline constexpr std::size_t kMaxLinksOfAddress = 128;
/// Unknown links that one address may open in a minute.
inline constexpr std::size_t kMaxUnknownLinks = 60;
/// Characters of a code without its dashes, each one of 31: 59 bits.
inline constexpr std::size_t kLinkCodeCharacters = 12;

/// What a program's login page is addressed by.
struct ProgramLogin {
  std::string host;            ///< of the application
  std::string aud;             ///< of the application
  std::string receiver;        ///< the program's public key
  bool org_token = false;      ///< the program wants the org token too
  bool closes_itself = false;  ///< so does the last page
};

/// Short links to login pages. A link has no more power than the page's own address: the code stands for
/// that.
class LoginLinks {
 public:
  explicit LoginLinks(PendingStore& pending) : pending_(pending) {}

  /// `code` is as it is shown, `k7mp-2xqa-9rtd`, where `added` is yes.
  struct Made {
    Outstanding::Added added = Outstanding::Added::yes;
    std::string code;
  };
  /// Makes a link on behalf of an address, for `seconds` from `now` on; Unix seconds.
  Result<Made> make(const PartyKey& address, const ProgramLogin& login, std::int64_t seconds,
                    std::int64_t now);

  struct Found {
    std::int64_t wait = 0;              ///< seconds until the address may try again; 0: it was looked up
    std::optional<ProgramLogin> login;  ///< nothing: the code is unknown or has expired
  };
  /// Looks a code up, in either case and with its dashes or without. It stays good: browsers, previews and
  /// people open a link several times.
  Result<Found> find(const PartyKey& address, std::string_view code, std::int64_t now);

 private:
  PendingStore& pending_;
  Outstanding links_{kMaxLinksOfAddress, static_cast<std::size_t>(kMaxPending)};
  Attempts unknown_{kMaxUnknownLinks};
};

}  // namespace cfpipe::edge
