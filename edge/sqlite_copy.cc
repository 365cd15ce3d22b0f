#include "edge/sqlite_copy.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <stdexcept>

#include "auth/own_file.h"
#include "edge/sqlite.h"
#include "edge/sqlite_schema.h"

namespace cfpipe::edge {
namespace {

transport::Failure failure(const std::string& path, const std::string& why) {
  return {transport::Stage::state, transport::Cause::state_write_failed,
          path + ": " + transport::printable(why)};
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

bool flushed(const auth::Fd& file, const std::string& path) {
  std::string directory = std::filesystem::path(path).parent_path().string();
  if (directory.empty()) directory = ".";
  const auth::Fd holder(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  return ::fsync(file.get()) == 0 && holder && ::fsync(holder.get()) == 0;
}

}  // namespace

// VACUUM INTO takes an empty file, which is how the copy has its mode before it has any content.
transport::Result<void> copy_database(sqlite3* db, const std::string& path) {
  const auth::Fd file(
      ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, S_IRUSR | S_IWUSR));
  if (!file) return failure(path, std::strerror(errno));
  std::string fault;
  try {
    const Statement copy(db, "VACUUM INTO ?");
    Query query(copy);
    query.bind(path).step();
    if (!query.ok()) fault = sqlite3_errmsg(db);
  } catch (const std::runtime_error& error) {
    fault = error.what();
  }
  if (fault.empty()) fault = fault_of(path);
  if (fault.empty() && !flushed(file, path)) fault = std::strerror(errno);
  if (fault.empty()) return {};
  ::unlink(path.c_str());
  return failure(path, fault);
}

}  // namespace cfpipe::edge
