#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/options/options.h"

namespace cfpipe::cli {

/// Longest line of a block that is read, in bytes, and words of it.
inline constexpr std::size_t kMaxBlockLine = 16 * 1024;
inline constexpr std::size_t kMaxBlockWords = 128;

/// `$HOME`, and where ssh itself looks, which is the account's home directory whatever $HOME says.
struct Home {
  std::string path;
  bool of_the_account = true;
};
/// Stage::config, Cause::file_unusable.
Result<Home> find_home();

/// The words behind `cfpipe access ssh` in the ProxyCommand of a block that ssh-config wrote, as ssh's shell
/// parts them, with the host's name for `%h`; of the first block whose pattern has the host, as ssh takes it.
/// Empty if there is none, or if it is not such a line any more. `file`: the whole of config.d/cfpipe.
std::vector<std::string> words_of_block(const std::string& file, std::string_view host);

/// Their whole text, that of ~/.ssh/config.d/cfpipe; empty if there is no such file. Stage::config,
/// Cause::file_unusable.
Result<std::string> installed_blocks(const Home& home);

/// The command line of `doctor` with what those words say and it does not: the host's port and path, and
/// options. `host`: the target as it was given, empty if that has a port or path of its own.
std::vector<std::string> with_block(std::vector<std::string> arguments, const std::string& host,
                                    const std::vector<std::string>& words);

/// Has `options`, which are of `doctor`, read once more with the block of ~/.ssh/config.d/cfpipe for the
/// host, if there is one. Options::block then names the file.
Result<void> use_block(const std::vector<std::string>& arguments, const Environment& environment,
                       Options& options);

}  // namespace cfpipe::cli
