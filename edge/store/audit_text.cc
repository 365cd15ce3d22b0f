#include "edge/store/audit_text.h"

#include <algorithm>
#include <cstdint>

namespace cfpipe::edge {
namespace {

struct CodePoint {
  char32_t value = 0;
  std::size_t bytes = 0;  ///< 0: the text does not begin with a character
};

bool continues(std::string_view text, std::size_t at) {
  return at < text.size() && (static_cast<unsigned char>(text[at]) & 0xc0u) == 0x80u;
}

/// The first character of a text that is not empty (RFC 3629: shortest form, no surrogates).
CodePoint first_of(std::string_view text) {
  static constexpr char32_t kLeast[] = {0, 0, 0x80, 0x800, 0x10000};
  const auto lead = static_cast<unsigned char>(text.front());
  std::size_t bytes = 1;
  if (lead >= 0xf0) {
    bytes = 4;
  } else if (lead >= 0xe0) {
    bytes = 3;
  } else if (lead >= 0xc0) {
    bytes = 2;
  } else if (lead >= 0x80) {
    return {};
  }
  if (lead >= 0xf8) return {};
  char32_t value = bytes == 1 ? lead : lead & (0xffu >> (bytes + 1));
  for (std::size_t i = 1; i < bytes; ++i) {
    if (!continues(text, i)) return {};
    value = (value << 6) | (static_cast<unsigned char>(text[i]) & 0x3fu);
  }
  if (value < kLeast[bytes] || value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff)) return {};
  return {value, bytes};
}

bool shows_as_it_stands(char32_t c) {
  if (c < 0x20 || (c >= 0x7f && c <= 0x9f)) return false;
  if (c == 0x2028 || c == 0x2029) return false;                 // separators of lines and paragraphs
  if (c == 0x061c || c == 0x200e || c == 0x200f) return false;  // marks of direction (Unicode UAX #9)
  if ((c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069)) return false;
  return c != 0xfeff;
}

bool is_word(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return static_cast<unsigned char>(c) > 0x20 && c != '"' && c != '\\' && c != '=';
  });
}

}  // namespace

std::string audit_text(std::string_view text) {
  std::string out;
  out.reserve(std::min(text.size(), kMaxAuditTextBytes));
  while (!text.empty()) {
    const CodePoint c = first_of(text);
    const std::size_t bytes = std::max<std::size_t>(c.bytes, 1);
    if (out.size() + bytes > kMaxAuditTextBytes) return out + "...";
    if (c.bytes > 0 && shows_as_it_stands(c.value)) {
      out += text.substr(0, bytes);
    } else {
      out += '?';
    }
    text.remove_prefix(bytes);
  }
  return out;
}

AuditRow with_audit_text(AuditRow row) {
  for (std::string* text : {&row.kind, &row.identity, &row.application, &row.peer, &row.ray, &row.key_id,
                            &row.reason, &row.login_method, &row.session_device})
    *text = audit_text(*text);
  return row;
}

std::string audit_value(std::string_view text) {
  if (text.empty()) return "-";
  if (text != "-" && is_word(text)) return std::string(text);
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"";
}

std::string audit_fields(const AuditRow& row) {
  return "kind=" + audit_value(row.kind) + " identity=" + audit_value(row.identity) +
         " application=" + audit_value(row.application) + " peer=" + audit_value(row.peer) +
         " ray=" + audit_value(row.ray) + audit_details(row);
}

std::string audit_details(const AuditRow& row) {
  std::string out;
  if (row.serial != 0) out += " serial=" + std::to_string(row.serial) + " key_id=" + audit_value(row.key_id);
  if (row.kind == "tunnel_open" && row.id != 0) out += " tunnel=" + std::to_string(row.id);
  if (row.kind == "tunnel_close") {
    out += " tunnel=" + std::to_string(row.tunnel) + " up=" + std::to_string(row.up_bytes) +
           " down=" + std::to_string(row.down_bytes);
  }
  if (row.kind == "files")
    out += " up=" + std::to_string(row.up_bytes) + " down=" + std::to_string(row.down_bytes);
  if (!row.login_method.empty()) out += " login_method=" + audit_value(row.login_method);
  if (!row.reason.empty()) out += " reason=" + audit_value(row.reason);
  return out;
}

std::string session_note(std::string_view session) {
  return "session " + std::string(session);
}

}  // namespace cfpipe::edge
