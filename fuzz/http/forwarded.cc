// Headers of proxies that end TLS, as a client can write them: whatever stands there, the address that a
// proxy puts behind it is the client's, or the request is refused.
#include "edge/http/forwarded.h"

#include "fuzz.h"

namespace {

using namespace cfpipe;
using namespace cfpipe::edge;
using cfpipe::fuzz::require;

constexpr const char* kClient = "198.51.100.7";

TrustedProxies trusted() {
  TrustedProxies out;
  out.ranges.push_back(*parse_ip_range("192.0.2.0/24"));
  return out;
}

void take_care(const Headers& headers) {
  const auto read = forwarded_client(headers, trusted(), boost::asio::ip::make_address("192.0.2.1"));
  const auto* client = std::get_if<ForwardedClient>(&read);
  require(client == nullptr || client->address.to_string() == kClient, "a client cannot name itself");
}

}  // namespace

// Header fields, one a line: the first letter says which.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  cfpipe::fuzz::Input input(data, size);
  Headers headers;
  while (!input.rest().empty()) {
    const std::string line(input.until('\n'));
    const char* name = line.starts_with('f') ? "Forwarded" : "X-Forwarded-For";
    headers.emplace_back(line.starts_with('p') ? "X-Forwarded-Proto" : name,
                         line.substr(line.empty() ? 0 : 1));
  }
  (void)forwarded_client(headers, trusted(), boost::asio::ip::make_address("192.0.2.1"));
  const std::pair<std::string, std::string> by_proxy[] = {
      {"X-Forwarded-For", kClient},
      {"Forwarded", std::string("for=") + kClient},
      {"Forwarded", std::string("for=\"") + kClient + ":443\";proto=https"}};
  for (const auto& [name, added] : by_proxy) {
    auto in_a_field = headers;
    in_a_field.emplace_back(name, added);
    take_care(in_a_field);
    // Proxies may add to the last field there is as well.
    auto to_the_last = headers;
    for (auto field = to_the_last.rbegin(); field != to_the_last.rend(); ++field) {
      if (field->first != name) continue;
      field->second += ", " + added;
      take_care(to_the_last);
      break;
    }
  }
  return 0;
}
