#include "edge/store/sqlite_copy.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <string>
#include <utility>

#include "base/platform/own_file.h"
#include "edge/store/sqlite.h"
#include "edge/store/sqlite_schema.h"

namespace cfpipe::edge {
namespace {

/// Bytes that the kernel copies at a time, and what the draft of a copy is called behind the database's name.
constexpr std::size_t kCopyBytes = 1024 * 1024;
constexpr const char* kDraftSuffix = ".copy";

Failure failure(const std::string& path, const std::string& why) {
  return {Stage::state, Cause::state_write_failed, path + ": " + printable(why)};
}

/// What is wrong with the copy, or nothing.
std::string fault_of(const std::string& path) {
  sqlite3* opened = nullptr;
  const int status = sqlite3_open_v2(path.c_str(), &opened, SQLITE_OPEN_READONLY, nullptr);
  const Db db(opened);
  if (status != SQLITE_OK) return "the copy cannot be opened";
  try {
    const Statement check(db.get(), "PRAGMA integrity_check(1)");
    Query query(check);
    if (!query.step()) return "the copy cannot be read";
    const std::string answer = query.text(0);
    return answer == "ok" ? "" : answer;
  } catch (const std::runtime_error& error) {
    return error.what();
  }
}

/// All bytes of one file into the other, which is empty.
bool copied(const Fd& from, int to) {
  for (;;) {
    const ssize_t moved = ::sendfile(to, from.get(), nullptr, kCopyBytes);
    if (moved < 0 && errno == EINTR) continue;
    if (moved <= 0) return moved == 0;
  }
}

/// The name goes with the file.
class Draft {
 public:
  explicit Draft(std::string path)
      : path_(std::move(path)),
        file_(::open(path_.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, S_IRUSR | S_IWUSR)) {
    mine_ = file_ && ::flock(file_.get(), LOCK_EX | LOCK_NB) == 0 && ::ftruncate(file_.get(), 0) == 0;
  }
  ~Draft() {
    if (mine_) ::unlink(path_.c_str());
  }
  Draft(const Draft&) = delete;
  Draft& operator=(const Draft&) = delete;

  bool mine() const { return mine_; }
  const std::string& path() const { return path_; }
  const Fd& file() const { return file_; }

 private:
  std::string path_;
  Fd file_;
  bool mine_ = false;
};

/// Empty, or what went wrong.
std::string write_draft(sqlite3* db, const Draft& draft) {
  try {
    const Statement copy(db, "VACUUM INTO ?");
    Query query(copy);
    query.bind(draft.path()).step();
    if (!query.ok()) return sqlite3_errmsg(db);
  } catch (const std::runtime_error& error) {
    return error.what();
  }
  return fault_of(draft.path());
}

}  // namespace

// SQLite writes to a name, not to a descriptor: in a directory that others can write to, they could put
// another file in its place. So it writes into the store's own directory, and what it wrote goes from there
// by descriptor. A draft that a killed backup left is the next one's.
Result<void> copy_sqlite_store(const std::string& dir, int file, const std::string& name) {
  const auto db = open_sqlite_database(dir);
  if (!db) return db.error();
  const Draft draft(std::string(sqlite3_db_filename(db->get(), "main")) + kDraftSuffix);
  std::string fault = draft.mine() ? write_draft(db->get(), draft) : "another backup is under way";
  if (fault.empty() && !copied(draft.file(), file)) fault = std::strerror(errno);
  return fault.empty() ? Result<void>() : failure(name, fault);
}

}  // namespace cfpipe::edge
