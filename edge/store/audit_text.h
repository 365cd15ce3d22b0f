#pragma once

#include <string>
#include <string_view>

#include "edge/store/audit_store.h"

namespace cfpipe::edge {

/// Longest text of one field of an audit row, in bytes; what is longer is cut and ends in "...".
inline constexpr std::size_t kMaxAuditTextBytes = 1024;
/// Characters of a session's name in the audit: 12 random bytes in base64url.
inline constexpr std::size_t kSessionNameCharacters = 16;
/// What the audit says of the sign-in that a session is.
std::string session_note(std::string_view session);

/// The text as valid UTF-8 (RFC 3629) that a terminal shows as it stands: each byte that is no UTF-8, each
/// control character (C0, DEL, C1), line separator and change of writing direction becomes '?'.
std::string audit_text(std::string_view text);
/// The row with all its texts made so.
AuditRow with_audit_text(AuditRow row);

/// A value of `name=value`: as it is where it is one word without quotes, else in double quotes with `\` in
/// front of `"` and `\`; `-` for nothing.
std::string audit_value(std::string_view text);
/// The row in one line without its time, `kind=… identity=…`: what the log says.
std::string audit_fields(const AuditRow& row);
/// What only some rows have, each with a space in front: certificate, tunnel, reason.
std::string audit_details(const AuditRow& row);

}  // namespace cfpipe::edge
