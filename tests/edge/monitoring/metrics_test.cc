#include "edge/monitoring/metrics.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>

namespace cfpipe::edge {
namespace {

using namespace std::chrono_literals;

TEST(Metrics, CountByLabel) {
  Counters counters;
  counters.add(Count::logins, "vm.example.com");
  counters.add(Count::logins, "b.example.com");
  counters.add(Count::logins, "vm.example.com");
  counters.add(Count::up_bytes, "vm.example.com", std::uint64_t{1} << 40);
  Gauges gauges;
  gauges.connections = 3;
  gauges.tunnels = 2;
  gauges.tunnels_detached = 1;
  gauges.refused = 4;
  gauges.lost_rows = 1;
  gauges.spooled_rows = 7;
  gauges.memory = 1'000;
  gauges.memory_limit = 2'000;
  gauges.memory_refused = {{"connections", 4}, {"small_requests", 0}};
  gauges.records = gauges.ready = true;
  const std::string text = metrics_text(counters, gauges);
  const std::string logins =
      "# HELP cfpipe_edge_logins_total People who have signed in.\n"
      "# TYPE cfpipe_edge_logins_total counter\n"
      "cfpipe_edge_logins_total{application=\"b.example.com\"} 1\n"
      "cfpipe_edge_logins_total{application=\"vm.example.com\"} 2\n";
  for (const std::string& part :
       {logins, std::string("\ncfpipe_edge_connections 3\n"), std::string("\ncfpipe_edge_tunnels 2\n"),
        std::string("\ncfpipe_edge_tunnels_detached 1\n"),
        std::string("\ncfpipe_edge_connections_refused_total 4\n"), std::string("\ncfpipe_edge_ready 1\n"),
        std::string("\ncfpipe_edge_audit_failures_total 1\n"),
        std::string("\ncfpipe_edge_audit_spooled_rows 7\n"), std::string("\ncfpipe_edge_audit_recording 1\n"),
        std::string("\ncfpipe_edge_memory_held_bytes 1000\n"),
        std::string("\ncfpipe_edge_memory_limit_bytes 2000\n"),
        std::string("\n# TYPE cfpipe_edge_memory_refused_total counter\n"
                    "cfpipe_edge_memory_refused_total{use=\"connections\"} 4\n"
                    "cfpipe_edge_memory_refused_total{use=\"small_requests\"} 0\n"),
        std::string(
            "\ncfpipe_edge_tunnel_received_bytes_total{application=\"vm.example.com\"} 1099511627776\n")})
    EXPECT_NE(text.find(part), std::string::npos) << part << text;
}

TEST(Metrics, ShowWhatLimitsHaveRefusedWhereverTheyAre) {
  Counters counters;
  counters.add(Count::limited, "codes", 3);
  counters.add(Count::left_out, "denied", 5);
  Gauges gauges;
  gauges.limited = {{"lookups", 7}};
  const std::string text = metrics_text(counters, gauges);
  for (const char* line :
       {"cfpipe_edge_limited_total{limit=\"codes\"} 3", "cfpipe_edge_limited_total{limit=\"lookups\"} 7",
        "cfpipe_edge_audit_left_out_total{cause=\"denied\"} 5"})
    EXPECT_NE(text.find(std::string("\n") + line + "\n"), std::string::npos) << line << text;
}

bool has_line(const std::string& text, const std::string& line) {
  return text.find("\n" + line + "\n") != std::string::npos;
}

TEST(Metrics, BytesOfOpenTunnelsAreInTheTotals) {
  Counters counters;
  counters.add(Count::up_bytes, "vm.example.com", 100);
  Gauges gauges;
  gauges.open_bytes = {{"vm.example.com", {7, 11}}, {"b.example.com", {0, 3}}};
  const std::string text = metrics_text(counters, gauges);
  EXPECT_TRUE(has_line(text, "cfpipe_edge_tunnel_received_bytes_total{application=\"vm.example.com\"} 107"))
      << text;
  EXPECT_TRUE(has_line(text, "cfpipe_edge_tunnel_sent_bytes_total{application=\"vm.example.com\"} 11"));
  EXPECT_TRUE(has_line(text, "cfpipe_edge_tunnel_sent_bytes_total{application=\"b.example.com\"} 3"));
}

TEST(Metrics, TimesAreCountedByUpperBounds) {
  Counters counters;
  for (const auto took : {5ms, 6ms, 11'000ms}) counters.requests.add(took);
  const std::string text = metrics_text(counters, {});
  for (const std::string& line :
       {std::string("_bucket{le=\"0.005\"} 1"), std::string("_bucket{le=\"0.01\"} 2"),
        std::string("_bucket{le=\"10\"} 2"), std::string("_bucket{le=\"+Inf\"} 3"), std::string("_count 3")})
    EXPECT_TRUE(has_line(text, "cfpipe_edge_request_seconds" + line)) << line << text;
  EXPECT_NE(text.find("\ncfpipe_edge_request_seconds_sum 11.01"), std::string::npos) << text;
  EXPECT_TRUE(has_line(text, "cfpipe_edge_certificate_seconds_count 0"));
}

TEST(Metrics, ProvidersAreNamedAsInTheConfiguration) {
  Gauges gauges;
  gauges.providers["the \"old\" one\\"].requests.add(1ms);
  gauges.providers["okta"].answers = true;
  const std::string text = metrics_text({}, gauges);
  EXPECT_TRUE(has_line(text, "cfpipe_edge_provider_up{provider=\"okta\"} 1")) << text;
  EXPECT_TRUE(has_line(text, R"(cfpipe_edge_provider_up{provider="the \"old\" one\\"} 0)"));
  EXPECT_TRUE(has_line(
      text, R"(cfpipe_edge_provider_request_seconds_bucket{provider="the \"old\" one\\",le="0.005"} 1)"));
}

TEST(Metrics, TheCertificatesEndIsToldWhereThereIsOne) {
  Gauges gauges;
  EXPECT_EQ(metrics_text({}, gauges).find("certificate_expiry"), std::string::npos);
  gauges.certificate_expires = 1'800'000'000;
  EXPECT_TRUE(has_line(metrics_text({}, gauges), "cfpipe_edge_certificate_expiry_seconds 1800000000"));
}

TEST(Metrics, WithoutALabelThereIsAlwaysAValue) {
  const std::string text = metrics_text({}, {});
  EXPECT_NE(text.find("\ncfpipe_edge_audit_failures_total 0\n"), std::string::npos) << text;
  EXPECT_NE(text.find("\ncfpipe_edge_ready 0\n"), std::string::npos) << text;
}

}  // namespace
}  // namespace cfpipe::edge
