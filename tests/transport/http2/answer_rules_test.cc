// Frames of a server at the edges of RFC 9113 and RFC 7541: what a client that has sent a request makes of
// each.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "h2_ends.h"
#include "support/h2_verdict.h"

namespace cfpipe::transport {
namespace {
using namespace std::string_literals;
using namespace testing;

const std::string kStatus200 = "\x88";  // by the static table (RFC 7541 A)
const std::string kAnswer = head(1, kStatus200, kEndHeaders);
const std::string kWhole = head(1, kStatus200);

std::string status(const std::string& code) {
  return "\x08" + number(code.size(), 1) + code;
}

class H2AnswerRules : public ::testing::Test {
 protected:
  /// A client whose request is stream 1. SETTINGS go before the frames, a PING follows them.
  static Verdict judge(const std::string& frames) {
    H2End client(H2Role::client);
    const auto take = [&](const std::string& bytes) {
      client.session.receive(std::as_bytes(std::span(bytes)), client.now);
      client.session.send();
    };
    take(setting(8, 1));
    const H2Head request = {{":method", "GET"}, {":scheme", "https"}, {":authority", "vm"}, {":path", "/"}};
    EXPECT_EQ(client.session.request(request, true), 1);
    client.session.send();
    take(frame(kSettings, kAck, 0, "") + frames);
    take(frame(kPing, 0, 0, kPingPayload));
    return verdict_of(client.wire);
  }
};

TEST_F(H2AnswerRules, FramesThatAreAllowedDisturbNothing) {
  const std::vector<H2Row> rows = {
      {"an answer without content", kWhole, Scope::none},
      {"an answer", kAnswer + frame(kData, kEndStream, 1, "abc"), Scope::none},
      {"in several frames", kAnswer + frame(kData, 0, 1, "a") + frame(kData, kEndStream, 1, "b"),
       Scope::none},
      {"trailers", kAnswer + frame(kData, 0, 1, "abc") + head(1, field("x", "y")), Scope::none},
      {"an interim answer in front", head(1, status("103"), kEndHeaders) + kWhole, Scope::none},
      {"padded",
       frame(kHeaders, kEndHeaders | kPadded, 1, "\x02" + kStatus200 + "\0\0"s) +
           frame(kData, kEndStream | kPadded, 1,
                 "\x01"
                 "abc\0"s),
       Scope::none},
      {"CONTINUATION", frame(kHeaders, kEndStream, 1, "") + frame(kContinuation, kEndHeaders, 1, kStatus200),
       Scope::none},
      {"an announced length",
       head(1, kStatus200 + field("content-length", "3"), kEndHeaders) + frame(kData, 0, 1, "ab") +
           frame(kData, kEndStream, 1, "c"),
       Scope::none},
      {"a length without content, to 304", head(1, status("304") + field("content-length", "3")),
       Scope::none},
      {"an unknown type", frame(0x16, 0xff, 0, "x") + frame(0x16, 0, 1, "x") + kWhole, Scope::none},
      {"unknown flags", frame(kPing, 0x16, 0, "abcdefgh"), Scope::none},
      {"an unknown setting", setting(0xff, 1), Scope::none},
      {"the same setting again", setting(8, 1), Scope::none},
      {"ENABLE_PUSH 0", setting(2, 0), Scope::none},
      {"WINDOW_UPDATE", window(0, 1) + window(1, 1) + kWhole, Scope::none},
      {"WINDOW_UPDATE behind the end", kWhole + window(1, 1), Scope::none},
      {"PRIORITY", priority(1, 0) + priority(2, 0) + kWhole, Scope::none},
      {"RST_STREAM", reset(1), Scope::none},
      {"RST_STREAM behind the end", kWhole + reset(1, 0), Scope::none},
      {"RST_STREAM with an unknown code", reset(1, 0xff), Scope::none},
      {"a dynamic table size update", head(1, "\x20" + kStatus200), Scope::none},
  };
  for (const auto& row : rows) expect_verdict(row, judge(row.frames));
}

TEST_F(H2AnswerRules, FramesThatAreNotAreAnsweredWithTheirError) {
  const std::string three = kStatus200 + field("content-length", "3");
  const std::vector<H2Row> rows = {
      // Streams that this client has not opened.
      {"HEADERS of an idle stream", head(3, kStatus200), Scope::connection, kProtocol},
      {"HEADERS of an even number", head(2, kStatus200), Scope::connection, kProtocol},
      {"HEADERS of stream 0", head(0, kStatus200), Scope::connection, kProtocol},
      {"DATA of an idle stream", frame(kData, 0, 3, "x"), Scope::connection, kProtocol},
      {"DATA of an even number", frame(kData, 0, 2, "x"), Scope::connection, kProtocol},
      {"DATA of stream 0", frame(kData, 0, 0, "x"), Scope::connection, kProtocol},
      {"RST_STREAM of an idle stream", reset(3), Scope::connection, kProtocol},
      {"RST_STREAM of stream 0", reset(0), Scope::connection, kProtocol},
      {"WINDOW_UPDATE of an idle stream", window(3, 1), Scope::connection, kProtocol},
      {"CONTINUATION alone", frame(kContinuation, kEndHeaders, 1, kStatus200), Scope::connection, kProtocol},
      {"PUSH_PROMISE", frame(kPush, kEndHeaders, 1, number(2, 4) + kGet), Scope::connection, kProtocol},
      // What does not belong into an answer.
      {"DATA in front of the head", frame(kData, kEndStream, 1, "x"), Scope::stream, kProtocol},
      {"DATA behind an interim answer", head(1, status("103"), kEndHeaders) + frame(kData, 0, 1, "x"),
       Scope::stream, kProtocol},
      {"an interim answer that ends", head(1, status("103")), Scope::stream, kProtocol},
      {"101", head(1, status("101"), kEndHeaders), Scope::stream, kProtocol},
      {"no status", head(1, field("x", "y")), Scope::stream, kProtocol},
      {"two statuses", head(1, kStatus200 + kStatus200), Scope::stream, kProtocol},
      {"a status of two digits", head(1, status("20")), Scope::stream, kProtocol},
      {"a status of letters", head(1, status("2xx")), Scope::stream, kProtocol},
      {"a request's pseudo-field", head(1, kStatus200 + "\x82"), Scope::stream, kProtocol},
      {"an unknown pseudo-field", head(1, kStatus200 + field(":test", "y")), Scope::stream, kProtocol},
      {"a status behind a field", head(1, field("x", "y") + kStatus200), Scope::stream, kProtocol},
      {"a status in trailers", kAnswer + head(1, kStatus200), Scope::stream, kProtocol},
      {"trailers that do not end", kAnswer + head(1, field("x", "y"), kEndHeaders), Scope::stream, kProtocol},
      {"a name in upper case", head(1, kStatus200 + field("X", "y")), Scope::stream, kProtocol},
      {"a value with CR and LF", head(1, kStatus200 + field("x", "y\r\nz: 1")), Scope::stream, kProtocol},
      {"connection", head(1, kStatus200 + field("connection", "close")), Scope::stream, kProtocol},
      {"transfer-encoding", head(1, kStatus200 + field("transfer-encoding", "chunked")), Scope::stream,
       kProtocol},
      {"less content than announced", head(1, three, kEndHeaders) + frame(kData, kEndStream, 1, "ab"),
       Scope::stream, kProtocol},
      {"more content than announced", head(1, three, kEndHeaders) + frame(kData, 0, 1, "abcd"), Scope::stream,
       kProtocol},
      {"an announced length and none", head(1, three), Scope::stream, kProtocol},
      // Settings that a server may not have (RFC 9113 6.5.2, RFC 8441 3).
      {"ENABLE_PUSH 1", setting(2, 1), Scope::connection, kProtocol},
      {"ENABLE_CONNECT_PROTOCOL taken back", setting(8, 0), Scope::connection, kProtocol},
      {"SETTINGS of a stream", frame(kSettings, 0, 1, ""), Scope::connection, kProtocol},
      {"SETTINGS of 5 bytes", frame(kSettings, 0, 0, number(0, 5)), Scope::connection, kFrameSize},
      {"INITIAL_WINDOW_SIZE 2^31", setting(4, 0x80000000U), Scope::connection, kFlowControl},
      {"MAX_FRAME_SIZE 2^24", setting(5, 16'777'216), Scope::connection, kProtocol},
      // Frames of a wrong size.
      {"too large DATA", kAnswer + frame(kData, kEndStream, 1, std::string(66'000, 'x')), Scope::stream,
       kFrameSize},
      {"PRIORITY of 4 bytes", frame(kPriority, 0, 1, number(0, 4)), Scope::stream, kFrameSize},
      {"RST_STREAM of 3 bytes", frame(kReset, 0, 1, number(0, 3)), Scope::connection, kFrameSize},
      {"PING of 7 bytes", frame(kPing, 0, 0, "abcdefg"), Scope::connection, kFrameSize},
      {"GOAWAY of 7 bytes", frame(kGoAway, 0, 0, number(0, 7)), Scope::connection, kFrameSize},
      {"WINDOW_UPDATE of 3 bytes", frame(kWindow, 0, 0, number(1, 3)), Scope::connection, kFrameSize},
      {"WINDOW_UPDATE of nothing", window(1, 0), Scope::stream, kProtocol},
      {"DATA with too much padding",
       kAnswer + frame(kData, kPadded, 1,
                       "\x04"
                       "abc"),
       Scope::connection, kProtocol},
      // Header blocks.
      {"PING in a header block", head(1, kStatus200, 0) + frame(kPing, 0, 0, "abcdefgh"), Scope::connection,
       kProtocol},
      {"HEADERS of another stream in a header block", head(1, kStatus200, 0) + head(3, kStatus200),
       Scope::connection, kProtocol},
      {"index 0", head(1, "\x80"), Scope::connection, kCompression},
      {"an index beyond the table", head(1, kStatus200 + "\xc6"), Scope::connection, kCompression},
      {"a table size beyond the setting", head(1, "\x3f\xe2\x1f" + kStatus200), Scope::connection,
       kCompression},
  };
  for (const auto& row : rows) expect_verdict(row, judge(row.frames));
}

// The server has ended the stream: what it sends on it afterwards is an error, or is ignored, but is never
// taken for a part of the answer (RFC 9113 5.1).
TEST_F(H2AnswerRules, NothingBehindTheEndBelongsToTheAnswer) {
  for (const auto& late : {frame(kData, 0, 1, "late"), head(1, kStatus200), head(1, field("x", "late"))}) {
    H2End client(H2Role::client);
    const auto take = [&](const std::string& bytes) {
      client.session.receive(std::as_bytes(std::span(bytes)), client.now);
      client.session.send();
    };
    take(setting(8, 1));
    const H2Head request = {{":method", "CONNECT"},
                            {":protocol", "websocket"},
                            {":scheme", "https"},
                            {":authority", "vm"},
                            {":path", "/"}};
    ASSERT_EQ(client.session.request(request, false), 1) << "our half stays open";
    client.session.send();
    take(kAnswer + frame(kData, kEndStream, 1, "abc") + late);
    EXPECT_EQ(client.seen[1].data, "abc");
    EXPECT_EQ(client.seen[1].head.size(), 1U);
    const auto verdict = verdict_of(client.wire);
    EXPECT_TRUE(verdict.connection == kClosed ||
                (verdict.streams.contains(1) && verdict.streams.at(1) == kClosed));
  }
}

}  // namespace
}  // namespace cfpipe::transport
