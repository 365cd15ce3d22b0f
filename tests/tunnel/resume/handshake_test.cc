#include "tunnel/resume/handshake.h"

#include <gtest/gtest.h>

namespace cfpipe::tunnel {
namespace {

const SessionId kSession = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};

TEST(ResumeKeys, BothEndsProveOneKeyAndEachItsOwnEnd) {
  auto client = *ResumeKeys::make();
  auto edge = *ResumeKeys::make();
  EXPECT_EQ(client.proof(ResumeEnd::client, kSession, 1, 0), "") << "there is no key yet";
  ASSERT_TRUE(client.agree(edge.public_key(), ResumeEnd::edge));
  ASSERT_TRUE(edge.agree(client.public_key(), ResumeEnd::client));
  const auto proof = client.proof(ResumeEnd::client, kSession, 1, 7);
  EXPECT_TRUE(same_proof(proof, edge.proof(ResumeEnd::client, kSession, 1, 7)));
  EXPECT_FALSE(same_proof(proof, edge.proof(ResumeEnd::edge, kSession, 1, 7))) << "cannot be sent back";
  EXPECT_FALSE(same_proof(proof, edge.proof(ResumeEnd::client, kSession, 2, 7)));
  EXPECT_FALSE(same_proof(proof, edge.proof(ResumeEnd::client, kSession, 1, 8)));
  EXPECT_FALSE(same_proof(proof, edge.proof(ResumeEnd::client, new_session_id(), 1, 7)));
  EXPECT_FALSE(same_proof(proof, proof.substr(1)));
  EXPECT_FALSE(same_proof("", ""));
}

TEST(ResumeKeys, AnotherPairProvesNothing) {
  auto client = *ResumeKeys::make();
  auto stranger = *ResumeKeys::make();
  auto edge = *ResumeKeys::make();
  ASSERT_TRUE(edge.agree(client.public_key(), ResumeEnd::client));
  ASSERT_TRUE(stranger.agree(edge.public_key(), ResumeEnd::edge));
  EXPECT_FALSE(same_proof(stranger.proof(ResumeEnd::client, kSession, 1, 0),
                          edge.proof(ResumeEnd::client, kSession, 1, 0)));
}

TEST(ResumeKeys, OneShareServesTunnelsWhoseClientsHaveTheirOwn) {
  auto edge = *ResumeKeys::make();
  auto client = *ResumeKeys::make();
  auto other = *ResumeKeys::make();
  ASSERT_TRUE(edge.agree(client.public_key(), ResumeEnd::client));
  auto second = edge.again();
  EXPECT_EQ(second.public_key(), edge.public_key());
  EXPECT_EQ(second.proof(ResumeEnd::edge, kSession, 1, 0), "") << "what was agreed on stays with that tunnel";
  ASSERT_TRUE(second.agree(other.public_key(), ResumeEnd::client));
  ASSERT_TRUE(other.agree(second.public_key(), ResumeEnd::edge));
  EXPECT_TRUE(same_proof(other.proof(ResumeEnd::client, kSession, 1, 0),
                         second.proof(ResumeEnd::client, kSession, 1, 0)));
  EXPECT_FALSE(same_proof(other.proof(ResumeEnd::client, kSession, 1, 0),
                          edge.proof(ResumeEnd::client, kSession, 1, 0)));
}

TEST(ResumeKeys, TakesNoKeyThatIsNone) {
  auto keys = *ResumeKeys::make();
  EXPECT_FALSE(keys.agree("short", ResumeEnd::edge));
  EXPECT_FALSE(keys.agree(std::string(kResumeKeyBytes, '\0'), ResumeEnd::edge)) << "RFC 7748 6.1";
  EXPECT_EQ(keys.proof(ResumeEnd::client, kSession, 1, 0), "");
}

TEST(ResumeHeader, WhatIsPrintedIsRead) {
  const std::string key(kResumeKeyBytes, 'k');
  const std::string proof(kProofBytes, '\xff');
  const auto open = parse_resume_request(text_of(ResumeOpen{key}));
  ASSERT_TRUE(open && std::holds_alternative<ResumeOpen>(*open));
  EXPECT_EQ(std::get<ResumeOpen>(*open).client_key, key);
  const auto attach = parse_resume_request(text_of(ResumeAttach{kSession, 4'000'000'000, 1ULL << 63, proof}));
  ASSERT_TRUE(attach && std::holds_alternative<ResumeAttach>(*attach));
  const auto& read = std::get<ResumeAttach>(*attach);
  EXPECT_EQ(read.session, kSession);
  EXPECT_EQ(read.epoch, 4'000'000'000);
  EXPECT_EQ(read.next, 1ULL << 63);
  EXPECT_EQ(read.proof, proof);
  const auto opened = parse_resume_opened(text_of(ResumeOpened{key, kSession, 1'800}));
  ASSERT_TRUE(opened);
  EXPECT_EQ(opened->edge_key, key);
  EXPECT_EQ(opened->session, kSession);
  EXPECT_EQ(opened->grace, 1'800u);
  const auto attached = parse_resume_attached(text_of(ResumeAttached{12, proof}));
  ASSERT_TRUE(attached);
  EXPECT_EQ(attached->next, 12u);
  EXPECT_EQ(attached->proof, proof);
}

TEST(ResumeHeader, WhatIsNoneIsRefused) {
  const std::string good = text_of(ResumeAttach{kSession, 1, 2, std::string(kProofBytes, 'p')});
  ASSERT_TRUE(parse_resume_request(good));
  for (const std::string& bad :
       {std::string(), std::string("1"), std::string("1 new"), std::string("1 new AAAA"),
        "2" + good.substr(1), good + " ", " " + good, good + "A", good + std::string(kMaxResumeValue, ' '),
        good.substr(0, good.size() - 1), std::string(kMaxResumeValue, ' '),
        "1 attach" + good.substr(good.find(" 1 ")), "1 attached" + good.substr(8)})
    EXPECT_FALSE(parse_resume_request(bad)) << bad;
  std::string signed_epoch = good;
  signed_epoch.replace(signed_epoch.find(" 1 "), 3, " -1 ");
  EXPECT_FALSE(parse_resume_request(signed_epoch));
  signed_epoch.replace(signed_epoch.find(" -1 "), 4, " 4294967296 ");
  EXPECT_FALSE(parse_resume_request(signed_epoch)) << "an epoch beyond its 32 bits";
  EXPECT_FALSE(parse_resume_opened(good) || parse_resume_attached(good));
}

}  // namespace
}  // namespace cfpipe::tunnel
