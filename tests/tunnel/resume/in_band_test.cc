#include "tunnel/resume/in_band.h"

#include <gtest/gtest.h>

namespace cfpipe::tunnel {
namespace {

const std::string kAnnouncedKey(kResumeKeyBytes, 'k');
const Announcement kAnnounced{kAnnouncedKey, "0123456789abcdef"};

TEST(InBand, AnAnnouncementIsReadAsItIsWritten) {
  const std::string line = text_of(kAnnounced);
  EXPECT_EQ(line.size(), 78u);
  EXPECT_TRUE(looks_announced(line));
  const auto read = parse_announcement(line);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->key, kAnnounced.key);
  EXPECT_EQ(read->agent, kAnnounced.agent);
}

TEST(InBand, OtherLinesAnnounceNothing) {
  const std::string line = text_of(kAnnounced);
  for (std::size_t i = 0; i < line.size(); ++i) {
    EXPECT_FALSE(parse_announcement(line.substr(0, i)));
    std::string other = line;
    other[i] = '\x01';
    EXPECT_FALSE(parse_announcement(other)) << i;
  }
  for (const char* text :
       {"", "\n", "SSH-2.0-OpenSSH_9.2p1\r\n", "Not allowed at this time\r\n", "cfpipe-resume-2 x\r\n"}) {
    EXPECT_FALSE(parse_announcement(text)) << text;
    EXPECT_FALSE(looks_announced(text)) << text;
  }
}

TEST(InBand, TheSessionIsThatOfBothKeys) {
  const std::string other(kResumeKeyBytes, 'o');
  EXPECT_EQ(in_band_session(other, kAnnouncedKey), in_band_session(other, kAnnouncedKey));
  EXPECT_NE(in_band_session(other, kAnnouncedKey), in_band_session(kAnnouncedKey, other));
  EXPECT_NE(in_band_session(other, kAnnouncedKey),
            in_band_session(std::string(kResumeKeyBytes, 'p'), kAnnouncedKey));
}

TEST(InBand, ARequestBeginsAsNoSshClientDoes) {
  const std::string said = in_band(ResumeOpen{kAnnouncedKey});
  EXPECT_EQ(said.front(), kInBandMark);
  EXPECT_EQ(said.back(), '\n');
  const auto read = parse_resume_request({said.data() + 1, said.size() - 2});
  ASSERT_TRUE(read);
  EXPECT_EQ(std::get<ResumeOpen>(*read).client_key, kAnnouncedKey);
}

}  // namespace
}  // namespace cfpipe::tunnel
