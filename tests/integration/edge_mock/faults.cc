#include "faults.h"

#include <array>
#include <charconv>

namespace edge_mock {
namespace {

enum class Takes { nothing, number, maybe_number, text, maybe_text };

struct Known {
  std::string_view name;
  Takes takes;
};

// clang-format off
constexpr std::array kKnown{
    Known{"meta-none", Takes::nothing},
    Known{"meta-bad-signature", Takes::nothing},
    Known{"meta-alg-none", Takes::nothing},
    Known{"meta-wrong-host", Takes::nothing},
    Known{"meta-old", Takes::nothing},
    Known{"meta-foreign-auth-domain", Takes::text},
    Known{"meta-app-hostname", Takes::text},
    Known{"meta-aud", Takes::text},
    Known{"not-access", Takes::nothing},
    Known{"login-location", Takes::text},
    Known{"login-no-domain", Takes::nothing},
    Known{"app-status", Takes::number},
    Known{"keys-redirect", Takes::nothing},
    Known{"token-ttl", Takes::number},
    Known{"token-issuer", Takes::text},
    Known{"reject-token", Takes::number},
    Known{"org-expired", Takes::nothing},
    Known{"transfer-500", Takes::nothing},
    Known{"transfer-not-yet", Takes::number},
    Known{"transfer-garbage", Takes::nothing},
    Known{"transfer-wrong-key", Takes::nothing},
    Known{"sign-status", Takes::number},
    Known{"sign-plain-text", Takes::nothing},
    Known{"sign-garbage", Takes::nothing},
    Known{"sign-wrong-key", Takes::nothing},
    Known{"sign-delay-ms", Takes::number},
    Known{"sign-ttl", Takes::number},
    Known{"upgrade-status", Takes::number},
    Known{"bad-accept", Takes::nothing},
    Known{"upgrade-hang", Takes::nothing},
    Known{"cut-after", Takes::number},
    Known{"close-after", Takes::number},
    Known{"fin-after", Takes::number},
    Known{"close-frames", Takes::nothing},
    Known{"silent-after", Takes::number},
    Known{"ws-close", Takes::number},
    Known{"ping-flood", Takes::maybe_number},
    Known{"tiny-frames", Takes::maybe_number},
    Known{"text-frames", Takes::nothing},
    Known{"continuation-frames", Takes::nothing},
    Known{"masked-frame", Takes::nothing},
    Known{"oversized-control", Takes::nothing},
    Known{"fragmented-control", Takes::nothing},
    Known{"reserved-bits", Takes::nothing},
    Known{"reserved-opcode", Takes::nothing},
    Known{"orphan-continuation", Takes::nothing},
    Known{"endless-frame", Takes::nothing},
    Known{"stall-reading", Takes::nothing},
    Known{"idle-close", Takes::number},
    Known{"garbage-answer", Takes::maybe_text},
    Known{"huge-header", Takes::maybe_text},
    Known{"http-hang", Takes::maybe_text},
    Known{"hang-up", Takes::maybe_text},
    Known{"cert-expired", Takes::nothing},
    Known{"cert-wrong-name", Takes::nothing},
};
// clang-format on

const Known* find_known(std::string_view name) {
  for (const Known& known : kKnown)
    if (known.name == name) return &known;
  return nullptr;
}

bool is_number(std::string_view text) {
  std::int64_t value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() && value >= 0;
}

}  // namespace

std::string Faults::add(std::string_view spec) {
  std::size_t equals = spec.find('=');
  std::string name(spec.substr(0, equals));
  std::string value(equals == std::string_view::npos ? "" : spec.substr(equals + 1));
  const Known* known = find_known(name);
  if (!known) return "no fault named '" + name + "'";
  switch (known->takes) {
    case Takes::nothing:
      if (!value.empty()) return "fault '" + name + "' takes no value";
      break;
    case Takes::number:
      if (!is_number(value)) return "fault '" + name + "' needs a number";
      break;
    case Takes::maybe_number:
      if (!value.empty() && !is_number(value)) return "fault '" + name + "' takes a number";
      break;
    case Takes::text:
      if (value.empty()) return "fault '" + name + "' needs a value";
      break;
    case Takes::maybe_text:
      break;
  }
  entries_[name].value = value;
  return {};
}

bool Faults::on(std::string_view name) const {
  return entries_.find(name) != entries_.end();
}

std::string Faults::text(std::string_view name) const {
  auto entry = entries_.find(name);
  return entry == entries_.end() ? std::string() : entry->second.value;
}

std::int64_t Faults::number(std::string_view name, std::int64_t fallback) const {
  std::string value = text(name);
  std::from_chars(value.data(), value.data() + value.size(), fallback);
  return fallback;
}

bool Faults::spend(std::string_view name) {
  auto entry = entries_.find(name);
  if (entry == entries_.end() || entry->second.spent >= number(name, 1)) return false;
  ++entry->second.spent;
  return true;
}

std::vector<std::string> Faults::names() {
  std::vector<std::string> all;
  for (const Known& known : kKnown) all.emplace_back(known.name);
  return all;
}

}  // namespace edge_mock
