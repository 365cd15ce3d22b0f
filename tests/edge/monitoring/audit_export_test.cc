#include "edge/monitoring/audit_export.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>

#include "auth/token/jwt.h"
#include "base/platform/files.h"
#include "edge/edge_fixture.h"

namespace cfpipe::edge {
namespace {

class AuditLogTest : public ::testing::Test {
 protected:
  void add(const std::string& who) { add(store_->audit(), who); }
  static void add(AuditStore& audit, const std::string& who) {
    AuditRow row;
    row.time = 1'800'000'000;
    row.kind = "login";
    row.identity = who;
    row.reason = "a \"quoted\"\nreason";
    ASSERT_TRUE(audit.insert(row));
  }
  std::string text(const std::string& name = "audit.jsonl") const {
    std::ifstream in(dir_ / name);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  /// Who is in the file, in order.
  std::string people() const {
    std::string out;
    std::istringstream lines(text());
    for (std::string line; std::getline(lines, line);) {
      if (line.empty()) continue;
      const auto row = parse_json_object(line);
      out += row ? std::string(row->at("identity").as_string()) + " " : "? ";
    }
    return out;
  }
  Fd file(const std::string& name = "audit.jsonl") {
    auto opened = AuditLog::open(dir_ / name);
    EXPECT_TRUE(opened) << (opened ? "" : opened.error().detail);
    return opened ? std::move(*opened) : Fd();
  }
  /// The state's note of how far the copy has come stays what it is, as on a disk that is full.
  void keep_mark() {
    sqlite3* db = nullptr;
    ASSERT_EQ(sqlite3_open((dir_ / "state/edge.db").c_str(), &db), SQLITE_OK);
    EXPECT_EQ(sqlite3_exec(db,
                           "CREATE TRIGGER full BEFORE UPDATE ON counters WHEN NEW.name = 'audit-copied' "
                           "BEGIN SELECT RAISE(FAIL, 'database or disk is full'); END",
                           nullptr, nullptr, nullptr),
              SQLITE_OK);
    sqlite3_close(db);
  }
  std::unique_ptr<Store> open_store() { return open_sqlite_store(dir_ / "state").value(); }

  TempDir dir_;
  std::unique_ptr<Store> store_ = open_store();
};

TEST_F(AuditLogTest, FollowsRowsOfOtherProcesses) {
  add("before");
  AuditLog log(store_->audit());
  log.copy();
  log.use(file());
  log.copy();
  EXPECT_EQ(people(), "");
  add("ann");
  add(open_store()->audit(), "admin");
  log.copy();
  log.copy();
  EXPECT_EQ(people(), "ann admin ");
  EXPECT_NE(text().find(R"("reason":"a \"quoted\"?reason")"), std::string::npos) << text();
}

TEST_F(AuditLogTest, MissesNothingBetweenTwoLives) {
  {
    AuditLog log(store_->audit());
    log.use(file());
    log.copy();
    add("ann");
    log.copy();
    add("bob");
  }
  store_ = open_store();
  AuditLog log(store_->audit());
  log.use(file());
  log.copy();
  EXPECT_EQ(people(), "ann bob ");
}

/// On a full disk the state does not note what was copied, and the next process cannot ask this one.
TEST_F(AuditLogTest, GoesOnBehindTheLastLineOfTheFileWhereTheStateKnowsLess) {
  AuditLog log(store_->audit());
  log.use(file());
  log.copy();
  keep_mark();
  add("ann");
  add("bob");
  log.copy();
  EXPECT_EQ(people(), "ann bob ");
  add("carol");
  AuditLog next(store_->audit());
  next.use(file());
  next.copy();
  EXPECT_EQ(people(), "ann bob carol ");
  std::ofstream(dir_ / "audit.jsonl", std::ios::app) << "{\"id\":4,\"ki";
  add("dan");
  next.take_over();
  next.copy();
  EXPECT_EQ(people(), "ann bob carol ? dan ");
}

TEST_F(AuditLogTest, ALastLineThatIsNoRowOfTheStateSaysNothing) {
  AuditLog first(store_->audit());
  first.use(file("another"));
  first.copy();
  keep_mark();
  add("ann");
  for (const char* line : {"", "\n", "1\n", "{}\n", "{\"id\":-1}\n", "{\"id\":1}\n", "{\"id\":2}\n",
                           "{\"id\":9223372036854775807}\n"}) {
    ASSERT_TRUE(replace_file(dir_ / "audit.jsonl", line, 0600));
    AuditLog log(store_->audit());
    log.use(file());
    log.copy();
    EXPECT_NE(text().find("\"ann\""), std::string::npos) << line;
  }
}

TEST_F(AuditLogTest, WaitsForAFullDisk) {
  AuditLog log(store_->audit());
  log.use(file());
  log.copy();
  log.use(Fd(::open("/dev/full", O_WRONLY | O_CLOEXEC)));
  add("ann");
  log.copy();
  log.copy();
  log.use(file());
  log.copy();
  EXPECT_EQ(people(), "ann ");
}

TEST_F(AuditLogTest, DoesNotWaitForAReader) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK), 0);
  const Fd reader(ends[0]);
  AuditLog log(store_->audit());
  log.use(Fd(ends[1]));
  log.copy();
  std::string expected;
  for (int i = 0; i < 1000; ++i) {
    add("p" + std::to_string(i) + std::string(100, 'x'));
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
    const auto row = parse_json_object(line);
    ASSERT_TRUE(row) << line;
    const std::string who(row->at("identity").as_string());
    seen += who.substr(0, who.find('x')) + " ";
  }
  EXPECT_EQ(seen, expected);
}

TEST_F(AuditLogTest, EndsTheLineThatAKilledOneLeft) {
  std::ofstream(dir_ / "audit.jsonl") << "{\"id\":1,\"ki";
  ASSERT_EQ(::chmod((dir_ / "audit.jsonl").c_str(), 0600), 0);
  AuditLog log(store_->audit());
  log.use(file());
  log.copy();
  add("ann");
  log.copy();
  EXPECT_EQ(people(), "? ann ");
}

TEST_F(AuditLogTest, TakesManyAtATime) {
  AuditLog log(store_->audit());
  log.use(file());
  log.copy();
  std::string expected;
  for (std::size_t i = 0; i <= 2 * kAuditBatch; ++i) {
    const std::string name = "p" + std::to_string(i);
    add(name);
    expected += name + " ";
  }
  log.copy();
  EXPECT_EQ(people(), expected);
}

TEST_F(AuditLogTest, FileIsOursAlone) {
  file();
  struct stat info {};
  ASSERT_EQ(::stat((dir_ / "audit.jsonl").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0600U);
  std::filesystem::create_symlink(dir_ / "audit.jsonl", dir_ / "link");
  std::filesystem::create_directory(dir_ / "directory");
  ASSERT_EQ(::mkfifo((dir_ / "fifo").c_str(), 0600), 0);
  file("open");
  ASSERT_EQ(::chmod((dir_ / "open").c_str(), 0666), 0);
  for (const char* name : {"link", "directory", "fifo", "open", "no/such/file"})
    EXPECT_FALSE(AuditLog::open(dir_ / name)) << name;
  EXPECT_TRUE(AuditLog::open("-").value());
  EXPECT_FALSE(AuditLog::open("").value());
}

}  // namespace
}  // namespace cfpipe::edge
