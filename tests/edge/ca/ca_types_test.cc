// CA keys of other types: what is made, what it is replaced by, and what it signs with.
#include <gtest/gtest.h>

#include "auth/ssh/verify.h"
#include "auth/ssh/wire.h"
#include "edge/api/operations.h"
#include "edge/ca/ssh_ca.h"
#include "edge/edge_fixture.h"

namespace cfpipe::edge {
namespace {

constexpr const char* kCaHost = "vm.localhost";
constexpr std::int64_t kCaTime = 1'800'000'000;

class CaTypes : public ::testing::Test {
 protected:
  static std::string type_of(const Result<std::vector<std::string>>& lines, std::size_t which = 0) {
    if (!lines || lines->size() <= which) return lines ? "none" : lines.error().detail;
    return (*lines)[which].substr(0, (*lines)[which].find(' '));
  }
  TempDir dir_;
  std::unique_ptr<Store> store_ = open_sqlite_store(dir_ / "state").value();
  Operations operations_{*store_, kCaTime};
};

TEST_F(CaTypes, AreMadeAsAsked) {
  EXPECT_EQ(type_of(operations_.generate_ca("a.localhost", nullptr)), "ssh-ed25519");
  EXPECT_EQ(type_of(operations_.generate_ca("b.localhost", nullptr, "ed25519")), "ssh-ed25519");
  EXPECT_EQ(type_of(operations_.generate_ca("c.localhost", nullptr, "ecdsa")), "ecdsa-sha2-nistp256");
  EXPECT_EQ(type_of(operations_.generate_ca("d.localhost", nullptr, "rsa")), "ssh-rsa");
  for (const char* word : {"dsa", "RSA", "ecdsa-sha2-nistp256", " "}) {
    const auto made = operations_.generate_ca("e.localhost", nullptr, word);
    ASSERT_FALSE(made) << word;
    EXPECT_EQ(made.error().stage, Stage::input);
  }
  EXPECT_FALSE(operations_.ca("e.localhost", nullptr));
}

TEST_F(CaTypes, TheNextIsOfTheTypeOfThePresentOneUnlessAnotherIsNamed) {
  ASSERT_TRUE(operations_.generate_ca(kCaHost, nullptr, "ecdsa"));
  EXPECT_EQ(type_of(operations_.rotate_ca(kCaHost, nullptr), 1), "ecdsa-sha2-nistp256");
  ASSERT_TRUE(operations_.retire_ca(kCaHost, nullptr));
  const auto both = operations_.rotate_ca(kCaHost, nullptr, "rsa");
  EXPECT_EQ(type_of(both, 0), "ecdsa-sha2-nistp256");
  EXPECT_EQ(type_of(both, 1), "ssh-rsa");
  EXPECT_EQ(type_of(operations_.retire_ca(kCaHost, nullptr)), "ssh-rsa");
  EXPECT_FALSE(operations_.rotate_ca(kCaHost, nullptr, "dsa"));
}

TEST_F(CaTypes, ARotationCanBeCancelledUntilThePresentOneIsRetired) {
  const auto first = operations_.generate_ca(kCaHost, nullptr);
  ASSERT_TRUE(first);
  EXPECT_EQ(operations_.cancel_ca(kCaHost, nullptr).error().stage, Stage::config) << "none waits";
  const auto both = operations_.rotate_ca(kCaHost, nullptr);
  EXPECT_EQ(operations_.cancel_ca(kCaHost, nullptr).value(), *first);
  EXPECT_EQ(operations_.ca(kCaHost, nullptr).value(), *first);
  const auto again = operations_.rotate_ca(kCaHost, nullptr);
  ASSERT_EQ(again->size(), 2u);
  EXPECT_NE((*again)[1], (*both)[1]) << "a key that was forgotten comes back";
  ASSERT_TRUE(operations_.retire_ca(kCaHost, nullptr));
  EXPECT_FALSE(operations_.cancel_ca(kCaHost, nullptr));
  EXPECT_EQ(operations_.cancel_ca("other.localhost", nullptr).error().stage, Stage::config);
}

TEST_F(CaTypes, HostsAreCertifiedByAKeyOfTheSameType) {
  const std::string host = auth::SshKey::generate(auth::KeyType::ed25519).authorized_key();
  const auto ca_of = [&](const std::string& app) {
    SshCa ca(store_->keys(), store_->serials());
    EXPECT_TRUE(ca.sign_host(app, {app}, host, std::chrono::hours(1), kCaTime));
    const auto line = ca.known_hosts_line(app);
    return line ? line->substr(std::string("@cert-authority ").size() + app.size() + 1) : line.error().detail;
  };
  ASSERT_TRUE(operations_.generate_ca("a.localhost", nullptr, "rsa"));
  EXPECT_TRUE(ca_of("a.localhost").starts_with("ssh-rsa "));
  EXPECT_TRUE(ca_of("b.localhost").starts_with("ssh-ed25519 ")) << "without a CA for people";
}

}  // namespace
}  // namespace cfpipe::edge
