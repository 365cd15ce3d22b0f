#include "edge/audit_log.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "auth/jwt.h"
#include "edge/edge_fixture.h"

namespace cfpipe::edge {
namespace {

class AuditLogTest : public ::testing::Test {
 protected:
  void add(State& state, const std::string& who) {
    AuditRow row;
    row.time = 1'800'000'000;
    row.kind = "login";
    row.identity = who;
    row.reason = "a \"quoted\"\nreason";
    ASSERT_TRUE(state.append_audit(row));
  }
  std::string text(const std::string& name = "audit.jsonl") const {
    std::ifstream in(dir_.file(name));
    return {std::istreambuf_iterator<char>(in), {}};
  }
  /// Who is in the file, in order.
  std::string people() const {
    std::string out;
    std::istringstream lines(text());
    for (std::string line; std::getline(lines, line);) {
      if (line.empty()) continue;
      const auto row = auth::parse_json_object(line);
      out += row ? std::string(row->at("identity").as_string()) + " " : "? ";
    }
    return out;
  }
  auth::Fd file(const std::string& name = "audit.jsonl") {
    auto opened = AuditLog::open(dir_.file(name));
    EXPECT_TRUE(opened) << (opened ? "" : opened.error().detail);
    return opened ? std::move(*opened) : auth::Fd();
  }
  std::unique_ptr<State> open_state() { return open_sqlite_state(dir_.file("state")).value(); }

  TempDir dir_;
  std::unique_ptr<State> state_ = open_state();
};

TEST_F(AuditLogTest, FollowsTheStateWhoeverAddsToIt) {
  add(*state_, "before");
  AuditLog log(*state_);
  log.copy();
  log.use(file());
  log.copy();
  EXPECT_EQ(people(), "");
  add(*state_, "ann");
  add(*open_state(), "admin");
  log.copy();
  log.copy();
  EXPECT_EQ(people(), "ann admin ");
  EXPECT_NE(text().find(R"("reason":"a \"quoted\"\nreason")"), std::string::npos) << text();
}

TEST_F(AuditLogTest, MissesNothingBetweenTwoLives) {
  {
    AuditLog log(*state_);
    log.use(file());
    log.copy();
    add(*state_, "ann");
    log.copy();
    add(*state_, "bob");
  }
  state_ = open_state();
  AuditLog log(*state_);
  log.use(file());
  log.copy();
  EXPECT_EQ(people(), "ann bob ");
}

TEST_F(AuditLogTest, WaitsForAFullDisk) {
  AuditLog log(*state_);
  log.use(file());
  log.copy();
  log.use(auth::Fd(::open("/dev/full", O_WRONLY | O_CLOEXEC)));
  add(*state_, "ann");
  log.copy();
  log.copy();
  log.use(file());
  log.copy();
  EXPECT_EQ(people(), "ann ");
}

TEST_F(AuditLogTest, TakesManyAtATime) {
  AuditLog log(*state_);
  log.use(file());
  log.copy();
  std::string expected;
  for (std::size_t i = 0; i <= 2 * kAuditBatch; ++i) {
    const std::string name = "p" + std::to_string(i);
    add(*state_, name);
    expected += name + " ";
  }
  log.copy();
  EXPECT_EQ(people(), expected);
}

TEST_F(AuditLogTest, FileIsOursAlone) {
  file();
  struct stat info {};
  ASSERT_EQ(::stat(dir_.file("audit.jsonl").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0600U);
  std::filesystem::create_symlink(dir_.file("audit.jsonl"), dir_.file("link"));
  std::filesystem::create_directory(dir_.file("directory"));
  ASSERT_EQ(::mkfifo(dir_.file("fifo").c_str(), 0600), 0);
  file("open");
  ASSERT_EQ(::chmod(dir_.file("open").c_str(), 0666), 0);
  for (const char* name : {"link", "directory", "fifo", "open", "no/such/file"})
    EXPECT_FALSE(AuditLog::open(dir_.file(name))) << name;
  EXPECT_TRUE(AuditLog::open("-").value());
  EXPECT_FALSE(AuditLog::open("").value());
}

}  // namespace
}  // namespace cfpipe::edge
