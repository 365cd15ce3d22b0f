#include "log.h"

#include <boost/json/serialize.hpp>
#include <chrono>
#include <stdexcept>

namespace edge_mock {

Log::Log(const std::string& file) : out_(file, std::ios::app) {
  if (!out_) throw std::runtime_error("cannot write " + file);
}

void Log::write(const char* event, const boost::json::object& fields) {
  std::chrono::duration<double> since_epoch = std::chrono::system_clock::now().time_since_epoch();
  boost::json::object line{{"time", since_epoch.count()}, {"event", event}};
  for (const auto& field : fields) line.insert(field);
  out_ << boost::json::serialize(line) << '\n' << std::flush;
}

}  // namespace edge_mock
