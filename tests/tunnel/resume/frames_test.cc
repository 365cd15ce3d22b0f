#include "tunnel/resume/frames.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace cfpipe::tunnel {
namespace {

using namespace std::string_literals;

/// The violation, or empty.
std::string fault_of(std::string bytes, FrameDecoder::Events* out = nullptr, std::string* data = nullptr) {
  FrameDecoder decoder;
  FrameDecoder::Events events;
  std::vector<Slice> payload;
  const bool good = decoder.feed(std::as_writable_bytes(std::span(bytes)), payload, events);
  if (out != nullptr) *out = events;
  for (const auto& slice : payload)
    if (data != nullptr) data->append(reinterpret_cast<const char*>(slice.data()), slice.size());
  return good ? "" : decoder.why();
}

const std::string kEnd = "\2\0\0\10\0\0\0\0\0\0\0\0"s;

TEST(ResumeFrames, AreWrittenAsThePageSays) {
  EXPECT_EQ(ack_frame(0x0102030405060708), "\1\0\0\10\1\2\3\4\5\6\7\10"s);
  EXPECT_EQ(fin_frame(258), "\2\0\0\10\0\0\0\0\0\0\1\2"s);
  EXPECT_EQ(reset_frame({ResetCode::dismissed, "why"}), "\3\0\0\5\0\2why"s);
  EXPECT_EQ(reset_frame({ResetCode::left, std::string(1'000, 'x')}).size(), kFrameHeader + 2 + kMaxResetText);
  std::string room = "....";
  put_data_header(reinterpret_cast<std::byte*>(room.data() + room.size()), 0x010203);
  EXPECT_EQ(room, "\0\1\2\3"s);
}

TEST(ResumeFrames, AreRead) {
  FrameDecoder::Events events;
  std::string data;
  EXPECT_EQ(fault_of("\0\0\0\2hi"s + ack_frame(1) + ack_frame(7) + "\0\0\0\1!"s + fin_frame(3) +
                         reset_frame({ResetCode::going_away, "bye"}),
                     &events, &data),
            "");
  EXPECT_EQ(data, "hi!");
  EXPECT_EQ(events.ack, 7u);
  EXPECT_EQ(events.fin, 3u);
  ASSERT_TRUE(events.reset);
  EXPECT_EQ(events.reset->code, ResetCode::going_away);
  EXPECT_EQ(events.reset->text, "bye");
}

TEST(ResumeFrames, ThatAreNoneAreNamed) {
  const std::vector<std::pair<std::string, std::string>> table = {
      {"\0\0\0\0"s, "a DATA of no or too many bytes"},
      {"\0\4\0\1"s, "a DATA of no or too many bytes"},
      {"\1\0\0\7"s, "an ACK or FIN of another length"},
      {"\2\0\0\11"s, "an ACK or FIN of another length"},
      {"\3\0\0\1"s, "a RESET of no or too many bytes"},
      {"\3\0\1\3"s, "a RESET of no or too many bytes"},
      {"\4\0\0\1"s, "a frame of an unknown type"},
      {"\377\0\0\0"s, "a frame of an unknown type"},
      {kEnd + "\0\0\0\1"s, "DATA behind a FIN"},
      {kEnd + kEnd, "two FIN"},
      {reset_frame({ResetCode::left, ""}) + ack_frame(0), "a frame behind a RESET"},
  };
  for (const auto& [bytes, why] : table) EXPECT_EQ(fault_of(bytes), why) << ::testing::PrintToString(bytes);
  EXPECT_EQ(fault_of("\0\4\0\0"s), "") << "the largest DATA";
}

}  // namespace
}  // namespace cfpipe::tunnel
