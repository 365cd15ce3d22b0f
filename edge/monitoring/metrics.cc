#include "edge/monitoring/metrics.h"

#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace cfpipe::edge {
namespace {

struct Described {
  Count what;
  const char* name;
  const char* label;
  const char* help;
};

constexpr std::array<Described, kCounts> kDescribed{{
    {Count::requests, "requests_total", "code", "Requests that were answered, by class of status."},
    {Count::logins, "logins_total", "application", "People who have signed in."},
    {Count::failed_logins, "login_failures_total", "application",
     "Sign-ins that the identity provider did not complete."},
    {Count::denials, "denials_total", "application", "Requests that policies or limits have refused."},
    {Count::certificates, "certificates_total", "application", "User certificates that were signed."},
    {Count::tunnels_opened, "tunnels_opened_total", "application", "Tunnels that were opened."},
    {Count::tunnels_resumed, "tunnels_resumed_total", "application",
     "Times that a client came back to its open tunnel."},
    {Count::tunnels_closed, "tunnels_closed_total", "application", "Tunnels that have ended."},
    {Count::up_bytes, "tunnel_received_bytes_total", "application", "Payload from clients."},
    {Count::down_bytes, "tunnel_sent_bytes_total", "application", "Payload to clients."},
    {Count::limited, "limited_total", "limit", "Requests that were refused because of a limit, by limit."},
    {Count::left_out, "audit_left_out_total", "cause",
     "Rows that the audit has left out because there were many like them, by cause."},
    {Count::connector_refusals, "connector_refusals_total", "cause",
     "Connectors that were not enrolled or not attached, by cause."},
}};

/// Unix time of this process's beginning, near enough: when its globals were made.
const double kStarted =
    std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();

std::size_t open_files() {
  std::error_code error;
  std::filesystem::directory_iterator files("/proc/self/fd", error);
  return error ? 0 : static_cast<std::size_t>(std::distance(begin(files), end(files)));
}

std::uint64_t resident_bytes() {
  std::uint64_t size = 0, resident = 0;
  std::ifstream("/proc/self/statm") >> size >> resident;
  return resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

double cpu_seconds() {
  rusage used{};
  ::getrusage(RUSAGE_SELF, &used);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(used.ru_utime) + seconds(used.ru_stime);
}

std::uint64_t file_limit() {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  return limit.rlim_cur;
}

}  // namespace

void Counters::add(Count what, std::string_view label, std::uint64_t by) {
  auto& counts = counts_[static_cast<std::size_t>(what)];
  const auto found = counts.find(label);
  if (found != counts.end()) {
    found->second += by;
  } else {
    counts.emplace(label, by);
  }
}

class MetricsText {
 public:
  void head(const std::string& name, const char* type, const char* help) {
    out += "# HELP " + name + " " + help + "\n# TYPE " + name + " " + type + "\n";
  }
  void gauge(const char* name, const char* help, double value) {
    head(name, "gauge", help);
    out += std::string(name) + " " + number(value) + "\n";
  }
  void counter(const char* name, const char* help, double value) {
    head(name, "counter", help);
    out += std::string(name) + " " + number(value) + "\n";
  }
  void counters(const Counters& counters, const Gauges& gauges) {
    for (const Described& one : kDescribed) {
      auto counts = counters.counts_[static_cast<std::size_t>(one.what)];
      if (one.what == Count::limited) counts.insert(gauges.limited.begin(), gauges.limited.end());
      // So that rate() sees the bytes of a tunnel while they move, not in a heap at its end.
      for (const auto& [application, bytes] : gauges.open_bytes) {
        if (one.what == Count::up_bytes) counts[application] += bytes.up;
        if (one.what == Count::down_bytes) counts[application] += bytes.down;
      }
      const std::string name = std::string("cfpipe_edge_") + one.name;
      head(name, "counter", one.help);
      // None of the labels' values holds anything that would have to be escaped.
      for (const auto& [label, value] : counts)
        out += name + "{" + one.label + "=\"" + label + "\"} " + std::to_string(value) + "\n";
    }
  }

  void connectors(const Gauges& gauges) {
    gauge("cfpipe_edge_connectors", "Connectors that are attached.", static_cast<double>(gauges.connectors));
    gauge("cfpipe_edge_connector_connections", "Connections of attached connectors.",
          static_cast<double>(gauges.connector_connections));
    gauge("cfpipe_edge_connector_tunnels", "Open tunnels through connectors.",
          static_cast<double>(gauges.connector_tunnels));
  }

  void memory(const Gauges& gauges) {
    gauge("cfpipe_edge_memory_held_bytes", "Memory that peers make the edge hold.",
          static_cast<double>(gauges.memory));
    gauge("cfpipe_edge_memory_limit_bytes", "What that may be at most.",
          static_cast<double>(gauges.memory_limit));
    const std::string name = "cfpipe_edge_memory_refused_total";
    head(name, "counter", "Connections, requests and answers refused for want of memory.");
    for (const auto& [use, value] : gauges.memory_refused)
      out += name + "{use=\"" + use + "\"} " + std::to_string(value) + "\n";
  }

  void histogram(const std::string& name, const std::string& label, const Histogram& of) {
    const std::string comma = label.empty() ? "" : ",";
    for (std::size_t i = 0; i < Histogram::kBounds.size(); ++i)
      out += name + "_bucket{" + label + comma + "le=\"" + bound(Histogram::kBounds[i]) + "\"} " +
             std::to_string(of.at_most(i)) + "\n";
    const std::string whole = label.empty() ? "" : "{" + label + "}";
    out += name + "_bucket{" + label + comma + "le=\"+Inf\"} " + std::to_string(of.count()) + "\n";
    out += name + "_sum" + whole + " " + number(of.sum()) + "\n";
    out += name + "_count" + whole + " " + std::to_string(of.count()) + "\n";
  }
  void timings(const Counters& counters) {
    head("cfpipe_edge_request_seconds", "histogram",
         "From a request's turn to its answer, without polls that wait.");
    histogram("cfpipe_edge_request_seconds", {}, counters.requests);
    head("cfpipe_edge_certificate_seconds", "histogram", "Signing a user certificate and recording it.");
    histogram("cfpipe_edge_certificate_seconds", {}, counters.certificates);
  }
  void providers(const Gauges& gauges) {
    const std::string up = "cfpipe_edge_provider_up";
    head(up, "gauge", "1 if the identity provider answered the last request to it.");
    for (const auto& [name, health] : gauges.providers)
      out += up + "{provider=\"" + escaped(name) + "\"} " + (health.answers ? "1" : "0") + "\n";
    const std::string took = "cfpipe_edge_provider_request_seconds";
    head(took, "histogram", "Requests to the identity provider, failed ones too.");
    for (const auto& [name, health] : gauges.providers)
      histogram(took, "provider=\"" + escaped(name) + "\"", health.requests);
  }

  std::string out;

 private:
  /// A label's value that an administrator has chosen.
  static std::string escaped(const std::string& value) {
    std::string out;
    for (const char c : value) {
      if (c == '"' || c == '\\') out += '\\';
      if (c == '\n') {
        out += "\\n";
      } else {
        out += c;
      }
    }
    return out;
  }
  static std::string bound(double value) {
    std::array<char, 32> text{};
    const int size = std::snprintf(text.data(), text.size(), "%g", value);
    return {text.data(), static_cast<std::size_t>(size)};
  }
  static std::string number(double value) {
    std::array<char, 64> text{};
    const int size = std::snprintf(text.data(), text.size(), "%.17g", value);
    return {text.data(), static_cast<std::size_t>(size)};
  }
};

std::string metrics_text(const Counters& counters, const Gauges& gauges) {
  MetricsText text;
  text.head("cfpipe_edge_build_info", "gauge", "1, with the version as label.");
  text.out += "cfpipe_edge_build_info{version=\"" CFPIPE_VERSION "\"} 1\n";
  text.gauge("cfpipe_edge_ready", "1 while new connections are taken and the state can be read.",
             gauges.ready ? 1 : 0);
  text.gauge("cfpipe_edge_connections", "TLS connections that are open.",
             static_cast<double>(gauges.connections));
  text.gauge("cfpipe_edge_tunnels", "Tunnels that are open.", static_cast<double>(gauges.tunnels));
  text.gauge("cfpipe_edge_tunnels_detached", "Open tunnels that wait for their client to come back.",
             static_cast<double>(gauges.tunnels_detached));
  text.connectors(gauges);
  text.counter("cfpipe_edge_connections_refused_total",
               "Connections that were closed because their address has as many as it may.",
               static_cast<double>(gauges.refused));
  text.gauge("cfpipe_edge_audit_recording", "1 while the audit can be kept, in the state or in its spool.",
             gauges.records ? 1 : 0);
  text.gauge("cfpipe_edge_audit_spooled_rows", "Rows of the audit that wait until the state takes them.",
             static_cast<double>(gauges.spooled_rows));
  text.counter("cfpipe_edge_audit_failures_total", "Rows of the audit that could not be kept at all.",
               static_cast<double>(gauges.lost_rows));
  if (gauges.certificate_expires > 0)
    text.gauge("cfpipe_edge_certificate_expiry_seconds", "When the TLS certificate expires, Unix time.",
               static_cast<double>(gauges.certificate_expires));
  text.memory(gauges);
  text.counters(counters, gauges);
  text.timings(counters);
  text.providers(gauges);
  text.counter("process_cpu_seconds_total", "CPU time of user and system.", cpu_seconds());
  text.gauge("process_start_time_seconds", "When this process began, Unix time.", kStarted);
  text.gauge("process_resident_memory_bytes", "Resident memory.", static_cast<double>(resident_bytes()));
  text.gauge("process_open_fds", "Open files.", static_cast<double>(open_files()));
  text.gauge("process_max_fds", "Open files that are allowed.", static_cast<double>(file_limit()));
  return text.out;
}

}  // namespace cfpipe::edge
