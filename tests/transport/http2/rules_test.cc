// Frames of a client at the edges of RFC 9113 and RFC 7541: what a server answers each with.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "h2_ends.h"
#include "support/h2_verdict.h"

namespace cfpipe::transport {
namespace {
using namespace std::string_literals;
using namespace testing;

using RuleRow = H2Row;

class H2Rules : public ::testing::Test {
 protected:
  /// What a fresh server says to those frames, which the handshake precedes and a PING follows.
  static Verdict judge(const std::string& frames) {
    H2End server(H2Role::server);
    const auto take = [&](const std::string& bytes) {
      server.session.receive(std::as_bytes(std::span(bytes)), server.now);
      server.session.send();
    };
    take(kMagic + frame(kSettings, 0, 0, ""));
    take(frames);
    take(frame(kPing, 0, 0, kPingPayload));
    return verdict_of(server.wire);
  }
};

TEST_F(H2Rules, FramesThatAreAllowedDisturbNothing) {
  const std::vector<RuleRow> rows = {
      {"GET", head(1), Scope::none},
      {"POST", head(1, kPost, kEndHeaders) + frame(kData, kEndStream, 1, "abc"), Scope::none},
      {"POST in several frames",
       head(1, kPost, kEndHeaders) + frame(kData, 0, 1, "a") + frame(kData, kEndStream, 1, "b"), Scope::none},
      {"trailers", head(1, kPost, kEndHeaders) + frame(kData, 0, 1, "abc") + head(1, field("x", "y")),
       Scope::none},
      {"padded HEADERS", frame(kHeaders, kEndStream | kEndHeaders | kPadded, 1, "\x02" + kGet + "\0\0"s),
       Scope::none},
      {"padded DATA",
       head(1, kPost, kEndHeaders) + frame(kData, kEndStream | kPadded, 1,
                                           "\x02"
                                           "abc"
                                           "\0\0"s),
       Scope::none},
      {"HEADERS with a priority",
       frame(kHeaders, kEndStream | kEndHeaders | kHasPriority, 1, "\0\0\0\0\xff"s + kGet), Scope::none},
      {"CONTINUATION",
       head(1, kGet.substr(0, 2), kEndStream) + frame(kContinuation, kEndHeaders, 1, kGet.substr(2)),
       Scope::none},
      {"several CONTINUATIONs",
       head(1, kGet.substr(0, 1), kEndStream) + frame(kContinuation, 0, 1, kGet.substr(1, 1)) +
           frame(kContinuation, kEndHeaders, 1, kGet.substr(2)),
       Scope::none},
      {"DATA of 2^14 bytes",
       head(1, kPost, kEndHeaders) + frame(kData, kEndStream, 1, std::string(16'384, 'x')), Scope::none},
      {"an unknown type", frame(0x16, 0, 0, "x") + frame(0x16, 0xff, 3, "x"), Scope::none},
      {"unknown flags", frame(kPing, 0x16, 0, "abcdefgh"), Scope::none},
      {"the reserved bit", frame(kPing, 0, 0x80000000U, "abcdefgh"), Scope::none},
      {"an unknown setting", setting(0xff, 1), Scope::none},
      {"SETTINGS", frame(kSettings, 0, 0, ""), Scope::none},
      {"an answered PING", frame(kPing, kAck, 0, "abcdefgh"), Scope::none},
      {"GOAWAY", frame(kGoAway, 0, 0, std::string(8, '\0')) + head(1), Scope::none},
      {"GOAWAY with an unknown code and a text",
       frame(kGoAway, 0, 0, number(0, 4) + number(0xff, 4) + "bye") + head(1), Scope::none},
      {"RST_STREAM", head(1, kPost, kEndHeaders) + reset(1), Scope::none},
      {"RST_STREAM with an unknown code", head(1, kPost, kEndHeaders) + reset(1, 0xff), Scope::none},
      {"DATA behind RST_STREAM", head(1, kPost, kEndHeaders) + reset(1) + frame(kData, kEndStream, 1, "x"),
       Scope::none},
      {"RST_STREAM of a half-closed stream", head(1) + reset(1), Scope::none},
      {"WINDOW_UPDATE", head(1, kPost, kEndHeaders) + window(0, 1) + window(1, 1), Scope::none},
      {"WINDOW_UPDATE of a half-closed stream", head(1) + window(1, 1), Scope::none},
      {"PRIORITY of an idle stream", priority(1, 0, '\xff'), Scope::none},
      {"PRIORITY of weight 1, 16 and 256",
       priority(1, 0, '\0') + priority(1, 0, '\x0f') + priority(1, 0, '\xff'), Scope::none},
      {"PRIORITY with a parent", priority(3, 1, '\xff'), Scope::none},
      {"PRIORITY with an exclusive parent", priority(3, 0x80000001U, '\xff') + head(1), Scope::none},
      {"PRIORITY that depends on itself", priority(1, 1), Scope::none},
      {"PRIORITY of an idle stream, then a lower one", priority(3, 0) + head(1), Scope::none},
      {"PRIORITY of a half-closed stream", head(1) + priority(1, 0), Scope::none},
      {"PRIORITY of a closed stream", head(1) + reset(1) + priority(1, 0), Scope::none},
      {"literals of every kind",
       head(1, kGet +
                   "\x40\x01"
                   "a\x01"
                   "b" +
                   "\0\x01"
                   "c\x01"
                   "d"s +
                   "\x10\x01"
                   "e\x01"
                   "f"),
       Scope::none},
      {"a Huffman-encoded value",
       head(1, "\x82\x87\x84\x41\x8c\xf1\xe3\xc2\xe5\xf2\x3a\x6b\xa0\xab\x90\xf4\xff"), Scope::none},
      {"dynamic table size updates", head(1, "\x20\x3f\xe1\x1f" + kGet), Scope::none},
      {"a lower window, then a larger", setting(4, 0) + setting(4, 70'000), Scope::none},
  };
  for (const auto& row : rows) expect_verdict(row, judge(row.frames));
}

TEST_F(H2Rules, FramesThatAreNotAreAnsweredWithTheirError) {
  const std::string begun = head(1, kGet, kEndStream);   // without END_HEADERS
  const std::string open = head(1, kPost, kEndHeaders);  // without END_STREAM
  const std::string limited = kPost + kTenBytes;
  const std::vector<RuleRow> rows = {
      // 4.1 to 4.3
      {"too large DATA", open + frame(kData, kEndStream, 1, std::string(66'000, 'x')), Scope::stream,
       kFrameSize},
      {"too large HEADERS", head(1, std::string(66'000, '\x82')), Scope::connection, kFrameSize},
      {"an invalid header block", head(1, "\xff\xff\xff\xff\xff\xff"), Scope::connection, kCompression},
      {"PRIORITY in a header block", begun + priority(1, 0), Scope::connection, kProtocol},
      {"HEADERS of another stream in a header block", begun + head(3), Scope::connection, kProtocol},
      {"an extension frame in a header block", begun + frame(0x16, 0, 0, "x"), Scope::connection, kProtocol},
      // 5.1: states
      {"DATA of an idle stream", frame(kData, kEndStream, 1, "x"), Scope::connection, kProtocol},
      {"RST_STREAM of an idle stream", reset(1), Scope::connection, kProtocol},
      {"WINDOW_UPDATE of an idle stream", window(1, 1), Scope::connection, kProtocol},
      {"CONTINUATION of an idle stream", frame(kContinuation, kEndHeaders, 1, kGet), Scope::connection,
       kProtocol},
      {"DATA behind END_STREAM", head(1) + frame(kData, kEndStream, 1, "x"), Scope::stream, kClosed},
      {"HEADERS behind END_STREAM", head(1) + head(1), Scope::stream, kClosed},
      {"CONTINUATION behind END_STREAM", head(1) + frame(kContinuation, kEndHeaders, 1, kGet),
       Scope::connection, kProtocol},
      {"HEADERS behind RST_STREAM", open + reset(1) + head(1), Scope::stream, kClosed},
      {"CONTINUATION behind RST_STREAM", open + reset(1) + frame(kContinuation, kEndHeaders, 1, kGet),
       Scope::connection, kProtocol},
      // 5.1.1 and 5.1.2: identifiers
      {"an even number", head(2), Scope::connection, kProtocol},
      {"a lower number", head(5) + head(3), Scope::connection, kProtocol},
      // 5.3.1
      {"HEADERS that depend on themselves",
       frame(kHeaders, kEndStream | kEndHeaders | kHasPriority, 1, number(1, 4) + "\0"s + kGet),
       Scope::stream, kProtocol},
      // 6.1 to 6.4
      {"DATA of stream 0", frame(kData, kEndStream, 0, "x"), Scope::connection, kProtocol},
      {"DATA with too much padding",
       open + frame(kData, kEndStream | kPadded, 1,
                    "\x06"
                    "abcde"),
       Scope::connection, kProtocol},
      {"HEADERS of stream 0", head(0), Scope::connection, kProtocol},
      {"HEADERS with too much padding", frame(kHeaders, kEndStream | kEndHeaders | kPadded, 1, "\x40" + kGet),
       Scope::connection, kProtocol},
      {"PRIORITY of stream 0", priority(0, 0), Scope::connection, kProtocol},
      {"PRIORITY of 4 bytes", head(1) + frame(kPriority, 0, 1, number(0, 4)), Scope::stream, kFrameSize},
      {"PRIORITY of 6 bytes", head(1) + frame(kPriority, 0, 1, number(0, 6)), Scope::stream, kFrameSize},
      {"RST_STREAM of stream 0", reset(0), Scope::connection, kProtocol},
      {"RST_STREAM of 3 bytes", open + frame(kReset, 0, 1, "\0\0\0"s), Scope::connection, kFrameSize},
      // 6.5
      {"an answer to SETTINGS with a payload", frame(kSettings, kAck, 0, "\0\0\0\0\0\0"s), Scope::connection,
       kFrameSize},
      {"SETTINGS of a stream", frame(kSettings, 0, 1, ""), Scope::connection, kProtocol},
      {"SETTINGS of 3 bytes", frame(kSettings, 0, 0, "\0\3\0"s), Scope::connection, kFrameSize},
      {"ENABLE_PUSH 2", setting(2, 2), Scope::connection, kProtocol},
      {"INITIAL_WINDOW_SIZE 2^31", setting(4, 0x80000000U), Scope::connection, kFlowControl},
      {"MAX_FRAME_SIZE 2^14 - 1", setting(5, 16'383), Scope::connection, kProtocol},
      {"MAX_FRAME_SIZE 2^24", setting(5, 16'777'216), Scope::connection, kProtocol},
      {"ENABLE_CONNECT_PROTOCOL 2", setting(8, 2), Scope::connection, kProtocol},
      // 6.6 to 6.9
      {"PUSH_PROMISE", open + frame(kPush, kEndHeaders, 1, number(2, 4) + kGet), Scope::connection,
       kProtocol},
      {"PING of a stream", frame(kPing, 0, 1, "abcdefgh"), Scope::connection, kProtocol},
      {"PING of 6 bytes", frame(kPing, 0, 0, "abcdef"), Scope::connection, kFrameSize},
      {"PING of 9 bytes", frame(kPing, 0, 0, "abcdefghi"), Scope::connection, kFrameSize},
      {"GOAWAY of 7 bytes", frame(kGoAway, 0, 0, std::string(7, '\0')), Scope::connection, kFrameSize},
      {"GOAWAY of a stream", frame(kGoAway, 0, 1, std::string(8, '\0')), Scope::connection, kProtocol},
      {"WINDOW_UPDATE of nothing", window(0, 0), Scope::connection, kProtocol},
      {"WINDOW_UPDATE of nothing for a stream", open + window(1, 0), Scope::stream, kProtocol},
      {"WINDOW_UPDATE of 3 bytes", frame(kWindow, 0, 0, "\0\0\1"s), Scope::connection, kFrameSize},
      {"WINDOW_UPDATE of 5 bytes", frame(kWindow, 0, 0, number(1, 5)), Scope::connection, kFrameSize},
      {"a window beyond 2^31 - 1", window(0, 0x7fffffff) + window(0, 0x7fffffff), Scope::connection,
       kFlowControl},
      {"a stream's window beyond 2^31 - 1", open + window(1, 0x7fffffff) + window(1, 0x7fffffff),
       Scope::stream, kFlowControl},
      // 6.10
      {"CONTINUATION, then DATA", begun + frame(kContinuation, 0, 1, "") + frame(kData, 0, 1, "x"),
       Scope::connection, kProtocol},
      {"CONTINUATION of stream 0", begun + frame(kContinuation, kEndHeaders, 0, ""), Scope::connection,
       kProtocol},
      {"CONTINUATION behind END_HEADERS", open + frame(kContinuation, kEndHeaders, 1, ""), Scope::connection,
       kProtocol},
      {"CONTINUATION behind CONTINUATION's END_HEADERS",
       begun + frame(kContinuation, kEndHeaders, 1, "") + frame(kContinuation, kEndHeaders, 1, ""),
       Scope::connection, kProtocol},
      {"CONTINUATION behind DATA", open + frame(kData, 0, 1, "x") + frame(kContinuation, kEndHeaders, 1, ""),
       Scope::connection, kProtocol},
      // 8.1 to 8.3: malformed requests
      {"trailers without END_STREAM", open + head(1, field("x", "y"), kEndHeaders), Scope::stream, kProtocol},
      {"pseudo-fields in trailers", open + head(1, "\x82"), Scope::stream, kProtocol},
      {"a name in upper case", head(1, kGet + field("X-Test", "y")), Scope::stream, kProtocol},
      {"a name with a space", head(1, kGet + field("x test", "y")), Scope::stream, kProtocol},
      {"an empty name", head(1, kGet + field("", "y")), Scope::stream, kProtocol},
      {"a value with CR and LF", head(1, kGet + field("x", "y\r\nz: 1")), Scope::stream, kProtocol},
      {"a value with NUL", head(1, kGet + field("x", "y\0"s)), Scope::stream, kProtocol},
      {"an unknown pseudo-field", head(1, kGet + field(":test", "y")), Scope::stream, kProtocol},
      {"a response's pseudo-field", head(1, kGet + "\x88"), Scope::stream, kProtocol},
      {"a pseudo-field behind a field", head(1, "\x82\x87\x41\x02vm" + field("x", "y") + "\x84"),
       Scope::stream, kProtocol},
      {"connection", head(1, kGet + field("connection", "keep-alive")), Scope::stream, kProtocol},
      {"transfer-encoding", head(1, kGet + field("transfer-encoding", "chunked")), Scope::stream, kProtocol},
      {"upgrade", head(1, kGet + field("upgrade", "websocket")), Scope::stream, kProtocol},
      {"te other than trailers", head(1, kGet + field("te", "trailers, deflate")), Scope::stream, kProtocol},
      {"an empty :path",
       head(1,
            "\x82\x87\x41\x02vm"
            "\x04\0"s),
       Scope::stream, kProtocol},
      {"no :method", head(1, "\x87\x84\x41\x02vm"), Scope::stream, kProtocol},
      {"no :scheme", head(1, "\x82\x84\x41\x02vm"), Scope::stream, kProtocol},
      {"no :path", head(1, "\x82\x87\x41\x02vm"), Scope::stream, kProtocol},
      {"two :method", head(1, kGet + "\x83"), Scope::stream, kProtocol},
      {"two :scheme", head(1, kGet + "\x86"), Scope::stream, kProtocol},
      {"two :path", head(1, kGet + "\x85"), Scope::stream, kProtocol},
      {"two :authority",
       head(1, kGet + "\x41\x01"
                      "b"),
       Scope::stream, kProtocol},
      {"less content than announced", head(1, limited, kEndHeaders) + frame(kData, kEndStream, 1, "abc"),
       Scope::stream, kProtocol},
      {"more content than announced",
       head(1, limited, kEndHeaders) + frame(kData, 0, 1, "abcdefgh") +
           frame(kData, kEndStream, 1, "abcdefgh"),
       Scope::stream, kProtocol},
      {"a content-length that is none", head(1, kGet + field("content-length", "x")), Scope::stream,
       kProtocol},
      {"two content-lengths", head(1, kGet + field("content-length", "0") + field("content-length", "1")),
       Scope::stream, kProtocol},
      {":protocol beside GET", head(1, kGet + field(":protocol", "websocket")), Scope::stream, kProtocol},
      // RFC 7541
      {"index 0", head(1, kGet + "\x80"), Scope::connection, kCompression},
      {"an index beyond the table", head(1, kGet + "\xc6"), Scope::connection, kCompression},
      {"a literal's index beyond the table",
       head(1, kGet + "\x7f\x07\x01"
                      "x"),
       Scope::connection, kCompression},
      {"a table size update behind a field", head(1, kGet + "\x20"), Scope::connection, kCompression},
      {"a table size beyond the setting", head(1, "\x3f\xe2\x1f" + kGet), Scope::connection, kCompression},
      {"Huffman padding of 8 bits",
       head(1, kGet + "\0\x01"
                      "x\x84\x49\x50\x9f\xff"s),
       Scope::connection, kCompression},
      {"Huffman padding of zeros",
       head(1, kGet + "\0\x01"
                      "x\x83\x49\x50\x90"s),
       Scope::connection, kCompression},
      {"the Huffman code of EOS",
       head(1, kGet + "\0\x01"
                      "x\x87\x49\x51\xff\xff\xff\xfa\x7f"s),
       Scope::connection, kCompression},
      {"an integer beyond 32 bits", head(1, kGet + "\xff\xff\xff\xff\xff\xff\xff\x7f"), Scope::connection,
       kCompression},
  };
  for (const auto& row : rows) expect_verdict(row, judge(row.frames));
}

// RFC 7541 6.1 and 6.2, with the strings of C.4.
TEST_F(H2Rules, AFieldIsTheSameInEachRepresentation) {
  const std::string name = "custom-key", value = "custom-value", agent = "user-agent";
  const std::string plain_name = "\x0a" + name, plain = "\x0c" + value;
  const std::string short_name = "\x88\x25\xa8\x49\xe9\x5b\xa9\x7d\x7f";
  const std::string shorter = "\x89\x25\xa8\x49\xe9\x5b\xb8\xe8\xb4\xbf";
  struct Form {
    const char* name;
    std::string bytes, field;
  };
  std::vector<Form> forms;
  for (const auto& of_value : {plain, shorter}) {
    forms.push_back({"indexed name, incremental", "\x7a" + of_value, agent});
    forms.push_back({"indexed name, without indexing", "\x0f\x2b" + of_value, agent});
    forms.push_back({"indexed name, never indexed", "\x1f\x2b" + of_value, agent});
    for (const auto& of_name : {plain_name, short_name}) {
      forms.push_back({"new name, incremental", "\x40" + of_name + of_value, name});
      forms.push_back({"new name, without indexing", "\0"s + of_name + of_value, name});
      forms.push_back({"new name, never indexed", "\x10" + of_name + of_value, name});
      forms.push_back({"from the dynamic table", "\x40" + of_name + of_value + "\xbe", name});
    }
  }
  for (const auto& form : forms) {
    H2End server(H2Role::server);
    const std::string bytes = kMagic + frame(kSettings, 0, 0, "") + head(1, kGet + form.bytes);
    EXPECT_TRUE(server.session.receive(std::as_bytes(std::span(bytes)), server.now)) << form.name;
    EXPECT_EQ(server.field(1, form.field), value) << form.name;
  }
}

// RFC 9113 3.4, 6.5.3 and 6.7.
TEST_F(H2Rules, SettingsComeFirstAndWhatAsksForAnAnswerGetsOneAtOnce) {
  H2End server(H2Role::server);
  const auto take = [&](const std::string& bytes) {
    server.session.receive(std::as_bytes(std::span(bytes)), server.now);
    server.session.send();
    return frames_of(std::exchange(server.wire, {}));
  };
  const auto first = take(kMagic + frame(kSettings, 0, 0, ""));
  ASSERT_FALSE(first.empty());
  EXPECT_EQ(first[0].type, kSettings);
  EXPECT_EQ(first[0].flags, 0);
  EXPECT_TRUE(take(frame(kSettings, kAck, 0, "")).empty());
  const auto acknowledged = take(setting(2, 0));
  ASSERT_EQ(acknowledged.size(), 1U);
  EXPECT_EQ(acknowledged[0].type, kSettings);
  EXPECT_EQ(acknowledged[0].flags, kAck);
  const auto pong = take(frame(kPing, 0, 0, "\0abcdef\xff"s));
  ASSERT_EQ(pong.size(), 1U);
  EXPECT_EQ(pong[0].type, kPing);
  EXPECT_EQ(pong[0].flags, kAck);
  EXPECT_EQ(pong[0].payload, "\0abcdef\xff"s);
  EXPECT_TRUE(take(frame(kPing, kAck, 0, "abcdefgh")).empty());
}

TEST_F(H2Rules, AnInvalidPrefaceEndsTheConnection) {
  H2End server(H2Role::server);
  const std::string wrong = "INVALID CONNECTION PREFACE\r\n\r\n";
  EXPECT_FALSE(server.session.receive(std::as_bytes(std::span(wrong)), server.now));
}

TEST_F(H2Rules, StreamsBeyondTheLimitAreRefused) {
  std::string frames;
  std::uint32_t stream = 1;
  for (; stream < 2 * kH2MaxStreams + 1; stream += 2) frames += head(stream, kPost, kEndHeaders);
  const std::string all = frames + head(stream, kPost, kEndHeaders);
  expect_verdict({"before SETTINGS are acknowledged", all, Scope::stream, kRefused, stream}, judge(all));
  const std::string acknowledged = frame(kSettings, kAck, 0, "") + all;
  expect_verdict({"after that", acknowledged, Scope::connection, kProtocol}, judge(acknowledged));
}

}  // namespace
}  // namespace cfpipe::transport
