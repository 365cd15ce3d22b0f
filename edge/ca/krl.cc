#include "edge/ca/krl.h"

#include "auth/ssh/wire.h"

namespace cfpipe::edge {
namespace {

/// PROTOCOL.krl 1 to 3.
constexpr std::string_view kMagic("SSHKRL\n\0", 8);
constexpr std::uint32_t kFormatVersion = 1;
constexpr std::uint8_t kSectionCertificates = 1;
constexpr std::uint8_t kSerialList = 0x20;

std::string certificates_section(std::string_view ca_blob, std::string_view serials) {
  auth::SshWriter section;
  section.string(ca_blob).string({});
  section.byte(kSerialList).string(serials);
  return section.take();
}

}  // namespace

std::string make_krl(const KeyRevocations& revocations) {
  auth::SshWriter serials;
  for (const std::uint64_t serial : revocations.serials) serials.u64(serial);
  auth::SshWriter krl;
  krl.raw(kMagic).u32(kFormatVersion).u64(revocations.version);
  krl.u64(static_cast<std::uint64_t>(revocations.generated)).u64(0).string({}).string(revocations.comment);
  // An empty section says nothing, and readers may take it for a mistake.
  if (revocations.serials.empty()) return krl.take();
  for (const std::string& ca : revocations.ca_blobs)
    krl.byte(kSectionCertificates).string(certificates_section(ca, serials.bytes()));
  return krl.take();
}

}  // namespace cfpipe::edge
