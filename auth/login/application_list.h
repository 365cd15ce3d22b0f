#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/secret.h"
#include "transport/dial/http_client.h"

namespace cfpipe::auth {

/// Entries of an edge's list; bytes of an application's name, and of the word for its protocol.
inline constexpr std::size_t kMaxListedApplications = 4'096;
inline constexpr std::size_t kMaxListedNameBytes = 512;
inline constexpr std::size_t kMaxListedProtocolBytes = 16;

/// An application that the person may reach, as its edge lists it. Its texts cannot drive a terminal, and
/// mean nothing to a shell besides themselves, but for `*`.
struct ListedApplication {
  std::string hostname;          ///< a host, or a pattern of hosts, maybe with a path
  std::string protocol;          ///< `ssh` or `tcp`, or a word that this client does not know
  bool terminal = false;         ///< the edge gives the person a terminal in the browser
  bool certificates = false;     ///< ssh: logins are by short-lived certificates
  std::uint16_t local_port = 0;  ///< tcp: the port to listen at on loopback; 0: the edge names none

  bool names_many() const { return hostname.find('*') != std::string::npos; }
};

/// The list in an edge's answer. Stage::http: http_too_large, or unexpected_status for what is not such a
/// list.
Result<std::vector<ListedApplication>> parse_application_list(std::string_view body);

/// Asks the edge for the applications that the holder of the org token may reach. `auth_domain` is the
/// token's issuer, and trusted: the token goes there alone. Nothing: the edge has no such list. Failures: dns
/// to http, and Stage::token, token_rejected.
boost::asio::awaitable<Result<std::optional<std::vector<ListedApplication>>>> list_applications(
    transport::HttpClient& http, const std::string& auth_domain, const Secret& org_token);

}  // namespace cfpipe::auth
