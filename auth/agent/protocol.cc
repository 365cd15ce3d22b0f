#include "auth/agent/protocol.h"

#include "auth/ssh/wire.h"

namespace cfpipe::auth {

namespace {

constexpr std::size_t kLengthBytes = 4;

std::string one_byte(AgentMessage message) {
  return SshWriter().byte(message).take();
}

}  // namespace

std::optional<std::string> AgentFramer::next() {
  if (broken_ || pending_.size() < kLengthBytes) return std::nullopt;
  const std::uint32_t length = SshReader(pending_).u32();
  broken_ = length == 0 || length > kMaxAgentMessage;
  if (broken_ || pending_.size() - kLengthBytes < length) return std::nullopt;
  std::string message = pending_.substr(kLengthBytes, length);
  pending_.erase(0, kLengthBytes + length);
  return message;
}

void AgentSession::use(const SshKey* key, const Certificate* certificate) {
  key_ = key;
  certificate_ = certificate;
}

/// Whether the certificate may be seen and used on this connection at all.
bool AgentSession::usable(std::uint64_t now) {
  if (certificate_ == nullptr || now >= certificate_->fields.valid_before || bindings_.spoilt()) return false;
  if (!bindings_.forwarded() || forwarding_allowed_) return true;
  refused_forwarding_ = true;
  return false;
}

AgentSession::Answer AgentSession::answer(std::string_view request, std::uint64_t now) {
  SshReader reader(request);
  switch (reader.byte()) {
    case kAgentRequestIdentities:
      return {reader.finished() ? identities(now) : one_byte(kAgentFailure)};
    case kAgentSignRequest:
      return sign(reader, now);
    case kAgentExtension: {
      const bool bound = reader.string() == kSessionBindExtension && bindings_.bind(reader, request);
      return {one_byte(bound ? kAgentSuccess : kAgentFailure)};
    }
    default:
      return {one_byte(kAgentFailure)};
  }
}

std::string AgentSession::identities(std::uint64_t now) {
  SshWriter out;
  out.byte(kAgentIdentitiesAnswer);
  if (!usable(now)) return out.u32(0).take();
  return out.u32(1).string(certificate_->blob).string(certificate_->fields.key_id).take();
}

AgentSession::Answer AgentSession::sign(SshReader reader, std::uint64_t now) {
  const Answer failure{one_byte(kAgentFailure)};
  const std::string_view key_blob = reader.string();
  const std::string_view data = reader.string();
  const std::uint32_t flags = reader.u32();  // they choose among RSA's digests only
  if (!reader.finished() || !usable(now)) return failure;
  // ssh names the certificate, `ssh-keygen -Y sign` may name the plain key under it.
  if (key_blob != certificate_->blob && key_blob != certificate_->user_key_blob) return failure;
  if (!bindings_.permit(data, certificate_->blob, certificate_->user_key_blob)) return failure;
  if (key_ == nullptr) {
    // The other agent knows the plain key; a certificate over it is nothing it has heard of.
    SshWriter request;
    request.byte(kAgentSignRequest).string(certificate_->user_key_blob).string(data).u32(flags);
    return {request.take(), true};
  }
  const std::string signature = key_->sign(data);
  if (signature.empty()) return failure;
  return {SshWriter().byte(kAgentSignResponse).string(signature).take()};
}

}  // namespace cfpipe::auth
