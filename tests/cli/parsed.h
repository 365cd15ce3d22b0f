#pragma once

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <variant>
#include <vector>

#include "cli/options/options.h"
#include "cli/options/parse_options.h"

namespace cfpipe::cli {

using Parsed = std::variant<Options, AskedText, Failure>;
using Variables = std::map<std::string, std::string>;

inline Parsed parse(const std::vector<std::string>& arguments, const Variables& variables = {}) {
  return parse_command_line(arguments, [&](const char* name) -> const char* {
    const auto found = variables.find(name);
    return found == variables.end() ? nullptr : found->second.c_str();
  });
}

inline Options good(const std::vector<std::string>& arguments, const Variables& variables = {}) {
  auto parsed = parse(arguments, variables);
  if (const auto* failure = std::get_if<Failure>(&parsed)) ADD_FAILURE() << failure->detail;
  auto* options = std::get_if<Options>(&parsed);
  return options != nullptr ? std::move(*options) : Options{};
}

inline Failure bad(const std::vector<std::string>& arguments, const Variables& variables = {}) {
  auto parsed = parse(arguments, variables);
  const auto* failure = std::get_if<Failure>(&parsed);
  EXPECT_NE(failure, nullptr);
  return failure != nullptr ? *failure : Failure(Stage::tunnel, Cause::local_io);
}

}  // namespace cfpipe::cli
