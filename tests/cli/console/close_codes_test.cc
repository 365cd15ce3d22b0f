#include "cli/console/close_codes.h"

#include <gtest/gtest.h>

#include <set>

#include "cli/console/messages.h"

namespace cfpipe::cli {
namespace {

/// Of the registry "WebSocket Close Code Number" (RFC 6455 11.7), those that may stand in a Close frame and
/// are no normal end.
constexpr unsigned kRegistered[] = {1001, 1002, 1003, 1007, 1008, 1009, 1010,
                                    1011, 1012, 1013, 1014, 3000, 3003, 3008};

Words words(unsigned code) {
  return words_for_close_code(static_cast<std::uint16_t>(code));
}

TEST(CloseCodes, EveryRegisteredOneHasWordsOfItsOwn) {
  std::set<std::string_view> seen{words(3999).what, words(4000).what, words_for(Cause::lost).what};
  EXPECT_EQ(seen.size(), 3U);
  for (const unsigned code : kRegistered) {
    EXPECT_TRUE(seen.insert(words(code).what).second) << code;
    EXPECT_FALSE(words(code).hint.empty()) << code;
    EXPECT_EQ(words(code).status, kLost) << code;
  }
}

TEST(CloseCodes, OthersHaveTheWordsOfTheirRange) {
  for (const unsigned code : {3001U, 3002U, 3004U, 3007U, 3009U, 1015U, 65535U})
    EXPECT_EQ(words(code).what, words(3999).what) << code;
  for (const unsigned code : {4001U, 4003U, 4999U}) EXPECT_EQ(words(code).what, words(4000).what) << code;
  EXPECT_EQ(words(5000).what, words(3999).what);
  EXPECT_EQ(words(3999).status, kLost);
  EXPECT_EQ(words(4000).status, kLost);
}

TEST(CloseCodes, ALineSaysWhatTheEdgeDoesAndWhatItSaid) {
  tunnel::Outcome outcome;
  outcome.near = tunnel::End::clean;
  outcome.far = tunnel::End::cut;
  outcome.far_close_code = 1001;
  outcome.detail = "the peer closed with code 1001 (the edge is stopped or restarted)";
  const auto failure = failure_of(outcome);
  ASSERT_TRUE(failure);
  EXPECT_EQ(
      line_for(*failure),
      "cfpipe: tunnel: the edge is restarting or shutting down: the peer closed with code 1001 (the edge "
      "is stopped or restarted); connect again: a new ssh goes to its successor");
}

TEST(CloseCodes, CountForATunnelThatWasCutAlone) {
  Failure failure(Stage::tunnel, Cause::peer_silent);
  failure.close_code = 1001;
  EXPECT_EQ(words_for(failure).what, words_for(Cause::peer_silent).what);
  failure.cause = Cause::lost;
  failure.close_code = 0;
  EXPECT_EQ(words_for(failure).what, words_for(Cause::lost).what);
}

}  // namespace
}  // namespace cfpipe::cli
