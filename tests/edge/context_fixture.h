#pragma once

#include <sqlite3.h>

#include <vector>

#include "edge/ca/ssh_ca.h"
#include "edge/edge_fixture.h"
#include "edge/handlers/applications.h"
#include "edge/handlers/context.h"
#include "edge/handlers/sign_in_outcome.h"

namespace cfpipe::edge {

/// What a handler needs to be made alone: a context of two_applications(), and their table.
class ContextTest : public ::testing::Test {
 protected:
  ContextTest() { use(two_applications(dir_ / "state")); }

  void use(const Config& config) {
    if (!context_)
      context_ = EdgeContext::make(io_.get_executor(), config, *store_, [this] { return now_; }).value();
    context_->use(config);
    applications_ = ApplicationTable::make(config, store_->keys(), ssh_ca_).value();
  }
  Application& app() { return *applications_.find("vm.localhost"); }
  /// A person who has just signed in.
  Identity person(const std::string& email = "ann@example.com") const {
    Identity out;
    out.email = email;
    out.provider = kDevProviderName;
    out.subject = "subject";
    out.nonce = "session-of-" + email;
    out.issued = now_;
    out.expires = now_ + 3600;
    return out;
  }
  std::string app_token(const Identity& identity) {
    return context_->tokens.app_token(identity, app().aud, now_, std::chrono::hours(1));
  }
  std::string org_token(const Identity& identity, Holder holder) {
    return context_->tokens.org_token(identity, holder, now_, std::chrono::hours(1));
  }
  /// Runs the coroutine to its end.
  template <class T>
  T run(boost::asio::awaitable<T> work) {
    std::optional<T> out;
    boost::asio::co_spawn(io_, std::move(work), [&out](const std::exception_ptr& error, T got) {
      if (error) std::rethrow_exception(error);
      out.emplace(std::move(got));
    });
    io_.restart();
    while (!out && io_.run_one() > 0) {
    }
    return std::move(*out);
  }
  static Request request(const std::string& path, const std::string& host = "vm.localhost") {
    Request out;
    out.method = "GET";
    out.host = host;
    out.authority = host + ":8443";
    out.path = path.substr(0, path.find('?'));
    if (path.find('?') != std::string::npos) out.query = path.substr(path.find('?') + 1);
    out.peer = "127.0.0.1";
    out.ray = "ray-1";
    return out;
  }
  static Request with_header(Request request, const std::string& name, const std::string& value) {
    request.headers.emplace_back(name, value);
    return request;
  }
  /// Every insert into the audit fails from now on, as on a full disk.
  void fill_disk() {
    change_database("CREATE TRIGGER full BEFORE INSERT ON audit BEGIN SELECT RAISE(FAIL, 'full'); END");
  }
  /// Changes the database behind the store's back.
  void change_database(const std::string& sql) {
    sqlite3* db = nullptr;
    ASSERT_EQ(sqlite3_open((dir_ / "state/edge.db").c_str(), &db), SQLITE_OK);
    EXPECT_EQ(sqlite3_exec(db, sql.c_str(), nullptr, nullptr, nullptr), SQLITE_OK) << sqlite3_errmsg(db);
    sqlite3_close(db);
  }
  std::vector<AuditRow> rows(const std::string& kind) {
    std::vector<AuditRow> out;
    EXPECT_TRUE(store_->audit().read(0, [&](const AuditRow& row) {
      if (row.kind == kind) out.push_back(row);
      return true;
    }));
    return out;
  }
  bool counted(const std::string& sample) {
    return metrics_text(context_->counters, {}).find("\ncfpipe_edge_" + sample + "\n") != std::string::npos;
  }

  TempDir dir_;
  boost::asio::io_context io_{1};
  std::int64_t now_ = 1'800'000'000;
  std::unique_ptr<Store> store_ = open_sqlite_store(dir_ / "state").value();
  SshCa ssh_ca_{store_->keys(), store_->serials()};
  std::unique_ptr<EdgeContext> context_;
  ApplicationTable applications_;
};

/// The handlers that those of tunnels and sign-ins need.
class HandlersTest : public ContextTest {
 protected:
  Authenticator credentials_{*context_};
  Gate gate_{*context_, credentials_};
  MetadataSigner metadata_{*context_, ssh_ca_};
  TunnelAuthority tunnels_{*context_, applications_, credentials_, gate_, metadata_};
  TransferStore transfers_{io_.get_executor(), store_->pending(), std::chrono::milliseconds(20),
                           [this] { return now_; }};
  SignInOutcome outcome_{*context_, gate_, tunnels_, transfers_};
};

}  // namespace cfpipe::edge
