#include "edge/policy/origin_name.h"

#include <algorithm>
#include <array>

namespace cfpipe::edge {
namespace {

/// Top-level domains that public DNS never delegates: the private one (ICANN, 2024), and those of RFC 6761.
constexpr std::array<std::string_view, 3> kOwnDomains{"internal", "localhost", "test"};

/// `.internal.example.com`, of `*.internal.example.com`; empty if there is none.
std::string_view domain_of(std::string_view service) {
  return service.substr(std::min(service.find('.'), service.size()));
}

bool only_letters_and_digits(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  });
}

}  // namespace

std::string origin_pattern_fault(const AppName& name, const Host& service) {
  const std::string_view text = service.text(), domain = domain_of(text);
  if (!service.is_pattern()) return {};
  if (std::count(name.host().begin(), name.host().end(), '*') != 1)
    return "'service' may have a * where 'hostname' has one *, for whose characters it stands";
  if (std::count(text.begin(), text.end(), '*') != 1 || domain.find('*') != std::string_view::npos)
    return "'service' may have one *, in the first part of the host name";
  const bool own = std::find(kOwnDomains.begin(), kOwnDomains.end(), domain.substr(domain.empty() ? 0 : 1)) !=
                   kOwnDomains.end();
  if (!own && std::count(domain.begin(), domain.end(), '.') < 2)
    return "'service' must have a domain of yours behind the part with the *, such as "
           "ssh://*.internal.example.com";
  return {};
}

std::optional<Host> origin_at(const AppName& name, const Host& service, std::string_view host) {
  if (!name.covers_host(host)) return std::nullopt;
  if (!service.is_pattern()) return service;
  if (!origin_pattern_fault(name, service).empty()) return std::nullopt;
  const std::string_view pattern = name.host();
  const std::size_t before = pattern.find('*'), behind = pattern.size() - before - 1;
  const std::string_view stands_for = host.substr(before, host.size() - before - behind);
  if (!only_letters_and_digits(stands_for)) return std::nullopt;
  std::string text = service.text();
  text.replace(text.find('*'), 1, stands_for);
  auto out = Host::parse(text);
  // What is dialled is below the domain that the configuration names, and spelt as it was put together.
  if (!out || out->address() || out->text() != text || !text.ends_with(domain_of(service.text())))
    return std::nullopt;
  return std::move(*out);
}

}  // namespace cfpipe::edge
