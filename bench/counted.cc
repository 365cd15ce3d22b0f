// What scripts/counts runs under callgrind: `counted SCENARIO UNITS`. Each scenario does the same work in
// every run, to the system call, and only what it hands to count() is collected.
#include "counted.h"

#include <openssl/evp.h>

#include <array>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <exception>
#include <memory>
#include <span>
#include <stdexcept>
#include <string_view>
#include <vector>

#include "transport/websocket/codec.h"

/// Named on callgrind's command line, hence in C and never inlined, cloned or looked into.
extern "C" [[gnu::noipa]] void cfpipe_counted(const std::function<void()>& work);

extern "C" void cfpipe_counted(const std::function<void()>& work) {
  work();
}

namespace cfpipe::bench {

void count(const std::function<void()>& work) {
  cfpipe_counted(work);
}

namespace {

using transport::WsMask;
using transport::WsOpcode;

/// Plain bytes of the largest TLS record (RFC 8446 5.1), of its header and of its tag.
constexpr std::size_t kRecord = 16 * 1024;
constexpr std::size_t kRecordHeader = 5;
constexpr std::size_t kTag = 16;
constexpr std::size_t kNonce = 12;
constexpr WsMask kMask = {std::byte{0x37}, std::byte{0xfa}, std::byte{0x21}, std::byte{0x3d}};
constexpr int kUsage = 64;

using Cipher = std::unique_ptr<EVP_CIPHER_CTX, void (*)(EVP_CIPHER_CTX*)>;

// The least that a record of TLS 1.3 with AES-128-GCM costs: its cipher, by the calls that OpenSSL's own
// record layer makes, and nothing around it.
class RecordCipher {
 public:
  explicit RecordCipher(bool seal) : context_(EVP_CIPHER_CTX_new(), EVP_CIPHER_CTX_free) {
    const std::array<unsigned char, 16> key{};
    EVP_CipherInit_ex(context_.get(), EVP_aes_128_gcm(), nullptr, key.data(), nullptr, seal ? 1 : 0);
  }
  /// The tag of an opened record is set but not compared with anything that would fit: the work is the same.
  void run(std::span<unsigned char> record, bool seal) {
    std::array<unsigned char, kNonce> nonce{};
    std::array<unsigned char, kTag> tag{};
    const std::array<unsigned char, kRecordHeader> header{};
    int done = 0;
    EVP_CipherInit_ex(context_.get(), nullptr, nullptr, nullptr, nonce.data(), -1);
    if (!seal) EVP_CIPHER_CTX_ctrl(context_.get(), EVP_CTRL_AEAD_SET_TAG, kTag, tag.data());
    EVP_CipherUpdate(context_.get(), nullptr, &done, header.data(), kRecordHeader);
    EVP_CipherUpdate(context_.get(), record.data(), &done, record.data(), static_cast<int>(record.size()));
    EVP_CipherFinal_ex(context_.get(), record.data() + done, &done);
    if (seal) EVP_CIPHER_CTX_ctrl(context_.get(), EVP_CTRL_AEAD_GET_TAG, kTag, tag.data());
  }

 private:
  Cipher context_;
};

void floor_of(bool seal, std::size_t mebibytes) {
  RecordCipher cipher(seal);
  std::vector<unsigned char> record(kRecord);
  cipher.run(record, seal);
  count([&] {
    for (std::size_t i = 0; i < mebibytes * kMiB / kRecord; ++i) cipher.run(record, seal);
  });
}

void put_headers(std::size_t frames) {
  std::array<std::byte, transport::kMaxFrameHeader> room{};
  constexpr std::array<std::size_t, 3> kSizes = {1, 1000, 65536};
  count([&] {
    for (std::size_t i = 0; i < frames; ++i) {
      const auto size = kSizes[i % kSizes.size()];
      transport::put_frame_header(room.data() + room.size(), size, WsOpcode::binary, &kMask);
    }
  });
}

void mask(std::size_t mebibytes) {
  std::vector<std::byte> payload(kMiB);
  count([&] {
    for (std::size_t i = 0; i < mebibytes; ++i) transport::apply_mask(payload, kMask);
  });
}

// Frames as small as a peer may choose to send its bulk in, and masked, as the edge gets them.
void decode(std::size_t frames) {
  constexpr std::size_t kPayload = 1024;
  constexpr std::size_t kAtOnce = 256;
  std::vector<std::byte> wire;
  std::vector<std::byte> frame(transport::kMaxFrameHeader + kPayload);
  std::byte* const payload = frame.data() + transport::kMaxFrameHeader;
  const auto header = transport::put_frame_header(payload, kPayload, WsOpcode::binary, &kMask);
  for (std::size_t i = 0; i < kAtOnce; ++i) wire.insert(wire.end(), payload - header, payload + kPayload);

  transport::WsDecoder decoder(transport::WsRole::server);
  std::vector<tunnel::Slice> slices;
  transport::WsDecoder::Events events;
  count([&] {
    for (std::size_t i = 0; i < frames / kAtOnce; ++i) {
      slices.clear();
      if (!decoder.feed(wire, slices, events)) throw std::runtime_error(decoder.why());
    }
  });
  if (slices.size() != kAtOnce) throw std::runtime_error("frames were lost");
}

struct Scenario {
  std::string_view name;
  void (*run)(std::size_t units);
};

constexpr std::array kScenarios = {
    Scenario{"client-up", [](std::size_t n) { pump_to_peer(Side::client, n); }},
    Scenario{"client-down", [](std::size_t n) { pump_from_peer(Side::client, n); }},
    Scenario{"edge-up", [](std::size_t n) { pump_from_peer(Side::edge, n); }},
    Scenario{"edge-down", [](std::size_t n) { pump_to_peer(Side::edge, n); }},
    Scenario{"client-keystroke", [](std::size_t n) { echo_keystrokes(Side::client, n); }},
    Scenario{"edge-keystroke", [](std::size_t n) { echo_keystrokes(Side::edge, n); }},
    Scenario{"floor-seal", [](std::size_t n) { floor_of(true, n); }},
    Scenario{"floor-open", [](std::size_t n) { floor_of(false, n); }},
    Scenario{"frame-header", put_headers},
    Scenario{"frame-mask", mask},
    Scenario{"frame-decode", decode},
};

int usage() {
  std::fprintf(stderr, "usage: counted SCENARIO UNITS, with SCENARIO one of:");
  for (const auto& scenario : kScenarios) {
    std::fprintf(stderr, " %.*s", static_cast<int>(scenario.name.size()), scenario.name.data());
  }
  std::fprintf(stderr, "\n");
  return kUsage;
}

}  // namespace
}  // namespace cfpipe::bench

int main(int argc, char** argv) {
  using namespace cfpipe::bench;
  if (argc != 3) return usage();
  std::size_t units = 0;
  const char* const end = argv[2] + std::strlen(argv[2]);
  const auto [stopped, bad] = std::from_chars(argv[2], end, units);
  if (bad != std::errc() || stopped != end) return usage();
  for (const auto& scenario : kScenarios) {
    if (scenario.name != argv[1]) continue;
    try {
      scenario.run(units);
      return 0;
    } catch (const std::exception& error) {
      std::fprintf(stderr, "counted: %s: %s\n", argv[1], error.what());
      return 1;
    }
  }
  return usage();
}
