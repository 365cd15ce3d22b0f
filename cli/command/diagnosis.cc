#include "cli/command/diagnosis.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

namespace cfpipe::cli {
namespace {

namespace json = boost::json;
using Milliseconds = std::chrono::duration<double, std::milli>;

/// Columns of the text: stage, result, time.
constexpr int kStageWidth = 11;
constexpr int kResultWidth = 7;
constexpr int kTimeWidth = 8;
/// Longest text of one stage, which may repeat what the other side said.
constexpr std::size_t kMaxDetailBytes = 1000;

std::string_view result_name(Finding::Result result) {
  switch (result) {
    case Finding::Result::ok:
      return "ok";
    case Finding::Result::failed:
      return "failed";
    case Finding::Result::skipped:
      return "skipped";
  }
  return "";
}

void trim_end(std::string& line) {
  line.erase(line.find_last_not_of(' ') + 1);
}

json::object finding_object(const Finding& finding) {
  json::object out{{"stage", finding.stage},
                   {"result", result_name(finding.result)},
                   {"ms", Milliseconds(finding.took).count()}};
  if (!finding.failure) {
    out["detail"] = finding.detail;
    return out;
  }
  const auto& failure = *finding.failure;
  const Words words = words_for(failure);
  out["detail"] = printable(failure.detail, 300);
  out["message"] = what_text(failure);
  out["fix"] = words.hint;
  if (failure.http_status != 0) out["http_status"] = failure.http_status;
  if (!failure.location_host.empty()) out["location_host"] = printable(failure.location_host, 253);
  if (!failure.ray.empty()) out["ray"] = printable(failure.ray, 64);
  return out;
}

}  // namespace

const Finding* Diagnosis::failed() const {
  const auto found = std::find_if(findings.begin(), findings.end(),
                                  [](const Finding& f) { return f.result == Finding::Result::failed; });
  return found == findings.end() ? nullptr : &*found;
}

ExitStatus Diagnosis::status() const {
  const auto* finding = failed();
  return finding == nullptr ? kOk : words_for(*finding->failure).status;
}

std::string Diagnosis::text() const {
  const std::string by_block =
      block.empty() ? std::string() : ", by the block in " + printable(block, kMaxDetailBytes);
  std::string out = fmt::format("cfpipe doctor: {}{}\n", host, by_block);
  for (const auto& finding : findings) {
    const bool ran = finding.result != Finding::Result::skipped;
    const std::string time =
        ran ? fmt::format("{:.1f} ms", Milliseconds(finding.took).count()) : std::string();
    const std::string words = finding.failure ? what_text(*finding.failure) : finding.detail;
    std::string line =
        fmt::format("  {:<{}}  {:<{}}  {:>{}}  {}", finding.stage, kStageWidth, result_name(finding.result),
                    kResultWidth, time, kTimeWidth, printable(words, kMaxDetailBytes));
    trim_end(line);
    out += line + "\n";
    if (finding.failure) {
      const int indent = 2 + kStageWidth + 2 + kResultWidth + 2 + kTimeWidth + 2;
      out += fmt::format("{:>{}}fix: {}\n", "", indent, words_for(*finding.failure).hint);
    }
  }
  return out;
}

std::string Diagnosis::json() const {
  json::array stages;
  for (const auto& finding : findings) stages.push_back(finding_object(finding));
  const auto* finding = failed();
  json::object out{{"host", host}, {"status", static_cast<int>(status())}};
  if (!block.empty()) out["block"] = printable(block, kMaxDetailBytes);
  out["failed"] = finding == nullptr ? json::value(nullptr) : json::value(finding->stage);
  out["stages"] = std::move(stages);
  return json::serialize(out) + "\n";
}

}  // namespace cfpipe::cli
