#include "edge/limits/row_limits.h"

#include <utility>

namespace cfpipe::edge {
namespace {

constexpr std::array<std::string_view, kRowCauses> kNames{"denied",         "declined",   "service_token",
                                                          "failed_sign_in", "over_limit", "service_login",
                                                          "tunnel",         "connector",  "attachment"};

/// Limits for rows that honest clients rarely cause, and for those that programs cause all the time.
constexpr RowRates kRare{{30, 6}, {240, 60}, {600, 120}};
constexpr RowRates kUsual{{300, 60}, {1'200, 240}, {6'000, 1'200}};

/// Second byte of a key: whose bucket it is.
constexpr char kPerson = 'p';
constexpr char kNameless = 'n';
constexpr char kKnownAtAddress = 'k';

}  // namespace

std::string_view name_of(RowCause cause) {
  return kNames[static_cast<std::size_t>(cause)];
}

const RowRates& rates_of(RowCause cause) {
  const bool usual =
      cause == RowCause::service_login || cause == RowCause::tunnel || cause == RowCause::attachment;
  return usual ? kUsual : kRare;
}

RowLimits::Party& RowLimits::party(RowCause cause, char kind, const PartyKey& key) {
  const PartyKey whole = std::string{static_cast<char>(cause), kind} + key;
  Party& out = parties_.touch(whole, [this](const Party& gone) {
    sums_[static_cast<std::size_t>(gone.cause)].forgotten += gone.left_out;
  });
  out.cause = cause;
  return out;
}

std::optional<std::uint64_t> RowLimits::take(RowCause cause, const PartyKey& person, const PartyKey& address,
                                             std::int64_t now) {
  const RowRates& rates = rates_of(cause);
  Sums& sums = sums_[static_cast<std::size_t>(cause)];
  const bool known = !person.empty();
  Party* const around = known ? &party(cause, kKnownAtAddress, address) : nullptr;
  Party& own = known ? party(cause, kPerson, person) : party(cause, kNameless, address);
  Bucket& sum = known ? sums.known : sums.nameless;
  if (own.bucket.wait(rates.each, now) > 0 ||
      (around != nullptr && around->bucket.wait(rates.known_at_address, now) > 0) ||
      sum.wait(rates.all, now) > 0) {
    ++own.left_out;
    return std::nullopt;
  }
  own.bucket.spend();
  if (around != nullptr) around->bucket.spend();
  sum.spend();
  return std::exchange(own.left_out, 0) + std::exchange(sums.forgotten, 0);
}

std::string left_out_note(std::uint64_t left_out) {
  return left_out == 0 ? "" : "(after " + std::to_string(left_out) + " that are not recorded)";
}

}  // namespace cfpipe::edge
