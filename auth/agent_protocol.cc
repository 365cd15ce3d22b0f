#include "auth/agent_protocol.h"

#include "auth/ssh_wire.h"

namespace cfpipe::auth {

namespace {

/// Message numbers (draft-miller-ssh-agent, 5.1).
enum Message : std::uint8_t {
  kFailure = 5,
  kSuccess = 6,
  kRequestIdentities = 11,
  kIdentitiesAnswer = 12,
  kSignRequest = 13,
  kSignResponse = 14,
  kExtension = 27,
};

constexpr std::size_t kLengthBytes = 4;
/// Longest session identifier that is taken, in bytes: key exchange hashes end at SHA-512's 64, OpenSSH takes
/// 128.
constexpr std::size_t kMaxSessionIdBytes = 128;

std::string one_byte(Message message) {
  return SshWriter().byte(message).take();
}

/// session-bind@openssh.com (PROTOCOL.agent): host key, session identifier, the host key's signature over it,
/// and whether the connection forwards the agent. The key answers for any session, so only the form is
/// checked.
bool well_formed_session_bind(SshReader& reader) {
  SshReader host_key(reader.string());
  const std::string_view session = reader.string();
  SshReader signature(reader.string());
  reader.byte();
  const bool key_ok = !host_key.string().empty() && !host_key.string().empty();
  const bool session_ok = !session.empty() && session.size() <= kMaxSessionIdBytes;
  const bool signature_ok = !signature.string().empty() && !signature.string().empty();
  return reader.finished() && key_ok && session_ok && signature_ok;
}

std::string extension(SshReader& reader) {
  const std::string_view name = reader.string();
  return one_byte(name == "session-bind@openssh.com" && well_formed_session_bind(reader) ? kSuccess
                                                                                         : kFailure);
}

}  // namespace

void AgentSession::use(const SshKey* key, const Certificate* certificate) {
  key_ = key;
  certificate_ = certificate;
}

bool AgentSession::feed(std::string_view bytes, std::uint64_t now, std::string& out) {
  pending_.append(bytes);
  std::string_view rest = pending_;
  while (rest.size() >= kLengthBytes) {
    const std::uint32_t length = SshReader(rest).u32();
    if (length == 0 || length > kMaxAgentMessage) return false;
    if (rest.size() - kLengthBytes < length) break;
    out.append(SshWriter().string(answer(rest.substr(kLengthBytes, length), now)).bytes());
    rest.remove_prefix(kLengthBytes + length);
  }
  pending_.erase(0, pending_.size() - rest.size());
  return true;
}

bool AgentSession::usable(std::uint64_t now) const {
  return key_ != nullptr && certificate_ != nullptr && now < certificate_->fields.valid_before;
}

std::string AgentSession::answer(std::string_view request, std::uint64_t now) const {
  SshReader reader(request);
  switch (reader.byte()) {
    case kRequestIdentities:
      return reader.finished() ? identities(now) : one_byte(kFailure);
    case kSignRequest: {
      const std::string_view key_blob = reader.string();
      const std::string_view data = reader.string();
      reader.u32();  // flags, which choose among RSA's digests only
      return reader.finished() ? sign(key_blob, data, now) : one_byte(kFailure);
    }
    case kExtension:
      return extension(reader);
    default:
      return one_byte(kFailure);
  }
}

std::string AgentSession::identities(std::uint64_t now) const {
  SshWriter out;
  out.byte(kIdentitiesAnswer);
  if (!usable(now)) return out.u32(0).take();
  return out.u32(1).string(certificate_->blob).string(certificate_->fields.key_id).take();
}

std::string AgentSession::sign(std::string_view key_blob, std::string_view data, std::uint64_t now) const {
  if (!usable(now)) return one_byte(kFailure);
  // ssh names the certificate, `ssh-keygen -Y sign` may name the plain key under it.
  if (key_blob != certificate_->blob && key_blob != certificate_->user_key_blob) return one_byte(kFailure);
  const std::string signature = key_->sign(data);
  if (signature.empty()) return one_byte(kFailure);
  return SshWriter().byte(kSignResponse).string(signature).take();
}

}  // namespace cfpipe::auth
