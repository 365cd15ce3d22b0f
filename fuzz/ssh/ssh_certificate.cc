// Certificates that an edge sends: exact structure, bounds, and what we sign reads back as what was asked.
#include "auth/ssh/certificate.h"
#include "auth/ssh/verify.h"
#include "auth/ssh/wire.h"
#include "base/base64.h"
#include "fuzz.h"

namespace {

using cfpipe::fuzz::require;
using namespace cfpipe;
using namespace cfpipe::auth;

void check_line(std::string_view text) {
  const auto certificate = parse_certificate(text);
  if (!certificate) {
    require(certificate.error().stage == cfpipe::Stage::certificate, "a failure is the certificate's");
    return;
  }
  require(text.size() <= kMaxCertLineBytes, "a certificate has a bound");
  require(certificate->fields.principals.size() <= kMaxPrincipals, "principals have a bound");
  require(acceptable_user_key(certificate->user_key_blob), "the key in it is one that is certified");
  require(acceptable_user_key(certificate->ca_blob), "its signer's key is one too");
  require(plain_key_blob(certificate->blob) == certificate->user_key_blob,
          "both readers find the same key in it");
  require(std::is_sorted(certificate->fields.extensions.begin(), certificate->fields.extensions.end()),
          "extensions are in order");
  const auto again = parse_certificate(certificate->line);
  require(again && again->blob == certificate->blob && again->comment == certificate->comment,
          "a certificate prints as itself");
  const auto renamed = parse_certificate(line_with_comment(*certificate, "a comment"));
  require(renamed && renamed->blob == certificate->blob && renamed->comment == "a comment",
          "another comment fits");
}

// Fields in lines: key ID, a principal, the name and the value of an option, an extension.
CertFields fields_of(cfpipe::fuzz::Input& input) {
  CertFields fields;
  fields.serial = input.byte();
  fields.valid_after = input.byte();
  fields.valid_before = 256U * input.byte();
  fields.key_id = input.until('\n');
  fields.principals.emplace_back(input.until('\n'));
  const std::string name(input.until('\n'));
  if (!name.empty()) fields.critical_options.emplace_back(name, input.until('\n'));
  while (!input.rest().empty()) fields.extensions.emplace_back(input.until('\n'));
  return fields;
}

void check_ours(cfpipe::fuzz::Input input) {
  static const SshKey ca = SshKey::generate(KeyType::ed25519);
  static const SshKey user = SshKey::generate(KeyType::ecdsa_p256);
  auto fields = fields_of(input);
  const auto line = make_user_certificate(user.public_blob(), fields, ca);
  if (!line) return;
  const auto certificate = parse_certificate(*line);
  require(certificate.has_value(), "a certificate that is made is one");
  require(certificate->user_key_blob == user.public_blob() && certificate->ca_blob == ca.public_blob(),
          "it is over the key, by the CA");
  const auto& got = certificate->fields;
  std::sort(fields.extensions.begin(), fields.extensions.end());
  require(got.serial == fields.serial && got.key_id == fields.key_id && got.principals == fields.principals &&
              got.valid_after == fields.valid_after && got.valid_before == fields.valid_before &&
              got.critical_options == fields.critical_options && got.extensions == fields.extensions,
          "its fields are those that were asked for");
}

}  // namespace

// By the first byte: a line; a blob, whose line is made here by the type that it names; fields to certify.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  cfpipe::fuzz::Input input(data, size);
  switch (input.byte() % 3) {
    case 0:
      check_line(input.rest());
      break;
    case 1: {
      const std::string type(SshReader(input.rest()).string());
      check_line(type + " " + base64(input.rest()));
      break;
    }
    default:
      check_ours(input);
  }
  return 0;
}
