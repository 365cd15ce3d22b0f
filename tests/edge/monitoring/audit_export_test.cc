#include "edge/monitoring/audit_export.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>

#include "auth/token/jwt.h"
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
  EXPECT_NE(text().find(R"("reason":"a \"quoted\"?reason")"), std::string::npos) << text();
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

TEST_F(AuditLogTest, DoesNotWaitForAReader) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK), 0);
  const auth::Fd reader(ends[0]);
  AuditLog log(*state_);
  log.use(auth::Fd(ends[1]));
  log.copy();
  std::string expected;
  for (int i = 0; i < 1000; ++i) {
    add(*state_, "p" + std::to_string(i) + std::string(100, 'x'));
    expected += "p" + std::to_string(i) + " ";
  }
  std::string all;
  for (int turns = 0; std::count(all.begin(), all.end(), '\n') < 1000 && turns < 100; ++turns) {
    log.copy();
    std::array<char, 16384> some{};
    for (ssize_t got; (got = ::read(reader.get(), some.data(), some.size())) > 0;)
      all.append(some.data(), static_cast<std::size_t>(got));
  }
  std::string seen;
  std::istringstream lines(all);
  for (std::string line; std::getline(lines, line);) {
    const auto row = auth::parse_json_object(line);
    ASSERT_TRUE(row) << line;
    const std::string who(row->at("identity").as_string());
    seen += who.substr(0, who.find('x')) + " ";
  }
  EXPECT_EQ(seen, expected);
}

TEST_F(AuditLogTest, EndsTheLineThatAKilledOneLeft) {
  std::ofstream(dir_.file("audit.jsonl")) << "{\"id\":1,\"ki";
  ASSERT_EQ(::chmod(dir_.file("audit.jsonl").c_str(), 0600), 0);
  AuditLog log(*state_);
  log.use(file());
  log.copy();
  add(*state_, "ann");
  log.copy();
  EXPECT_EQ(people(), "? ann ");
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
