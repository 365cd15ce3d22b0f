#include "cli/logging.h"

#include <fcntl.h>
#include <spdlog/details/null_mutex.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>

namespace cfpipe::cli {
namespace {

using transport::Cause;
using transport::Failure;
using transport::Stage;

constexpr const char* kFileLogger = "file";
constexpr const char* kPattern = "%Y-%m-%dT%H:%M:%S.%eZ %l %v";

/// Lines to a descriptor. A log that cannot be written is no reason to end a tunnel.
class FdSink final : public spdlog::sinks::base_sink<spdlog::details::null_mutex> {
 public:
  FdSink(int fd, bool owned) : fd_(fd), owned_(owned) {}
  ~FdSink() override {
    if (owned_) ::close(fd_);
  }
  FdSink(const FdSink&) = delete;
  FdSink& operator=(const FdSink&) = delete;

 protected:
  void sink_it_(const spdlog::details::log_msg& message) override {
    spdlog::memory_buf_t line;
    formatter_->format(message, line);
    (void)!::write(fd_, line.data(), line.size());
  }
  void flush_() override {}

 private:
  int fd_;
  bool owned_;
};

spdlog::level::level_enum level_of(const Options& options) {
  if (options.log_level == "fatal") return spdlog::level::critical;
  if (!options.log_level.empty()) return spdlog::level::from_str(options.log_level);
  return spdlog::level::info;
}

void use(const char* name, std::shared_ptr<FdSink> sink, spdlog::level::level_enum level) {
  auto logger = std::make_shared<spdlog::logger>(name, std::move(sink));
  logger->set_level(level);
  logger->set_pattern(kPattern, spdlog::pattern_time_type::utc);
  spdlog::set_default_logger(std::move(logger));
}

/// Of a logger that says nothing no part is made that it would say it with.
void use_none() {
  auto logger = std::make_shared<spdlog::logger>("none");
  logger->set_level(spdlog::level::off);
  spdlog::set_default_logger(std::move(logger));
}

/// Appends; never through a link, and readable by the user alone even if it was not before.
Result<int> open_log(const std::string& path) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (fd < 0) return Failure(Stage::config, Cause::state_write_failed, path + ": " + std::strerror(errno));
  struct stat status {};
  if (::fstat(fd, &status) == 0 && S_ISREG(status.st_mode)) (void)!::fchmod(fd, 0600);
  return fd;
}

}  // namespace

void log_report(std::string_view line) {
  auto* logger = spdlog::default_logger_raw();
  if (logger != nullptr && logger->name() == kFileLogger) logger->error("{}", line);
}

Result<void> start_logging(const Options& options) {
  std::string path = options.log_file;
  if (path.empty() && !options.log_directory.empty()) path = options.log_directory + "/cfpipe.log";
  if (!path.empty()) {
    auto fd = open_log(path);
    if (!fd) return fd.error();
    use(kFileLogger, std::make_shared<FdSink>(*fd, true), level_of(options));
    return {};
  }
  // Errors are printed as messages anyhow; on standard error the log is only what was asked for.
  const bool asked =
      !options.log_level.empty() && options.log_level != "error" && options.log_level != "fatal";
  if (asked) {
    use("stderr", std::make_shared<FdSink>(STDERR_FILENO, false), level_of(options));
  } else {
    use_none();
  }
  return {};
}

}  // namespace cfpipe::cli
