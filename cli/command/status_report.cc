#include "cli/command/status_report.h"

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <numeric>

#include "base/error.h"
#include "base/table.h"
#include "cli/console/times.h"

namespace cfpipe::cli {
namespace json = boost::json;
namespace {

using Row = std::vector<std::string>;

std::string expiry(std::int64_t expires, std::int64_t now) {
  if (expires == 0) return "does not expire";
  if (expires <= now) return "expired " + duration(now - expires) + " ago";
  return "until " + local_time(expires) + " (" + duration(expires - now) + ")";
}

std::string list_of(const std::vector<std::string>& names) {
  return std::accumulate(names.begin(), names.end(), std::string(),
                         [](std::string all, const std::string& name) {
                           return std::move(all) + (all.empty() ? "" : ", ") + printable(name);
                         });
}

/// The rows below their title, in columns.
std::string titled(const std::string& title, const std::vector<Row>& rows) {
  return title + "\n" + (rows.empty() ? "  none\n" : table(rows, "  "));
}

Row row_of(const SignIn& sign_in, std::int64_t now) {
  const std::string application = sign_in.application.empty() ? "every application of " + sign_in.auth_domain
                                                              : printable(sign_in.application);
  if (!sign_in.problem.empty()) return {application, printable(sign_in.problem)};
  return {application, printable(sign_in.identity), expiry(sign_in.expires, now)};
}

Row row_of(const CertificateFile& certificate, std::int64_t now) {
  return {printable(certificate.file), "for " + list_of(certificate.principals),
          expiry(certificate.expires, now)};
}

std::string number_of_tunnels(int count) {
  return (count == 0 ? "no" : std::to_string(count)) + (count == 1 ? " tunnel" : " tunnels");
}

/// How its tunnels are, as far as the process has told.
std::string state_of(const OpenSession& session, std::int64_t now) {
  if (!session.tunnels) return {};
  const TunnelCounts& tunnels = *session.tunnels;
  const bool listens = !session.listens.empty();
  std::string text = listens ? number_of_tunnels(tunnels.open) : "attached";
  if (tunnels.detached > 0) {
    text =
        listens ? text + ", " + std::to_string(tunnels.detached) + " without a connection" : "no connection";
    text += " since " + short_local_time(tunnels.detached_since, now) + " (" +
            duration(std::max<std::int64_t>(0, now - tunnels.detached_since)) + "), dialling again";
  }
  if (tunnels.resumed == 1) text += ", resumed once";
  if (tunnels.resumed > 1) text += ", resumed " + std::to_string(tunnels.resumed) + " times";
  return text;
}

std::string application_of(const OpenSession& session) {
  if (session.application.empty()) return "named by its environment";
  return printable(session.application) +
         (session.destination.empty() ? "" : " for " + printable(session.destination));
}

Row row_of(const OpenSession& session, std::int64_t now) {
  std::string what = session.user.empty() ? "" : "as " + printable(session.user);
  if (!session.listens.empty()) what = "listens on " + printable(session.listens);
  return {application_of(session), what,
          "since " + local_time(session.since) + " (" +
              duration(std::max<std::int64_t>(0, now - session.since)) + ")",
          "process " + std::to_string(session.process), state_of(session, now)};
}

template <class Entry>
std::vector<Row> rows_of(const std::vector<Entry>& entries, std::int64_t now) {
  std::vector<Row> rows;
  for (const auto& entry : entries) rows.push_back(row_of(entry, now));
  return rows;
}

json::object object_of(const SignIn& sign_in) {
  json::object out{{"application", sign_in.application}, {"auth_domain", sign_in.auth_domain}};
  if (!sign_in.problem.empty()) {
    out["problem"] = sign_in.problem;
  } else {
    out["identity"] = sign_in.identity;
    out["expires"] = sign_in.expires;
  }
  return out;
}

json::object object_of(const CertificateFile& certificate) {
  return {{"file", certificate.file},
          {"principals", json::array(certificate.principals.begin(), certificate.principals.end())},
          {"expires", certificate.expires}};
}

json::object object_of(const OpenSession& session) {
  json::object out{{"application", session.application},
                   {"destination", session.destination},
                   {"user", session.user},
                   {"listens", session.listens},
                   {"since", session.since},
                   {"process", session.process}};
  if (!session.tunnels) return out;
  const TunnelCounts& tunnels = *session.tunnels;
  out["state"] = tunnels.detached > 0 ? "detached" : "attached";
  out["tunnels"] = tunnels.open;
  out["detached"] = tunnels.detached;
  if (tunnels.detached > 0) out["detached_since"] = tunnels.detached_since;
  out["resumed"] = tunnels.resumed;
  return out;
}

template <class Entry>
json::array array_of(const std::vector<Entry>& entries) {
  json::array out;
  for (const auto& entry : entries) out.push_back(object_of(entry));
  return out;
}

}  // namespace

std::string Status::text(std::int64_t now) const {
  return titled("Signed in", rows_of(sign_ins, now)) +
         titled("Certificates in files", rows_of(certificates, now)) +
         titled("Open sessions", rows_of(sessions, now));
}

std::string Status::json() const {
  return json::serialize(json::object{{"signed_in", array_of(sign_ins)},
                                      {"certificates", array_of(certificates)},
                                      {"sessions", array_of(sessions)}}) +
         "\n";
}

}  // namespace cfpipe::cli
