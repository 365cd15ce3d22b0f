#include "connector/config/enrolment.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <string>
#include <vector>

#include "support/temp_dir.h"

namespace cfpipe::connector {
namespace {

constexpr const char* kId = "abcdefghijklmno_";

Enrolment made() {
  Enrolment out;
  out.id = kId;
  out.name = "office";
  out.edge = Authority::parse("auth.example.com:8443").value();
  out.key = std::make_shared<const auth::ConnectorKey>(auth::ConnectorKey::generate());
  return out;
}

TEST(Enrolment, IsReadAsItWasSaved) {
  const TempDir dir;
  const std::string state = dir / "state";
  ::mkdir(state.c_str(), 0700);
  EXPECT_FALSE(*has_enrolment(state));
  const Enrolment enrolment = made();
  ASSERT_TRUE(save_enrolment(state, enrolment));
  EXPECT_TRUE(*has_enrolment(state));
  const auto read = load_enrolment(state);
  ASSERT_TRUE(read) << read.error().detail;
  EXPECT_EQ(read->id, kId);
  EXPECT_EQ(read->name, "office");
  EXPECT_EQ(read->edge_name(), "auth.example.com:8443");
  EXPECT_EQ(read->key->public_key(), enrolment.key->public_key());
  for (const char* name : {kIdentityFile, kKeyFile}) {
    struct stat info {};
    ASSERT_EQ(::stat((state + "/" + name).c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777, 0600U) << name;
  }
}

TEST(Enrolment, NamesTheEdgeWithoutThePortOfHttps) {
  Enrolment enrolment = made();
  enrolment.edge = Authority::parse("auth.example.com:443").value();
  EXPECT_EQ(enrolment.edge_name(), "auth.example.com");
}

TEST(Enrolment, ThatIsNotThereSaysWhatToRun) {
  const TempDir dir;
  const auto none = load_enrolment(dir / "none");
  ASSERT_FALSE(none);
  EXPECT_NE(none.error().detail.find("cfpipe-connector enroll"), std::string::npos);
}

TEST(Enrolment, OfWhichAPartIsMissingOrBrokenIsNotUsed) {
  const TempDir dir;
  const std::string state = dir / "state";
  ::mkdir(state.c_str(), 0700);
  ASSERT_TRUE(save_enrolment(state, made()));
  ASSERT_EQ(::unlink((state + "/" + kKeyFile).c_str()), 0);
  EXPECT_NE(load_enrolment(state).error().detail.find("--replace"), std::string::npos);
  std::ofstream(state + "/" + kKeyFile) << "-----BEGIN PRIVATE KEY-----\nsecret\n";
  ::chmod((state + "/" + kKeyFile).c_str(), 0600);
  const auto broken = load_enrolment(state);
  ASSERT_FALSE(broken);
  EXPECT_EQ(broken.error().detail.find("secret"), std::string::npos);
}

TEST(Enrolment, OfAnotherFormIsRefused) {
  const std::string id = kId;
  const std::string start = "{\"id\":\"" + id + "\",";
  const std::vector<std::string> wrong{"",
                                       "[]",
                                       "{}",
                                       "{\"id\":\"short\",\"name\":\"office\",\"edge\":\"a.b\"}",
                                       start + "\"name\":\"of fice\",\"edge\":\"a.b\"}",
                                       start + "\"name\":\"office\",\"edge\":\"https://a.b\"}",
                                       start + "\"name\":\"office\"}"};
  for (const std::string& text : wrong) EXPECT_FALSE(parse_identity(text, "f")) << text;
  EXPECT_TRUE(parse_identity("{\"id\":\"" + id + "\",\"name\":\"office\",\"edge\":\"a.b\"}", "f"));
}

}  // namespace
}  // namespace cfpipe::connector
