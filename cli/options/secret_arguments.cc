#include "cli/options/secret_arguments.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <string_view>

namespace cfpipe::cli {
namespace {

/// Options with a value to hide, without their dashes: one or two of them are taken.
constexpr std::array<std::string_view, 5> kSecretOptions{"service-token-secret", "secret", "header", "H",
                                                         "proxy"};

bool is_secret(std::string_view name) {
  return std::find(kSecretOptions.begin(), kSecretOptions.end(), name) != kSecretOptions.end();
}

void overwrite(char* value) {
  std::memset(value, '*', std::strlen(value));
}

/// The part of an argument that is a value to hide; or null. `takes_next`: the argument behind it is one.
char* secret_in(char* argument, bool& takes_next) {
  takes_next = false;
  if (argument[0] != '-') return nullptr;
  char* name = argument + (argument[1] == '-' ? 2 : 1);
  char* equals = std::strchr(name, '=');
  if (equals != nullptr && is_secret({name, static_cast<std::size_t>(equals - name)})) return equals + 1;
  takes_next = is_secret(name);
  // -HName: value
  return !takes_next && argument[1] == 'H' ? argument + 2 : nullptr;
}

/// Variables that are read into the options, or are cloudflared's, and would let a program that we start in.
constexpr std::array kSecretVariables{"TUNNEL_SERVICE_TOKEN_ID", "TUNNEL_SERVICE_TOKEN_SECRET",
                                      "TUNNEL_TOKEN"};

}  // namespace

void forget_secret_variables() {
  for (const char* name : kSecretVariables) {
    char* value = ::getenv(name);
    if (value == nullptr) continue;
    overwrite(value);  // where /proc/PID/environ shows it
    ::unsetenv(name);
  }
}

void hide_secret_arguments(int argc, char** argv) {
  bool takes_next = false;
  for (int i = 1; i < argc; ++i) {
    if (takes_next) {
      overwrite(argv[i]);
      takes_next = false;
    } else if (char* value = secret_in(argv[i], takes_next); value != nullptr) {
      overwrite(value);
    }
  }
}

}  // namespace cfpipe::cli
