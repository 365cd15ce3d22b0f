// Browser and system of User-Agent fields, as MDN's page "User-Agent" and the browsers' own pages show them.
#include "edge/http/device.h"

#include <gtest/gtest.h>

#include <string>

namespace cfpipe::edge {
namespace {

struct Field {
  const char* user_agent;
  const char* device;
};

class Device : public ::testing::TestWithParam<Field> {};

TEST_P(Device, IsCalledAsPeopleCallIt) {
  EXPECT_EQ(device_of(GetParam().user_agent), GetParam().device);
}

INSTANTIATE_TEST_SUITE_P(
    All, Device,
    ::testing::Values(
        Field{"Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0", "Firefox on Linux"},
        Field{"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
              "Chrome/124.0.0.0 "
              "Safari/537.36",
              "Chrome on Windows"},
        Field{"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
              "Chrome/124.0.0.0 "
              "Safari/537.36 Edg/124.0.0.0",
              "Edge on Windows"},
        Field{"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
              "Chrome/124.0.0.0 "
              "Safari/537.36 OPR/110.0.0.0",
              "Opera on Windows"},
        Field{"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) "
              "Version/17.4 Safari/605.1.15",
              "Safari on macOS"},
        Field{
            "Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
            "CriOS/124.0.0.0 Mobile/15E148 Safari/604.1",
            "Chrome on iPhone"},
        Field{"Mozilla/5.0 (iPad; CPU OS 17_4 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
              "FxiOS/125.0 Mobile/15E148 Safari/605.1.15",
              "Firefox on iPad"},
        Field{"Mozilla/5.0 (Linux; Android 14; SM-S901B) AppleWebKit/537.36 (KHTML, like Gecko) "
              "SamsungBrowser/25.0 Chrome/121.0.0.0 Mobile Safari/537.36",
              "Samsung Internet on Android"},
        Field{"Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36 (KHTML, like Gecko) "
              "Chrome/124.0.0.0 "
              "Safari/537.36",
              "Chrome on ChromeOS"},
        Field{"curl/8.5.0", "curl"}, Field{"something else", ""}, Field{"", ""}, Field{"Linux", "Linux"},
        Field{"<script>Firefox/1</script>\x1b[31m\xff", "Firefox"}));

TEST(Device, LooksAtTheBeginningAlone) {
  EXPECT_EQ(device_of(std::string(kMaxUserAgentBytes, 'x') + "Firefox/1"), "");
  EXPECT_EQ(device_of(std::string(kMaxUserAgentBytes - 8, 'x') + "Firefox/1"), "Firefox");
}

}  // namespace
}  // namespace cfpipe::edge
