#include "service/logging.h"

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>

#include <boost/json/serialize.hpp>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "base/log.h"
#include "base/utf8.h"

namespace cfpipe::service {
namespace {

constexpr const char* kText = "%Y-%m-%dT%H:%M:%S.%eZ %l %v";
constexpr const char* kJson = R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l","message":%*})";

LogFormat chosen = LogFormat::text;

/// The message as a JSON string, for `%*`.
class JsonMessage final : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& message, const std::tm&, spdlog::memory_buf_t& out) override {
    const std::string_view said(message.payload.data(), message.payload.size());
    // What peers say is made printable where it is taken; a path may still hold any bytes.
    const std::string text = boost::json::serialize(
        boost::json::string(is_utf8(said) ? std::string(said) : printable(said, said.size())));
    out.append(text.data(), text.data() + text.size());
  }
  std::unique_ptr<spdlog::custom_flag_formatter> clone() const override {
    return std::make_unique<JsonMessage>();
  }
};

}  // namespace

void log_to_stderr(LogFormat format) {
  auto formatter = std::make_unique<spdlog::pattern_formatter>(spdlog::pattern_time_type::utc);
  if (format == LogFormat::json) formatter->add_flag<JsonMessage>('*');
  formatter->set_pattern(format == LogFormat::json ? kJson : kText);
  auto logger =
      std::make_shared<spdlog::logger>("service", std::make_shared<spdlog::sinks::stderr_sink_mt>());
  logger->set_formatter(std::move(formatter));
  spdlog::set_default_logger(std::move(logger));
  chosen = format;
}

LogFormat log_format() {
  return chosen;
}

}  // namespace cfpipe::service
