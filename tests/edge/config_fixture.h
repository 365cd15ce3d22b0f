#pragma once

#include <gtest/gtest.h>

#include <string>

namespace cfpipe::edge {

/// A configuration with one place of it changed.
inline std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const std::size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

/// A configuration without a fault.
inline constexpr const char* kGood = R"(listen: 127.0.0.1:8443
tls: {certificate: /c.pem, key: /k.pem}
auth_domain: Auth.Example.com:8443
state: /var/lib/cfpipe
session_duration: 12h
identity_provider:
  type: dev
  groups: [SRE Europe]
applications:
  - hostname: vm.example.com
    service: ssh://10.0.0.5
    session_duration: 8h
    short_lived_certificates:
      ttl: 5m
      principals: [email_prefix, deploy]
      service_principals: {deploy: [deploy, backup]}
    policies:
      - name: staff
        decision: allow
        include: [{email_domain: Example.com}, {email: ann@other.org}, {group: SRE Europe}, everyone, {everyone: {}}]
        require: [{ip: 10.0.0.0/8}, {ip: '2001:db8::/32'}]
        exclude: [{email: mallory@example.com}]
      - name: ci
        decision: service_auth
        include: [{service_token: deploy}]
)";

/// The same with another identity provider.
inline std::string with_oidc(const std::string& provider) {
  return replaced(kGood, "  type: dev\n  groups: [SRE Europe]", provider);
}

}  // namespace cfpipe::edge
