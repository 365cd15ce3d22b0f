#include "auth/connector/protocol.h"

#include <algorithm>
#include <array>

namespace cfpipe::auth {
namespace {

struct FaultName {
  OriginFault fault;
  std::string_view name;
  const char* words;
};
constexpr std::array<FaultName, 7> kFaults{{
    {OriginFault::refused, "refused", "it refused the connection"},
    {OriginFault::timed_out, "timed-out", "it does not answer"},
    {OriginFault::unreachable, "unreachable", "it cannot be reached from there"},
    {OriginFault::no_address, "no-address", "its name has no address there"},
    {OriginFault::not_allowed, "not-allowed", "the connector's list of origins does not name it"},
    {OriginFault::short_of, "short", "the connector has reached a limit of its system"},
    {OriginFault::draining, "draining", "the connector is stopped or restarted"},
}};

bool is_letter_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

const FaultName& entry_of(OriginFault fault) {
  return *std::find_if(kFaults.begin(), kFaults.end(),
                       [fault](const auto& one) { return one.fault == fault; });
}

}  // namespace

bool is_connector_name(std::string_view name) {
  if (name.empty() || name.size() > kMaxConnectorNameBytes || !is_letter_or_digit(name.front())) return false;
  return std::all_of(name.begin(), name.end(),
                     [](char c) { return is_letter_or_digit(c) || c == '-' || c == '_' || c == '.'; });
}

bool is_connector_id(std::string_view id) {
  static_assert(kConnectorIdBytes == kInstanceBytes);
  return id.size() == kConnectorIdBytes && std::all_of(id.begin(), id.end(), [](char c) {
           return is_letter_or_digit(c) || c == '-' || c == '_';
         });
}

std::string_view name_of(OriginFault fault) {
  return entry_of(fault).name;
}

std::optional<OriginFault> origin_fault(std::string_view name) {
  for (const auto& one : kFaults)
    if (one.name == name) return one.fault;
  return std::nullopt;
}

const char* words_for(OriginFault fault) {
  return entry_of(fault).words;
}

}  // namespace cfpipe::auth
