#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "edge/limits/attempts.h"
#include "edge/limits/party.h"

namespace cfpipe::edge {

/// What a row of the audit is about that a peer can cause again and again.
enum class RowCause {
  denied,          ///< a policy denied access
  declined,        ///< a person did not agree to a program's sign-in
  service_token,   ///< one that is no good
  failed_sign_in,  ///< at the identity provider
  over_limit,      ///< more than one party may have
  service_login,   ///< a service token was given its cookie
  tunnel,          ///< opened without a name, which a bypass policy allows
  connector,       ///< was not enrolled, or not attached
  attachment,      ///< of a connector
};
inline constexpr std::size_t kRowCauses = static_cast<std::size_t>(RowCause::attachment) + 1;
/// The label in the metrics.
std::string_view name_of(RowCause cause);

/// Rows of one cause: of one person, or of those without a name at one address; the same for everybody at one
/// address whose name is known; and for all together, which holds where addresses come without number. People
/// and those without a name have sums of their own, so that the latter cannot hide the former.
struct RowRates {
  Rate each;
  Rate known_at_address;
  Rate all;
};
const RowRates& rates_of(RowCause cause);

/// Which rows the audit takes of those that peers can repeat.
class RowLimits {
 public:
  /// How many like it have been left out since the last one that was written; nothing: this one is to be left
  /// out. `person` is empty where there is no name.
  std::optional<std::uint64_t> take(RowCause cause, const PartyKey& person, const PartyKey& address,
                                    std::int64_t now);
  std::size_t size() const { return parties_.size(); }

 private:
  struct Party {
    RowCause cause{};
    Bucket bucket;
    std::uint64_t left_out = 0;
  };
  struct Sums {
    Bucket known;
    Bucket nameless;
    std::uint64_t forgotten = 0;  ///< rows left out, of parties that are no longer remembered
  };
  Party& party(RowCause cause, char kind, const PartyKey& key);

  RecentParties<Party> parties_{kMaxParties};
  std::array<Sums, kRowCauses> sums_;
};

/// What a row says of those that were left out before it; empty for none.
std::string left_out_note(std::uint64_t left_out);

}  // namespace cfpipe::edge
