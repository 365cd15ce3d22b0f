#include "auth/agent/session_binding.h"

#include <algorithm>
#include <cstdint>

#include "auth/ssh/certificate.h"
#include "auth/ssh/verify.h"

namespace cfpipe::auth {
namespace {

/// Longest session identifier that is taken, in bytes: key exchange hashes end at SHA-512's 64, OpenSSH takes
/// 128.
constexpr std::size_t kMaxSessionIdBytes = 128;
constexpr std::uint8_t kUserauthRequest = 50;  ///< SSH_MSG_USERAUTH_REQUEST (RFC 4252 6)

}  // namespace

bool SessionBindings::add(Binding binding) {
  for (const Binding& known : bindings_) {
    // No session may follow the one that the user logs in to.
    if (!known.forwarding) return false;
    if (known.session == binding.session) return known.host_key == binding.host_key;
  }
  if (bindings_.size() >= kMaxBindings) return false;
  bindings_.push_back(std::move(binding));
  return true;
}

bool SessionBindings::bind(SshReader reader, std::string_view request) {
  if (request.size() > kMaxBindBytes) return false;
  Binding binding;
  binding.host_key = plain_key_blob(reader.string());
  binding.session = reader.string();
  const std::string_view signature = reader.string();
  binding.forwarding = reader.byte() != 0;
  const bool well_formed = reader.finished() && !binding.host_key.empty() && !binding.session.empty() &&
                           binding.session.size() <= kMaxSessionIdBytes;
  const SignatureCheck check =
      well_formed ? check_signature(binding.host_key, signature, binding.session) : SignatureCheck::bad;
  if (check == SignatureCheck::bad) spoilt_ = true;
  if (check != SignatureCheck::good) return false;
  const std::size_t before = bindings_.size();
  if (!add(std::move(binding))) return false;
  if (bindings_.size() > before) requests_.emplace_back(request);
  return true;
}

bool SessionBindings::forwarded() const {
  return std::any_of(bindings_.begin(), bindings_.end(), [](const Binding& b) { return b.forwarding; });
}

bool SessionBindings::permit(std::string_view data, std::string_view certificate_blob,
                             std::string_view key_blob) const {
  if (spoilt_) return false;
  if (bindings_.empty() || bindings_.back().forwarding) return true;
  const Binding& session = bindings_.back();
  SshReader reader(data);
  if (reader.string() != session.session || reader.byte() != kUserauthRequest) return false;
  reader.string();  // the user's name, which the certificate is about
  const bool is_connection = reader.string() == "ssh-connection";
  const std::string_view method = reader.string();
  const bool is_signed = reader.byte() == 1;
  reader.string();  // algorithm
  const std::string_view key = reader.string();
  if (!is_connection || !is_signed || (key != certificate_blob && key != key_blob)) return false;
  if (method == "publickey") return reader.finished();
  if (method != "publickey-hostbound-v00@openssh.com") return false;
  return plain_key_blob(reader.string()) == session.host_key && reader.finished();
}

}  // namespace cfpipe::auth
