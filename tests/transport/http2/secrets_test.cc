// Secrets are never indexed (RFC 7541 7.1.3): neither end's table, nor a proxy's between them, keeps one.
#include <nghttp2/nghttp2.h>

#include <cstdint>
#include <string>
#include <vector>

#include "h2_ends.h"
#include "support/h2_frames.h"

namespace cfpipe::transport {
namespace {

using testing::kHeaders;

struct Field {
  std::string name;
  std::string value;
  bool never_indexed = false;
};

/// Reads the heads that one end writes, with a table of its own.
class HeadReader {
 public:
  HeadReader() { nghttp2_hd_inflate_new(&inflater_); }
  ~HeadReader() { nghttp2_hd_inflate_del(inflater_); }
  HeadReader(const HeadReader&) = delete;
  HeadReader& operator=(const HeadReader&) = delete;

  /// The fields of all HEADERS frames in `wire`; `bytes` is what they took.
  std::vector<Field> read(const std::string& wire, std::size_t& bytes) {
    std::vector<Field> out;
    bytes = 0;
    for (std::size_t at = 0; at + kH2FrameHeader <= wire.size();) {
      std::size_t size = 0;
      for (std::size_t i = 0; i < 3; ++i) size = size << 8 | static_cast<std::uint8_t>(wire[at + i]);
      const bool head = static_cast<std::uint8_t>(wire[at + 3]) == kHeaders;
      at += kH2FrameHeader;
      if (head) {
        inflate(wire.substr(at, size), out);
        bytes += size;
      }
      at += size;
    }
    return out;
  }

 private:
  void inflate(const std::string& block, std::vector<Field>& out) {
    const auto* at = reinterpret_cast<const std::uint8_t*>(block.data());
    std::size_t left = block.size();
    for (int flags = 0; (flags & NGHTTP2_HD_INFLATE_FINAL) == 0;) {
      nghttp2_nv field{};
      const auto used = nghttp2_hd_inflate_hd2(inflater_, &field, &flags, at, left, 1);
      ASSERT_GE(used, 0) << nghttp2_strerror(static_cast<int>(used));
      at += used;
      left -= static_cast<std::size_t>(used);
      if ((flags & NGHTTP2_HD_INFLATE_EMIT) == 0) continue;
      out.push_back({{reinterpret_cast<const char*>(field.name), field.namelen},
                     {reinterpret_cast<const char*>(field.value), field.valuelen},
                     (field.flags & NGHTTP2_NV_FLAG_NO_INDEX) != 0});
    }
    nghttp2_hd_inflate_end_headers(inflater_);
  }

  nghttp2_hd_inflater* inflater_ = nullptr;
};

/// Long enough for nghttp2 not to leave it out of the table by itself.
const std::string kValue = "CF_Authorization=0123456789abcdefghijklmnopqrstuvwxyz";
/// Huffman codes have at least 5 bits: what is written in full takes so many bytes.
const std::size_t kWrittenBytes = kValue.size() * 5 / 8;

class H2SecretsTest : public testing::H2EndsTest, public ::testing::WithParamInterface<const char*> {
 protected:
  /// One request with the field under test, the answer to it with the same, and what a table says of both.
  struct Written {
    Field field;
    std::size_t bytes = 0;
  };
  Written request(const std::string& name) {
    const H2Head head = {{":method", "GET"},
                         {":scheme", "https"},
                         {":authority", "vm.localhost"},
                         {":path", "/constant"},
                         {name, kValue}};
    id_ = client.session.request(head, true);
    client.session.send();
    return written(client, requests_, name);
  }
  Written respond(const std::string& name) {
    EXPECT_TRUE(server.session.respond(id_, {{":status", "200"}, {name, kValue}}, true));
    server.session.send();
    return written(server, answers_, name);
  }

 private:
  Written written(testing::H2End& from, HeadReader& reader, const std::string& name) {
    Written out;
    for (auto& field : reader.read(from.wire, out.bytes)) {
      if (field.name == name) out.field = field;
    }
    EXPECT_EQ(out.field.value, kValue) << name;
    settle();
    return out;
  }

  std::int32_t id_ = 0;
  HeadReader requests_;
  HeadReader answers_;
};

TEST_P(H2SecretsTest, IsWrittenInFullAndMarkedEachTime) {
  for (int i = 0; i < 2; ++i) {
    for (const auto& written : {request(GetParam()), respond(GetParam())}) {
      EXPECT_TRUE(written.field.never_indexed) << "time " << i;
      EXPECT_GT(written.bytes, kWrittenBytes) << "time " << i;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Secrets, H2SecretsTest,
                         ::testing::Values("cf-access-token", "cf-access-client-secret", "cookie",
                                           "set-cookie", "authorization"));

// The same way of looking sees a field that is indexed.
TEST_F(H2SecretsTest, OtherFieldsAreNamedByTheirPlaceTheSecondTime) {
  EXPECT_GT(request("x-ordinary").bytes, kWrittenBytes);
  respond("x-ordinary");
  const auto again = request("x-ordinary");
  EXPECT_FALSE(again.field.never_indexed);
  EXPECT_LT(again.bytes, kWrittenBytes);
}

}  // namespace
}  // namespace cfpipe::transport
