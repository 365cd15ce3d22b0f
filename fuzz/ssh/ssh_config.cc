// The user's ssh_config with our part in it: what is put in is found and can be taken out, and what others
// have written stays.
#include "cli/command/ssh_config_blocks.h"
#include "fuzz.h"

namespace {

using cfpipe::fuzz::require;
using namespace cfpipe;
using namespace cfpipe::cli;

constexpr std::string_view kHost = "vm.example.com";
constexpr std::string_view kLines = "Host vm.example.com\n  User ann\n";

bool has(const HostBlocks& blocks, std::string_view host) {
  const auto hosts = blocks.hosts();
  return std::find(hosts.begin(), hosts.end(), host) != hosts.end();
}

void check_blocks(std::string_view text) {
  HostBlocks blocks{std::string(text)};
  const auto others = blocks.hosts();
  blocks.set(kHost, kLines);
  require(has(blocks, kHost), "a block that was put in is found");
  for (const auto& host : others) require(has(blocks, host), "other blocks stay");
  require(blocks.text().find(kLines) != std::string::npos, "its lines stand there");
  const auto once = blocks.text();
  blocks.set(kHost, kLines);
  require(blocks.text() == once, "the same again changes nothing");

  HostBlocks copy{once};
  copy.remove(kHost);
  for (const auto& host : others)
    require(host == kHost || has(copy, host), "other blocks stay when one goes");
  copy.set_made({".ssh", "config"});
  (void)copy.made();
  copy.remove_all();
  require(copy.hosts().empty(), "all blocks go");
}

void check_include(std::string_view text) {
  const auto with = with_include(text);
  require(with_include(with) == with, "one include is enough");
  require(with.ends_with(text), "what the user wrote stays");
  if (with != text) require(without_include(with) == text, "the include goes as it came");
  const auto without = without_include(text);
  require(without.size() <= text.size(), "nothing comes when something goes");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  check_blocks(text);
  check_include(text);
  return 0;
}
