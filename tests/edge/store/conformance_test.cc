// Keys, serials, service tokens and host keys of any store, and how a store fails.
#include "edge/store/conformance.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace cfpipe::edge {
namespace {

class KeyStoreConformance : public StoreConformance {};

TEST_P(KeyStoreConformance, KeysSurviveReopening) {
  const std::string binary("\0\xff key\n", 7);
  EXPECT_FALSE(store_->keys().find("notes").value());
  EXPECT_TRUE(store_->keys().insert("notes", Secret(binary)).value());
  reopen();
  EXPECT_EQ(store_->keys().find("notes").value()->reveal(), binary);
}

TEST_P(KeyStoreConformance, InsertKeepsTheKeyThatExists) {
  EXPECT_TRUE(store_->keys().insert("notes", Secret("first")).value());
  EXPECT_FALSE(store_->keys().insert("notes", Secret("second")).value());
  EXPECT_FALSE(under_test_->open()->keys().insert("notes", Secret("third")).value());
  EXPECT_EQ(store_->keys().find("notes").value()->reveal(), "first");
}

TEST_P(KeyStoreConformance, MoveReplacesTheKeyOfThatName) {
  ASSERT_TRUE(store_->keys().insert("ssh-ca/a", Secret("old")).value());
  EXPECT_FALSE(store_->keys().move("ssh-ca-next/a", "ssh-ca/a").value());
  EXPECT_EQ(store_->keys().find("ssh-ca/a").value()->reveal(), "old");
  ASSERT_TRUE(store_->keys().insert("ssh-ca-next/a", Secret("new")).value());
  EXPECT_TRUE(store_->keys().move("ssh-ca-next/a", "ssh-ca/a").value());
  reopen();
  EXPECT_EQ(store_->keys().find("ssh-ca/a").value()->reveal(), "new");
  EXPECT_FALSE(store_->keys().find("ssh-ca-next/a").value());
}

TEST_P(KeyStoreConformance, EraseDeletesTheKeyOfThatNameAlone) {
  for (const char* name : {"ssh-ca/a", "ssh-ca-next/a"})
    ASSERT_TRUE(store_->keys().insert(name, Secret("x")).value());
  EXPECT_FALSE(store_->keys().erase("ssh-ca-next/b").value());
  EXPECT_TRUE(store_->keys().erase("ssh-ca-next/a").value());
  EXPECT_FALSE(store_->keys().erase("ssh-ca-next/a").value());
  reopen();
  EXPECT_FALSE(store_->keys().find("ssh-ca-next/a").value());
  EXPECT_TRUE(store_->keys().find("ssh-ca/a").value());
}

TEST_P(KeyStoreConformance, ListMatchesThePrefixLiterallyAndSorts) {
  for (const char* name : {"ssh-ca/b", "ssh-ca/a", "ssh_ca/c", "ssh-ca-next/a", "SSH-CA/d", "token"})
    ASSERT_TRUE(store_->keys().insert(name, Secret("x")).value());
  EXPECT_EQ(store_->keys().list("ssh-ca/").value(), (std::vector<std::string>{"ssh-ca/a", "ssh-ca/b"}));
  EXPECT_TRUE(store_->keys().list("none/").value().empty());
}

TEST_P(KeyStoreConformance, AnAudienceIsMadeOnceAndStays) {
  const std::string aud = store_->keys().audience("vm.localhost").value();
  EXPECT_EQ(aud.size(), 64u);
  EXPECT_EQ(aud.find_first_not_of("0123456789abcdef"), std::string::npos);
  EXPECT_NE(store_->keys().audience("b.localhost").value(), aud);
  EXPECT_EQ(under_test_->open()->keys().audience("vm.localhost").value(), aud);
  reopen();
  EXPECT_EQ(store_->keys().audience("vm.localhost").value(), aud);
}

TEST_P(KeyStoreConformance, AHandleSeesTheKeysOfAnother) {
  const auto other = under_test_->open();
  EXPECT_FALSE(other->keys().find("notes").value());
  ASSERT_TRUE(store_->keys().insert("notes", Secret("x")).value());
  EXPECT_EQ(other->keys().find("notes").value()->reveal(), "x");
  ASSERT_TRUE(other->keys().move("notes", "others").value());
  EXPECT_FALSE(store_->keys().find("notes").value());
}

INSTANTIATE_TEST_SUITE_P(Stores, KeyStoreConformance, ::testing::ValuesIn(store_kinds()), kind_name);

class SerialStoreConformance : public StoreConformance {};

TEST_P(SerialStoreConformance, SerialsNeverRepeatOverReopening) {
  std::set<std::uint64_t> seen;
  for (int start = 0; start < 3; ++start) {
    for (int i = 0; i < 5; ++i) EXPECT_TRUE(seen.insert(store_->serials().next().value()).second);
    reopen();
  }
}

TEST_P(SerialStoreConformance, SerialsNeverRepeatBetweenHandles) {
  const auto other = under_test_->open();
  std::set<std::uint64_t> seen;
  for (int i = 0; i < 20; ++i) {
    EXPECT_TRUE(seen.insert(store_->serials().next().value()).second);
    EXPECT_TRUE(seen.insert(other->serials().next().value()).second);
  }
}

TEST_P(SerialStoreConformance, SerialsAscendAndSkipLittleWhereFewAreUsed) {
  EXPECT_EQ(store_->serials().next().value(), 1u);
  reopen();
  EXPECT_EQ(store_->serials().next().value(), 2u) << "a command that wants one skips none";
  reopen();
  std::uint64_t last = 0;
  for (int i = 0; i < 2000; ++i) {
    const std::uint64_t serial = store_->serials().next().value();
    EXPECT_GT(serial, last);
    last = serial;
  }
  EXPECT_EQ(last, 2002u) << "one handle uses all of its blocks";
  reopen();
  const std::uint64_t next = store_->serials().next().value();
  EXPECT_GT(next, last);
  EXPECT_LE(next, last + 1 + kMaxSerialBlock);
}

INSTANTIATE_TEST_SUITE_P(Stores, SerialStoreConformance, ::testing::ValuesIn(store_kinds()), kind_name);

class ServiceTokenStoreConformance : public StoreConformance {
 protected:
  static ServiceTokenRow row(const std::string& name, const std::string& client_id) {
    ServiceTokenRow out;
    out.name = name;
    out.client_id = client_id;
    out.secret_hash = std::string("\0\xff", 2) + std::string(30, 'h');
    out.created = 100;
    out.expires = 200;
    return out;
  }
  ServiceTokenStore& tokens() { return store_->service_tokens(); }
};

TEST_P(ServiceTokenStoreConformance, TokensSurviveReopeningAndAreFoundByClientId) {
  ASSERT_TRUE(tokens().insert(row("deploy", "id.access")).value());
  reopen();
  const auto found = tokens().find("id.access").value();
  ASSERT_TRUE(found);
  EXPECT_EQ(found->name, "deploy");
  EXPECT_EQ(found->secret_hash, row("", "").secret_hash);
  EXPECT_EQ(found->created, 100);
  EXPECT_EQ(found->expires, 200);
  EXPECT_EQ(found->last_used, 0);
  EXPECT_FALSE(tokens().find("deploy").value());
}

TEST_P(ServiceTokenStoreConformance, InsertRefusesANameOrClientIdThatExists) {
  ASSERT_TRUE(tokens().insert(row("deploy", "id.access")).value());
  EXPECT_FALSE(tokens().insert(row("other", "id.access")).value());
  EXPECT_FALSE(tokens().insert(row("deploy", "other.access")).value());
  EXPECT_EQ(tokens().list().value().size(), 1u);
  EXPECT_FALSE(tokens().find("other.access").value());
}

TEST_P(ServiceTokenStoreConformance, ListIsSortedByName) {
  for (const char* name : {"b", "c", "a"}) ASSERT_TRUE(tokens().insert(row(name, name)).value());
  std::string names;
  const auto rows = tokens().list();
  for (const ServiceTokenRow& one : rows.value()) names += one.name;
  EXPECT_EQ(names, "abc");
}

TEST_P(ServiceTokenStoreConformance, EraseGoesByNameAndHoldsForAllHandles) {
  const auto other = under_test_->open();
  ASSERT_TRUE(tokens().insert(row("deploy", "id.access")).value());
  EXPECT_TRUE(other->service_tokens().find("id.access").value());
  EXPECT_FALSE(tokens().erase("id.access").value());
  EXPECT_TRUE(tokens().erase("deploy").value());
  EXPECT_FALSE(tokens().erase("deploy").value());
  EXPECT_FALSE(other->service_tokens().find("id.access").value());
  reopen();
  EXPECT_FALSE(tokens().find("id.access").value());
}

TEST_P(ServiceTokenStoreConformance, TouchIsExactToAMinute) {
  ASSERT_TRUE(tokens().insert(row("deploy", "id.access")).value());
  ASSERT_TRUE(tokens().touch("id.access", 1000));
  ASSERT_TRUE(tokens().touch("id.access", 1000 + kLastUsedSeconds));
  EXPECT_EQ(tokens().find("id.access").value()->last_used, 1000) << "not every use is written";
  ASSERT_TRUE(tokens().touch("id.access", 1001 + kLastUsedSeconds));
  EXPECT_EQ(tokens().find("id.access").value()->last_used, 1001 + kLastUsedSeconds);
  EXPECT_TRUE(tokens().touch("unknown", 5000));
}

INSTANTIATE_TEST_SUITE_P(Stores, ServiceTokenStoreConformance, ::testing::ValuesIn(store_kinds()), kind_name);

class HostKeyStoreConformance : public StoreConformance {
 protected:
  HostKeyStore& keys() { return store_->host_keys(); }
};

TEST_P(HostKeyStoreConformance, TheFirstKeyOfAnOriginStays) {
  const auto other = under_test_->open();
  EXPECT_FALSE(keys().find("vm.localhost", "127.0.0.1:22").value());
  EXPECT_TRUE(keys().insert({"vm.localhost", "127.0.0.1:22", "ssh-ed25519 AAAA", 100}).value());
  EXPECT_FALSE(other->host_keys().insert({"vm.localhost", "127.0.0.1:22", "ssh-ed25519 BBBB", 200}).value());
  reopen();
  const auto found = keys().find("vm.localhost", "127.0.0.1:22").value();
  ASSERT_TRUE(found);
  EXPECT_EQ(found->hostname, "vm.localhost");
  EXPECT_EQ(found->origin, "127.0.0.1:22");
  EXPECT_EQ(found->line, "ssh-ed25519 AAAA");
  EXPECT_EQ(found->time, 100);
  EXPECT_FALSE(keys().find("vm.localhost", "127.0.0.1:23").value());
  EXPECT_FALSE(keys().find("b.localhost", "127.0.0.1:22").value());
}

TEST_P(HostKeyStoreConformance, ListIsSortedAndEraseTakesAllOfAnApplication) {
  for (const auto& [hostname, origin] : {std::pair("b", "1"), std::pair("a", "2"), std::pair("a", "1")})
    ASSERT_TRUE(keys().insert({hostname, origin, "ssh-ed25519 AAAA", 100}).value());
  std::string listed;
  const auto rows = keys().list();
  for (const HostKeyRow& row : rows.value()) listed += row.hostname + row.origin + " ";
  EXPECT_EQ(listed, "a1 a2 b1 ");
  EXPECT_EQ(keys().erase("a").value(), 2);
  EXPECT_EQ(keys().erase("a").value(), 0);
  ASSERT_EQ(keys().list().value().size(), 1u);
  EXPECT_EQ(keys().list().value().front().hostname, "b");
}

INSTANTIATE_TEST_SUITE_P(Stores, HostKeyStoreConformance, ::testing::ValuesIn(store_kinds()), kind_name);

class StoreFailures : public StoreConformance {
 protected:
  template <class T>
  static void expect_failure(const Result<T>& result, const char* what) {
    ASSERT_FALSE(result) << what;
    const Failure& failure = result.error();
    EXPECT_EQ(failure.stage, Stage::state) << what;
    EXPECT_FALSE(failure.detail.empty()) << what;
    EXPECT_EQ(failure.detail, printable(failure.detail, failure.detail.size())) << what;
    EXPECT_EQ(failure.detail.find("hunter2"), std::string::npos) << what << ": a secret in a message";
  }
};

TEST_P(StoreFailures, AreOfTheStateInOnePrintableLineWithoutSecrets) {
  under_test_->damage();
  expect_failure(store_->keys().find("a"), "keys find");
  expect_failure(store_->keys().insert("a", Secret("hunter2")), "keys insert");
  expect_failure(store_->keys().move("a", "b"), "keys move");
  expect_failure(store_->keys().erase("a"), "keys erase");
  expect_failure(store_->keys().list("a"), "keys list");
  expect_failure(store_->keys().audience("a"), "keys audience");
  expect_failure(store_->serials().next(), "serials next");
  expect_failure(store_->pending().put("a", "b", "hunter2", 2, 1), "pending put");
  expect_failure(store_->pending().find("a", "b", 1), "pending find");
  expect_failure(store_->pending().take("a", "b", 1), "pending take");
  expect_failure(store_->pending().use_once("a", "b", 2, 1), "pending use_once");
  expect_failure(store_->pending().use_briefly("a", "b", 2, 1), "pending use_briefly");
  RevocationStore& revocations = store_->revocations();
  expect_failure(revocations.revoke_person("a", 1), "revoke_person");
  expect_failure(revocations.revoked_until("a"), "revoked_until");
  expect_failure(revocations.revoke_session("a", 1), "revoke_session");
  expect_failure(revocations.session_revoked("a"), "session_revoked");
  expect_failure(revocations.find_session("a"), "find_session");
  expect_failure(revocations.list_sessions({"a", 0, 1, 1}), "list_sessions");
  expect_failure(revocations.revoke_certificates("a", {1}, 1), "revoke_certificates");
  expect_failure(revocations.list_certificates("a", 1), "list_certificates");
  expect_failure(revocations.prune(1, 1), "revocations prune");
}

TEST_P(StoreFailures, OfTokensHostKeysAndTheAuditAreSuchToo) {
  under_test_->damage();
  ServiceTokenRow token;
  token.secret_hash = "hunter2";
  expect_failure(store_->service_tokens().insert(token), "service_tokens insert");
  expect_failure(store_->service_tokens().find("a"), "service_tokens find");
  expect_failure(store_->service_tokens().list(), "service_tokens list");
  expect_failure(store_->service_tokens().erase("a"), "service_tokens erase");
  expect_failure(store_->service_tokens().touch("a", 1), "service_tokens touch");
  expect_failure(store_->host_keys().find("a", "b"), "host_keys find");
  expect_failure(store_->host_keys().insert({"a", "b", "c", 1}), "host_keys insert");
  expect_failure(store_->host_keys().list(), "host_keys list");
  expect_failure(store_->host_keys().erase("a"), "host_keys erase");
  AuditStore& audit = store_->audit();
  AuditRow login;
  login.session = "0123456789abcdef";
  expect_failure(audit.insert(AuditRow()), "audit insert");
  expect_failure(audit.insert(login), "audit insert of a login");
  expect_failure(audit.insert_all({AuditRow()}), "audit insert_all");
  boost::asio::io_context loop(1);
  auto added = boost::asio::co_spawn(loop, audit.async_insert_all({AuditRow()}), boost::asio::use_future);
  loop.run();
  expect_failure(added.get(), "audit async_insert_all");
  expect_failure(audit.insert_spooled({AuditRow()}, 0, 1), "audit insert_spooled");
  expect_failure(audit.spool_mark(0), "audit spool_mark");
  expect_failure(audit.read(0, [](const AuditRow&) { return true; }), "audit read");
  expect_failure(audit.search(AuditQuery()), "audit search");
  expect_failure(audit.list_after(0, 1), "audit list_after");
  expect_failure(audit.list_certificates("a", "b", 1), "audit list_certificates");
  expect_failure(audit.copy_mark(), "audit copy_mark");
  expect_failure(audit.set_copy_mark(1), "audit set_copy_mark");
  expect_failure(audit.prune(1, 1), "audit prune");
}

TEST_P(StoreFailures, OfConnectorsAreSuchToo) {
  under_test_->damage();
  ConnectorStore& connectors = store_->connectors();
  expect_failure(connectors.insert(ConnectorRow()), "connectors insert");
  expect_failure(connectors.find("a"), "connectors find");
  expect_failure(connectors.list(), "connectors list");
  expect_failure(connectors.erase("a"), "connectors erase");
  expect_failure(connectors.erase_named("a"), "connectors erase_named");
  expect_failure(connectors.touch("a", 1), "connectors touch");
  expect_failure(connectors.list_attached(1), "connectors list_attached");
}

TEST_P(StoreFailures, OfOpenTunnelsAreSuchToo) {
  under_test_->damage();
  TunnelStore& tunnels = store_->tunnels();
  boost::asio::io_context loop(1);
  auto published =
      boost::asio::co_spawn(loop, tunnels.async_publish("a", TunnelChanges(), 1), boost::asio::use_future);
  auto erased = boost::asio::co_spawn(loop, tunnels.async_erase_edge("a"), boost::asio::use_future);
  loop.run();
  expect_failure(published.get(), "tunnels async_publish");
  expect_failure(erased.get(), "tunnels async_erase_edge");
  expect_failure(tunnels.prune(1, 1), "tunnels prune");
  expect_failure(tunnels.list(1), "tunnels list");
  expect_failure(tunnels.ask_to_end("a", 1, EndedBy::owner), "tunnels ask_to_end");
  expect_failure(tunnels.list_asked_to_end("a"), "tunnels list_asked_to_end");
}

INSTANTIATE_TEST_SUITE_P(Stores, StoreFailures, ::testing::ValuesIn(store_kinds()), kind_name);

}  // namespace
}  // namespace cfpipe::edge
