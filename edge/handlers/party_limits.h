#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <chrono>
#include <cstddef>
#include <utility>

#include "edge/config/config.h"
#include "edge/identity/tokens.h"
#include "edge/limits/attempts.h"
#include "edge/limits/fair_slots.h"
#include "edge/limits/outstanding.h"
#include "edge/limits/row_limits.h"
#include "edge/store/store.h"

namespace cfpipe::edge {

/// Codes of one person that wait for the application to take them, of kMaxPending.
inline constexpr std::size_t kMaxCodesOfPerson = 32;
/// Certificates that are being signed at once, of one person, and in all; those behind them wait.
inline constexpr FairSlots::Limits kSigningSlots{64, 8, 1024, 128, std::chrono::milliseconds(10'000)};

/// Hosts of applications of many hosts whose metadata one address has signed, a minute.
inline constexpr std::size_t kMetadataPerMinute = 600;

inline PartyKey party_of(const Identity& identity) {
  return person_key(identity.name(), identity.client_id);
}

/// What the site lets one party cause. On the site's loop.
struct SiteLimits {
  explicit SiteLimits(boost::asio::any_io_executor executor) : signings(std::move(executor), kSigningSlots) {}
  void configure(const Config& config) {
    logins.set_limit(config.address_limits.logins);
    certificates.set_limit(config.certificates_per_user);
  }

  RowLimits rows;            ///< of the audit
  Attempts logins{0};        ///< begun and failed, by address
  Attempts certificates{0};  ///< signed, by person
  Attempts metadata{kMetadataPerMinute};
  Outstanding codes{kMaxCodesOfPerson, static_cast<std::size_t>(kMaxPending)};
  FairSlots signings;
};

}  // namespace cfpipe::edge
