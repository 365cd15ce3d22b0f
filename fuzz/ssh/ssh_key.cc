// Keys in files and lines: what is taken has exact fields, prints as itself, and signs what its public half
// verifies.
#include "auth/ssh/certificate.h"
#include "auth/ssh/key.h"
#include "auth/ssh/openssh_private_key.h"
#include "auth/ssh/verify.h"
#include "auth/ssh/wire.h"
#include "base/base64.h"
#include "fuzz.h"

namespace {

using cfpipe::fuzz::require;
using namespace cfpipe;
using namespace cfpipe::auth;

void check_blob(std::string_view blob) {
  (void)plain_key_blob(blob);
  (void)fingerprint(blob);
  (void)check_signature(blob, blob, blob);
  if (!acceptable_user_key(blob)) {
    require(!acceptable_host_key(blob), "a host's key is one that a user may have");
    return;
  }
  require(blob.size() <= kMaxKeyLineBytes, "a key has a bound");
  require(plain_key_blob(blob) == blob, "a plain key is its own");
  const auto line = parse_public_key_line(public_key_line(blob), 2 * kMaxKeyLineBytes);
  require(line && line->blob == blob, "a key prints as itself");
}

void check_line(std::string_view text) {
  const auto line = parse_public_key_line(text);
  if (!line) return;
  require(text.size() <= kMaxKeyLineBytes, "a line has a bound");
  require(SshReader(line->blob).string() == line->type, "a key is of the type it names");
  for (const char c : line->comment)
    require(static_cast<unsigned char>(c) >= 0x20 && c != 0x7f, "a comment is one line");
  const auto again = parse_public_key_line(public_key_line(line->blob));
  require(again && again->blob == line->blob && again->type == line->type, "a line prints as itself");
  check_blob(line->blob);
}

void check_private(std::string_view text) {
  (void)openssh_public_blob(text);
  (void)openssh_private_key(text);
  const auto key = SshKey::from_pem(text);
  if (!key) {
    require(key.error().cause == cfpipe::Cause::key_unusable, "a bad key is said to be one");
    return;
  }
  const auto blob = key->public_blob();
  require(acceptable_user_key(blob), "a key that is taken can be certified");
  require(check_signature(blob, key->sign("data"), "data") == SignatureCheck::good,
          "a key signs for its public half");
  const auto again = SshKey::from_pem(key->private_file().reveal());
  require(again && again->public_blob() == blob, "a private key prints as itself");
}

// The envelope around the private part, so that the fuzzer need not find its way through base64.
std::string armoured(std::string_view content) {
  return "-----BEGIN OPENSSH PRIVATE KEY-----\n" + base64(content) + "\n-----END OPENSSH PRIVATE KEY-----\n";
}

}  // namespace

// By the first byte: a public line or a private file; a blob; what is inside of OpenSSH's armour; a blob with
// the length of its type in front.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  cfpipe::fuzz::Input input(data, size);
  switch (input.byte() % 4) {
    case 0:
      check_line(input.rest());
      check_private(input.rest());
      break;
    case 1:
      check_blob(input.rest());
      break;
    case 2:
      check_private(armoured(input.rest()));
      break;
    default: {
      const auto type = input.until('\n');
      check_blob(SshWriter().string(type).raw(input.rest()).take());
    }
  }
  return 0;
}
