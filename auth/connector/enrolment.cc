#include "auth/connector/enrolment.h"

#include <openssl/rand.h>

#include <stdexcept>

#include "base/base64.h"
#include "base/text.h"

namespace cfpipe::auth {
namespace {

Failure no_token() {
  return {Stage::input, Cause::bad_option,
          "that is no enrolment token; take the whole line that `cfpipe-edge connector create` has printed"};
}

}  // namespace

EnrolmentToken EnrolmentToken::make(Authority edge) {
  std::string bytes(kEnrolmentBytes, '\0');
  if (RAND_bytes(reinterpret_cast<unsigned char*>(bytes.data()), static_cast<int>(bytes.size())) != 1)
    throw std::runtime_error("OpenSSL has no random bytes");
  return {std::move(edge), Secret(base64url(bytes))};
}

Result<EnrolmentToken> EnrolmentToken::parse(std::string_view text) {
  text = trimmed(text);
  const std::size_t slash = text.find('/');
  if (text.size() > kMaxEnrolmentTokenBytes || slash == std::string_view::npos) return no_token();
  auto edge = Authority::parse(text.substr(0, slash));
  const std::string_view secret = text.substr(slash + 1);
  const auto bytes = decode_base64url(secret);
  if (!edge || !bytes || bytes->size() != kEnrolmentBytes) return no_token();
  return EnrolmentToken{std::move(*edge), Secret(std::string(secret))};
}

Secret EnrolmentToken::text() const {
  return Secret(edge.text_without(kHttpsPort) + "/" + std::string(secret.reveal()));
}

}  // namespace cfpipe::auth
