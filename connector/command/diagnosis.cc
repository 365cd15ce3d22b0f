#include "connector/command/diagnosis.h"

#include <fmt/format.h>

#include <algorithm>

namespace cfpipe::connector {
namespace {

using Milliseconds = std::chrono::duration<double, std::milli>;

/// Columns of the text: step, result, time.
constexpr std::size_t kStageWidth = 9;
constexpr int kResultWidth = 7;
constexpr int kTimeWidth = 9;
/// Longest text of one step, which may repeat what the other side said.
constexpr std::size_t kMaxDetailBytes = 1000;

const char* result_name(Finding::Result result) {
  switch (result) {
    case Finding::Result::ok:
      return "ok";
    case Finding::Result::failed:
      return "failed";
    default:
      return "skipped";
  }
}

}  // namespace

ExitStatus Diagnosis::status() const {
  const auto found = std::find_if(findings.begin(), findings.end(),
                                  [](const Finding& one) { return one.failure.has_value(); });
  return found == findings.end() ? kOk : words_for(*found->failure).status;
}

std::string Diagnosis::text() const {
  std::size_t width = kStageWidth;
  for (const Finding& finding : findings) width = std::max(width, finding.stage.size());
  std::string out = "cfpipe-connector doctor: " + title + "\n";
  for (const Finding& finding : findings) {
    const bool ran = finding.result != Finding::Result::skipped;
    const std::string time =
        ran ? fmt::format("{:.1f} ms", Milliseconds(finding.took).count()) : std::string();
    const std::string words = finding.failure ? what_text(*finding.failure) : finding.detail;
    std::string line =
        fmt::format("  {:<{}}  {:<{}}  {:>{}}  {}", finding.stage, width, result_name(finding.result),
                    kResultWidth, time, kTimeWidth, printable(words, kMaxDetailBytes));
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + "\n";
    if (finding.failure)
      out += fmt::format("{:>{}}fix: {}\n", "", width + kResultWidth + kTimeWidth + 8,
                         words_for(*finding.failure).hint);
  }
  return out;
}

}  // namespace cfpipe::connector
