#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "base/openssl.h"
#include "base/secret.h"

namespace cfpipe::tunnel {

/// How the two ends of a resumable tunnel agree on one and on each further carrier, as values of the header
/// kResumeHeader in an upgrade and in its answer (docs/PROTOCOL.md). The key that proves who was there at the
/// beginning is made of X25519 keys of both ends, and never sent.
inline constexpr const char* kResumeHeader = "Cfpipe-Resume";
/// Status of the answer to an attach that will never succeed: there is no such tunnel, or it is not this
/// one's.
inline constexpr int kResumeGone = 410;
/// Longest value of it, in bytes.
inline constexpr std::size_t kMaxResumeValue = 256;

inline constexpr std::size_t kSessionIdBytes = 16;
using SessionId = std::array<unsigned char, kSessionIdBytes>;
SessionId new_session_id();

enum class ResumeEnd { client, edge };

inline constexpr std::size_t kResumeKeyBytes = 32;  ///< of a public key (RFC 7748)
inline constexpr std::size_t kProofBytes = 32;      ///< HMAC-SHA256

/// One end's share of the key, for one tunnel. The key is one tunnel's where either end's share is.
class ResumeKeys {
 public:
  /// Nothing if OpenSSL has no X25519.
  static std::optional<ResumeKeys> make();
  /// The same share for another tunnel, whose other end has a share of its own: it takes no computing.
  /// Nothing has been agreed on with it. From any thread.
  ResumeKeys again() const;
  const std::string& public_key() const { return public_; }  ///< 32 bytes

  /// Takes the other end's public key. `other_is`: which end that is. False: it is none.
  bool agree(std::string_view other, ResumeEnd other_is);
  /// Proof of the key agreed on (kProofBytes) by one of the ends; empty without one.
  std::string proof(ResumeEnd by, const SessionId& session, std::uint32_t epoch, std::uint64_t next) const;

 private:
  PKey own_;
  std::string public_;
  Secret key_;
};

/// `1 new KEY`.
struct ResumeOpen {
  std::string client_key;
};
/// `1 attach SESSION EPOCH NEXT PROOF`. Epochs rise with each attempt.
struct ResumeAttach {
  SessionId session{};
  std::uint32_t epoch = 0;
  std::uint64_t next = 0;  ///< number of the first byte that the client lacks
  std::string proof;
};
using ResumeRequest = std::variant<ResumeOpen, ResumeAttach>;
/// `1 opened KEY SESSION GRACE`. Grace: seconds for which the edge keeps a tunnel without a carrier.
struct ResumeOpened {
  std::string edge_key;
  SessionId session{};
  std::uint32_t grace = 0;
};
/// `1 attached NEXT PROOF`.
struct ResumeAttached {
  std::uint64_t next = 0;
  std::string proof;
};

std::string text_of(const ResumeOpen& open);
std::string text_of(const ResumeAttach& attach);
std::string text_of(const ResumeOpened& opened);
std::string text_of(const ResumeAttached& attached);
/// Nothing: it is another version, or not this.
std::optional<ResumeRequest> parse_resume_request(std::string_view text);
std::optional<ResumeOpened> parse_resume_opened(std::string_view text);
std::optional<ResumeAttached> parse_resume_attached(std::string_view text);

/// Compares in constant time.
bool same_proof(std::string_view one, std::string_view other);

}  // namespace cfpipe::tunnel
