#pragma once

#include <CLI/CLI.hpp>
#include <string>

namespace cfpipe::cli {

/// What --help shows for the command of `root` that was given (for `root` itself, if none was): its usage,
/// what it does, its options, and those that every command takes. `program` is how the user spells us.
/// Completions and manual pages are made from this text, so its form is that of docs/man/generate.
std::string help_text(const CLI::App& root, const std::string& program);

}  // namespace cfpipe::cli
