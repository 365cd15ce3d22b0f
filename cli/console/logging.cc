#include "cli/console/logging.h"

#include <spdlog/details/null_mutex.h>
#include <spdlog/sinks/base_sink.h>
#include <unistd.h>

#include <memory>

#include "base/log.h"
#include "cli/console/log_file.h"

namespace cfpipe::cli {
namespace {

constexpr const char* kFileLogger = "file";
constexpr const char* kFileInDirectory = "cfpipe.log";
constexpr const char* kPattern = "%Y-%m-%dT%H:%M:%S.%eZ %l %v";

/// Lines to a file, or to standard error. A log that cannot be written is no reason to end a tunnel.
class LineSink final : public spdlog::sinks::base_sink<spdlog::details::null_mutex> {
 public:
  LineSink() = default;
  explicit LineSink(LogFile file) : file_(std::move(file)) {}

 protected:
  void sink_it_(const spdlog::details::log_msg& message) override {
    spdlog::memory_buf_t line;
    formatter_->format(message, line);
    if (file_) {
      file_->append({line.data(), line.size()});
    } else {
      (void)!::write(STDERR_FILENO, line.data(), line.size());
    }
  }
  void flush_() override {}

 private:
  std::optional<LogFile> file_;
};

spdlog::level::level_enum level_of(const Options& options) {
  if (options.log_level == "fatal" || options.log_level == "panic") return spdlog::level::critical;
  if (options.log_level == "disabled") return spdlog::level::off;
  if (!options.log_level.empty()) return spdlog::level::from_str(options.log_level);
  return spdlog::level::info;
}

void use(const char* name, std::shared_ptr<LineSink> sink, spdlog::level::level_enum level) {
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

}  // namespace

void log_report(std::string_view line) {
  auto* logger = spdlog::default_logger_raw();
  if (logger != nullptr && logger->name() == kFileLogger) logger->error("{}", line);
}

Result<void> start_logging(const Options& options) {
  const bool in_directory = options.log_file.empty() && !options.log_directory.empty();
  if (in_directory || !options.log_file.empty()) {
    auto file = in_directory ? LogFile::open(options.log_directory + "/" + kFileInDirectory, true)
                             : LogFile::open(options.log_file, false);
    if (!file) return file.error();
    use(kFileLogger, std::make_shared<LineSink>(std::move(*file)), level_of(options));
    if (!in_directory && !options.log_directory.empty())
      spdlog::warn("--log-directory is of no use beside --log-file");
    return {};
  }
  // Errors are printed as messages anyhow; on standard error the log is only what was asked for.
  const bool asked = !options.log_level.empty() && level_of(options) < spdlog::level::err;
  if (asked) {
    use("stderr", std::make_shared<LineSink>(), level_of(options));
  } else {
    use_none();
  }
  return {};
}

}  // namespace cfpipe::cli
