#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace cfpipe::auth {

/// Names of what an edge and its connectors say to each other (docs/CONNECTOR_PROTOCOL.md), on the host of
/// the edge's auth domain.

/// POST, JSON: `{token, key, signature, host, version}`, answered with `{id, name}`.
inline constexpr std::string_view kEnrolPath = "/cdn-cgi/cfpipe/connector/enroll";
/// GET with `Upgrade: cfpipe-connector/1`: 401 with a challenge, then 101. From there on the edge is the
/// client of HTTP/2, and the connector its server.
inline constexpr std::string_view kAttachPath = "/cdn-cgi/cfpipe/connector";
inline constexpr std::string_view kConnectorProtocol = "cfpipe-connector/1";

// Of the request to attach:
inline constexpr const char* kConnectorIdHeader = "Cfpipe-Connector";
/// What all connections of one run of a connector have in common: kInstanceBytes of base64url.
inline constexpr const char* kInstanceHeader = "Cfpipe-Connector-Instance";
inline constexpr const char* kConnectorVersionHeader = "Cfpipe-Connector-Version";
/// Of the second request: the challenge as the edge has sent it, and the signature in base64url.
inline constexpr const char* kNonceHeader = "Cfpipe-Nonce";
inline constexpr const char* kSignatureHeader = "Cfpipe-Signature";
/// Of the edge's 401.
inline constexpr const char* kChallengeHeader = "Cfpipe-Challenge";

/// Of a tunnel, which is a CONNECT with the origin as its authority (RFC 9113 8.5): on whose behalf, and from
/// which address. For the connector's log, and for `per_user_addresses`.
inline constexpr const char* kSubjectField = "cfpipe-subject";
inline constexpr const char* kClientField = "cfpipe-client";
/// Of an answer that is not 200: an OriginFault.
inline constexpr const char* kFaultField = "cfpipe-fault";

inline constexpr std::size_t kConnectorIdBytes = 16;  ///< letters and digits of base64url
inline constexpr std::size_t kInstanceBytes = 16;
inline constexpr std::size_t kMaxConnectorVersionBytes = 32;
/// Longest name of a connector, in bytes: letters, digits, `-`, `_` and `.`.
inline constexpr std::size_t kMaxConnectorNameBytes = 63;

bool is_connector_name(std::string_view name);
/// Of an id and of an instance.
bool is_connector_id(std::string_view id);

/// Why a connector has not reached an origin.
enum class OriginFault {
  refused,      ///< it refused the connection
  timed_out,    ///< it did not answer in time
  unreachable,  ///< no route leads there
  no_address,   ///< its name has none
  not_allowed,  ///< the connector's own list does not name it
  short_of,     ///< the connector has no descriptors or memory left
  draining,     ///< the connector ends
};
/// As it stands in kFaultField.
std::string_view name_of(OriginFault fault);
std::optional<OriginFault> origin_fault(std::string_view name);
/// For people: `it refused the connection`.
const char* words_for(OriginFault fault);

}  // namespace cfpipe::auth
