// What terminals are made of that sees no socket: frames, the output that is kept, the page's messages.
#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <string>

#include "edge/terminal/frames.h"
#include "edge/terminal/messages.h"
#include "edge/terminal/output.h"

namespace cfpipe::edge::terminal {
namespace {

TEST(TerminalFrames, AreTheSameHoweverTheStreamIsCut) {
  const std::string stream = encode(FrameType::start, R"({"cols":80})") + encode(FrameType::quit, "") +
                             encode(FrameType::input, std::string(300, 'x'));
  for (std::size_t cut = 0; cut <= stream.size(); ++cut) {
    FrameReader reader;
    std::string seen;
    for (const std::string& part : {stream.substr(0, cut), stream.substr(cut)}) {
      reader.feed(part);
      while (const auto frame = reader.next())
        seen += static_cast<char>(frame->type) + std::to_string(frame->payload.size()) + " ";
    }
    EXPECT_EQ(seen, "s11 q0 d300 ") << cut;
    EXPECT_EQ(reader.held(), 0u);
    EXPECT_FALSE(reader.broken());
  }
}

TEST(TerminalFrames, OfAnotherSizeThanAllowedBreakTheStream) {
  FrameReader reader;
  reader.feed(encode(FrameType::input, std::string(kMaxFrameBytes, 'x')));
  EXPECT_TRUE(reader.next());
  reader.feed(encode(FrameType::input, std::string(kMaxFrameBytes + 1, 'x')).substr(0, 5));
  EXPECT_FALSE(reader.next());
  EXPECT_TRUE(reader.broken());
  reader.feed(encode(FrameType::quit, ""));
  EXPECT_FALSE(reader.next()) << "nothing behind it can be told apart";
}

TEST(TerminalOutput, TakesInWhatThePageDraws) {
  Output output;
  EXPECT_EQ(output.room(), kWindowBytes);
  output.add(std::string(kWindowBytes - 1, 'a'));
  EXPECT_EQ(output.room(), 1u);
  output.add("b");
  EXPECT_EQ(output.room(), 0u);
  output.drawn(1000);
  EXPECT_EQ(output.room(), 1000u);
  output.drawn(999);
  output.drawn(kWindowBytes + 1);  // what never was cannot have been drawn
  EXPECT_EQ(output.room(), 1000u);
  output.drawn(kWindowBytes);
  EXPECT_EQ(output.room(), kWindowBytes);
}

TEST(TerminalOutput, KeepsAWindowForAPageThatComesBack) {
  Output output;
  std::string all;
  for (int i = 0; i < 40; ++i) {
    const std::string part(kWindowBytes / 4, static_cast<char>('a' + i % 26));
    output.add(part);
    output.drawn(output.end());
    all += part;
    EXPECT_LE(output.end() - output.begin(), 2 * kWindowBytes);
  }
  EXPECT_EQ(output.end(), all.size());
  EXPECT_GE(output.end() - output.begin(), kWindowBytes);
  const std::uint64_t near = output.end() - 10;
  EXPECT_EQ(output.resume(near), near);
  EXPECT_EQ(output.from(near, 4), all.substr(all.size() - 10, 4));
  EXPECT_EQ(output.resume(0), output.begin()) << "as much as there is";
  EXPECT_EQ(output.resume(output.end() + 1), output.begin()) << "a page that is ahead is mistaken";
  EXPECT_EQ(output.from(output.begin(), all.size()), all.substr(static_cast<std::size_t>(output.begin())));
}

TEST(TerminalMessages, AreTakenOnlyAsTheyAreMeant) {
  const auto start = read_start(R"({"cols":132,"rows":43,"user":"ann","position":7})");
  ASSERT_TRUE(start);
  EXPECT_EQ(start->size.columns, 132);
  EXPECT_EQ(start->size.rows, 43);
  EXPECT_EQ(start->user, "ann");
  EXPECT_EQ(start->position, 7u);
  for (const char* bad :
       {"", "{}", "[]", R"({"cols":80})", R"({"cols":0,"rows":24})", R"({"cols":80,"rows":-1})",
        R"({"cols":1001,"rows":24})", R"({"cols":80,"rows":2.5})", R"({"cols":"80","rows":24})",
        R"({"cols":80,"rows":24,"user":"a\nb"})"})
    EXPECT_FALSE(read_start(bad)) << bad;
  const std::string long_name(kMaxUserBytes + 1, 'a');
  EXPECT_FALSE(read_start(R"({"cols":80,"rows":24,"user":")" + long_name + "\"}"));
  EXPECT_FALSE(read_size(R"({"cols":80,"rows":24,"x":")" + std::string(kMaxJsonBytes, 'x') + "\"}"));
  EXPECT_EQ(read_position(R"({"position":0})"), 0u);
  EXPECT_FALSE(read_position(R"({"position":-1})"));
  EXPECT_FALSE(read_position(R"({"position":null})"));
}

TEST(TerminalMessages, TellAnEmptyPasswordFromNone) {
  const auto empty = read_log_in(R"({"password":""})");
  ASSERT_TRUE(empty);
  EXPECT_TRUE(empty->password);
  EXPECT_FALSE(empty->private_key);
  const auto answers = read_log_in(R"({"answers":["a",7,"c"]})");
  ASSERT_TRUE(answers);
  EXPECT_FALSE(answers->password);
  ASSERT_EQ(answers->answers.size(), 3u);
  EXPECT_EQ(answers->answers[0].reveal(), "a");
  EXPECT_EQ(answers->answers[1].reveal(), "");
}

TEST(TerminalMessages, AreJsonWhateverIsInThem) {
  const std::string text = ended_event({"lost", "a \"quoted\" word", "", 3, {{"said", "\x01"}}});
  const auto parsed = boost::json::parse(text).as_object();
  EXPECT_EQ(parsed.at("text").as_string(), "a \"quoted\" word");
  EXPECT_EQ(parsed.at("status").as_int64(), 3);
  const auto asked = boost::json::parse(prompts_event({"n", "i", {{"Code: ", false}}})).as_object();
  EXPECT_EQ(asked.at("prompts").as_array().at(0).as_object().at("echo").as_bool(), false);
}

}  // namespace
}  // namespace cfpipe::edge::terminal
