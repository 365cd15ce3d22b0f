#include "transport/http2/stream_sequence.h"

#include <gtest/gtest.h>

#include <string>

#include "h2_ends.h"
#include "support/h2_verdict.h"

namespace cfpipe::transport {
namespace {
using namespace testing;

/// Frames for streams that are over, from a client that has ended them, and from one that could not know.
class H2ClosedStreams : public ::testing::Test {
 protected:
  bool say(const std::string& bytes) {
    server_.session.receive(std::as_bytes(std::span(bytes)), server_.now);
    server_.session.send();
    return verdict_of(server_.wire).connection == kOk;
  }
  void SetUp() override { ASSERT_TRUE(say(kMagic + frame(kSettings, 0, 0, ""))); }
  void answer(std::int32_t stream) {
    server_.session.respond(stream, {{":status", "200"}}, true);
    server_.session.send();
  }
  int code() { return verdict_of(server_.wire).connection; }

  H2End server_{H2Role::server};
};

TEST_F(H2ClosedStreams, HeadersForAnAnsweredRequestEndTheConnection) {
  ASSERT_TRUE(say(head(1)));
  answer(1);
  EXPECT_TRUE(server_.seen[1].closed);
  EXPECT_FALSE(say(head(1)));
  EXPECT_EQ(code(), kClosed);
}

// RFC 9113 5.1 lets a server ignore it.
TEST_F(H2ClosedStreams, DataForAnAnsweredRequestIsIgnored) {
  ASSERT_TRUE(say(head(1)));
  answer(1);
  EXPECT_TRUE(say(frame(kData, kEndStream, 1, "test")));
  EXPECT_EQ(server_.seen[1].bytes, 0U);
}

TEST_F(H2ClosedStreams, NothingElseIsServedBehindSuchAFrame) {
  ASSERT_TRUE(say(head(1)));
  answer(1);
  EXPECT_FALSE(say(head(1) + head(3)));
  EXPECT_TRUE(server_.seen[3].head.empty());
}

TEST_F(H2ClosedStreams, WhatWasInFlightBehindAResetIsIgnored) {
  ASSERT_TRUE(say(head(1, kPost, kEndHeaders)));
  server_.session.reset(1, kH2Cancel);
  server_.session.send();
  EXPECT_TRUE(server_.seen[1].closed);
  EXPECT_TRUE(say(frame(kData, 0, 1, "in flight") + head(1, field("x", "y")))) << "trailers, too";
  EXPECT_TRUE(say(head(3)));
  EXPECT_FALSE(server_.seen[3].head.empty());
}

TEST_F(H2ClosedStreams, ManyRequestsAreRememberedInBoundedSpace) {
  std::uint32_t stream = 1;
  for (std::size_t i = 0; i < 2 * kH2RememberedStreams; ++i, stream += 2) {
    ASSERT_TRUE(say(head(stream))) << stream;
    answer(static_cast<std::int32_t>(stream));
  }
  EXPECT_FALSE(say(head(1)));
  EXPECT_EQ(code(), kProtocol) << "forgotten, but still below the latest";
}

}  // namespace
}  // namespace cfpipe::transport
