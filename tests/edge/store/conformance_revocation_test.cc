// Revocations and sessions of any store.
#include <string>
#include <utility>
#include <vector>

#include "edge/policy/lifetimes.h"
#include "edge/store/conformance.h"

namespace cfpipe::edge {
namespace {

class RevocationStoreConformance : public StoreConformance {
 protected:
  RevocationStore& revocations() { return store_->revocations(); }

  void begin(const std::string& name, const std::string& email, std::int64_t time,
             std::int64_t lifetime = 1000) {
    AuditRow row;
    row.time = time;
    row.kind = "login";
    row.identity = email;
    row.peer = "192.0.2.1";
    row.application = "vm.localhost";
    row.login_method = "corp";
    row.session_device = "Firefox on Linux";
    row.session = name;
    row.session_expires = time + lifetime;
    ASSERT_TRUE(store_->audit().insert(row));
  }
  std::string listed(const std::string& email, std::int64_t now = 500, std::int64_t since = 0) {
    std::string out;
    const auto rows = revocations().list_sessions({email, since, now, 10});
    for (const SessionRow& row : rows.value()) out += row.session + " ";
    return out;
  }
};

TEST_P(RevocationStoreConformance, APersonIsRevokedUpToTheLatestTimeWhateverTheCase) {
  EXPECT_EQ(revocations().revoked_until("ann@example.com").value(), 0);
  ASSERT_TRUE(revocations().revoke_person("Ann@Example.com", 100));
  ASSERT_TRUE(revocations().revoke_person("ann@example.com", 50)) << "which takes nothing back";
  EXPECT_EQ(revocations().revoked_until("ANN@example.com").value(), 100);
  EXPECT_EQ(revocations().revoked_until("bob@example.com").value(), 0);
  reopen();
  EXPECT_EQ(revocations().revoked_until("ann@example.com").value(), 100);
}

TEST_P(RevocationStoreConformance, ASessionIsRevokedUntilNoTokenOfItCanBeGood) {
  ASSERT_TRUE(revocations().revoke_session("first", kConformanceTime + 10));
  ASSERT_TRUE(revocations().revoke_session("first", kConformanceTime + 5)) << "which takes nothing back";
  ASSERT_TRUE(revocations().revoke_session("second", kConformanceTime + 20));
  reopen();
  EXPECT_EQ(revocations().prune(kConformanceTime + 9, 10).value(), 0);
  EXPECT_TRUE(revocations().session_revoked("first").value());
  EXPECT_EQ(revocations().prune(kConformanceTime + 10, 10).value(), 1);
  EXPECT_FALSE(revocations().session_revoked("first").value());
  EXPECT_TRUE(revocations().session_revoked("second").value());
  EXPECT_FALSE(revocations().session_revoked("").value());
}

TEST_P(RevocationStoreConformance, CertificatesAreListedBySerialSinceATime) {
  for (const auto& [serial, time] :
       {std::pair<std::uint64_t, std::int64_t>{7, 50}, {9, 95}, {3, 90}, {5, 60}})
    ASSERT_TRUE(revocations().revoke_certificates("vm.localhost", {serial}, time));
  ASSERT_TRUE(revocations().revoke_certificates("b.localhost", {8}, 90));
  ASSERT_TRUE(revocations().revoke_certificates("vm.localhost", {7}, 99)) << "keeps its time";
  ASSERT_TRUE(revocations().revoke_certificates("vm.localhost", {}, 99));
  reopen();
  EXPECT_EQ(revocations().list_certificates("vm.localhost", 60).value(),
            (std::vector<std::uint64_t>{3, 5, 9}));
}

TEST_P(RevocationStoreConformance, AHandleSeesTheRevocationsOfAnother) {
  const auto other = under_test_->open();
  EXPECT_FALSE(other->revocations().session_revoked("first").value());
  ASSERT_TRUE(revocations().revoke_session("first", kConformanceTime));
  ASSERT_TRUE(revocations().revoke_person("ann@example.com", kConformanceTime));
  ASSERT_TRUE(revocations().revoke_certificates("vm.localhost", {1}, kConformanceTime));
  EXPECT_TRUE(other->revocations().session_revoked("first").value());
  EXPECT_EQ(other->revocations().revoked_until("ann@example.com").value(), kConformanceTime);
  EXPECT_EQ(other->revocations().list_certificates("vm.localhost", kConformanceTime).value().size(), 1u);
}

TEST_P(RevocationStoreConformance, TheVersionGrowsWithWhatIsRevokedAndWithNothingElse) {
  const auto other = under_test_->open();
  std::int64_t before = other->revocations().version().value();
  const auto grown = [&] {
    const std::int64_t present = other->revocations().version().value();
    EXPECT_EQ(revocations().version().value(), present) << "for both handles";
    return present > std::exchange(before, present);
  };
  EXPECT_FALSE(grown());
  ASSERT_TRUE(revocations().revoke_person("ann@example.com", kConformanceTime));
  EXPECT_TRUE(grown());
  ASSERT_TRUE(revocations().revoke_person("ANN@example.com", kConformanceTime + 1));
  EXPECT_TRUE(grown()) << "a later time";
  ASSERT_TRUE(revocations().revoke_session("first", kConformanceTime));
  EXPECT_TRUE(grown());
  ASSERT_TRUE(other->revocations().revoke_session("second", kConformanceTime));
  EXPECT_TRUE(grown()) << "through either handle";

  ServiceTokenRow token;
  token.name = "deploy";
  token.client_id = "id.access";
  ASSERT_TRUE(store_->service_tokens().insert(token).value());
  ASSERT_TRUE(store_->service_tokens().touch("id.access", kConformanceTime));
  ASSERT_TRUE(revocations().revoke_certificates("vm.localhost", {1}, kConformanceTime));
  begin("a1", "ann@example.com", kConformanceTime);
  ASSERT_TRUE(store_->serials().next());
  ASSERT_TRUE(revocations().prune(kConformanceTime + 1000, 100));
  EXPECT_FALSE(grown()) << "nothing of it ends a tunnel";
  ASSERT_TRUE(store_->service_tokens().erase("deploy").value());
  EXPECT_TRUE(grown());
  reopen();
  EXPECT_FALSE(grown());
}

TEST_P(RevocationStoreConformance, SessionsAreListedNewestFirstWhileTheyAreGood) {
  begin("a1", "ann@example.com", 100);
  begin("b1", "bob@example.com", 200);
  begin("a2", "Ann@example.com", 300);
  reopen();
  EXPECT_EQ(listed("ANN@example.com"), "a2 a1 ");
  EXPECT_EQ(listed(""), "a2 b1 a1 ");
  EXPECT_EQ(listed("", 500, 200), "a2 b1 ");
  EXPECT_EQ(listed("", 1100), "a2 b1 ") << "the first has expired";
  EXPECT_EQ(revocations().list_sessions({"", 0, 500, 2}).value().size(), 2u);
}

TEST_P(RevocationStoreConformance, ASessionIsFoundWithAllItsFields) {
  begin("a1", "ann@example.com", 100);
  const auto row = revocations().find_session("a1").value();
  ASSERT_TRUE(row);
  EXPECT_EQ(row->session, "a1");
  EXPECT_EQ(row->email, "ann@example.com");
  EXPECT_EQ(row->application, "vm.localhost");
  EXPECT_EQ(row->login_method, "corp");
  EXPECT_EQ(row->device, "Firefox on Linux");
  EXPECT_EQ(row->peer, "192.0.2.1");
  EXPECT_EQ(row->begun, 100);
  EXPECT_EQ(row->expires, 1100);
  EXPECT_FALSE(row->revoked);
  EXPECT_FALSE(revocations().find_session("a2").value());
}

TEST_P(RevocationStoreConformance, SessionsAreNotListedOnceTheyAreRevoked) {
  begin("a1", "ann@example.com", 100);
  begin("a2", "ann@example.com", 200);
  begin("a3", "ann@example.com", 201);
  ASSERT_TRUE(revocations().revoke_session("a3", 5000));
  EXPECT_EQ(listed(""), "a2 a1 ");
  EXPECT_TRUE(revocations().find_session("a3").value()->revoked);
  ASSERT_TRUE(revocations().revoke_person("Ann@example.com", 200));
  EXPECT_EQ(listed(""), "");
  begin("same second", "ann@example.com", 200);
  begin("later", "ann@example.com", 202);
  EXPECT_EQ(listed(""), "later ");
}

TEST_P(RevocationStoreConformance, PruneDeletesWhatCannotCountAnyMore) {
  begin("old", "ann@example.com", kConformanceTime - kMaxSession.count() - 100, 100);
  begin("new", "ann@example.com", kConformanceTime - kMaxSession.count() - 100, 101);
  ASSERT_TRUE(revocations().revoke_session("gone", kConformanceTime));
  ASSERT_TRUE(revocations().revoke_session("void", kConformanceTime + 1));
  ASSERT_TRUE(revocations().revoke_certificates("vm.localhost", {7},
                                                kConformanceTime - kMaxCertificateTtl.count() - 1));
  ASSERT_TRUE(
      revocations().revoke_certificates("vm.localhost", {8}, kConformanceTime - kMaxCertificateTtl.count()));
  EXPECT_EQ(revocations().prune(kConformanceTime, 10).value(), 3);
  EXPECT_FALSE(revocations().find_session("old").value());
  EXPECT_TRUE(revocations().find_session("new").value());
  EXPECT_FALSE(revocations().session_revoked("gone").value());
  EXPECT_TRUE(revocations().session_revoked("void").value());
  EXPECT_EQ(revocations().list_certificates("vm.localhost", 0).value(), std::vector<std::uint64_t>{8});
  EXPECT_EQ(revocations().prune(kConformanceTime, 10).value(), 0);
}

TEST_P(RevocationStoreConformance, PruneDeletesSoManyOfEachKind) {
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(revocations().revoke_session(std::to_string(i), kConformanceTime));
  EXPECT_EQ(revocations().prune(kConformanceTime, 3).value(), 3);
  EXPECT_EQ(revocations().prune(kConformanceTime, 3).value(), 2);
}

INSTANTIATE_TEST_SUITE_P(Stores, RevocationStoreConformance, ::testing::ValuesIn(store_kinds()), kind_name);

}  // namespace
}  // namespace cfpipe::edge
