#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "edge/http/responses.h"

namespace cfpipe::edge {

/// Where a client's login begins on the application (`/cdn-cgi/access/cli`), and what it asks for there.
inline constexpr std::string_view kCliPath = "/cdn-cgi/access/cli";

/// True if the target of a sign-in hands tokens to a program.
bool for_a_program(std::string_view target);
/// The program's public key, which is what the tokens are sealed to; may be anything.
std::string receiver_of(std::string_view target);
/// True if the program wants the org token too.
bool wants_org_token(std::string_view target);

/// What a person is asked before a program gets their tokens.
struct ProgramRequest {
  std::string application;  ///< host name
  std::string target;       ///< of the sign-in
  std::string peer;         ///< address from which the program asks for the tokens; empty: it does not, now
  std::int64_t time = 0;    ///< Unix seconds, of the page
};
/// HTML for the page: everything that is granted, the address, the time, and the code that the program
/// prints.
std::string consent_text(const ProgramRequest& request);

/// What a program has been given.
struct Granted {
  std::string application;  ///< host name
  std::string email;
  std::string sessions;         ///< URL of the page that ends it
  std::int64_t until = 0;       ///< Unix seconds, for the application
  std::int64_t team_until = 0;  ///< the same for all others; 0: for none
};
/// The page that says so.
Page granted_page(const Granted& granted);

}  // namespace cfpipe::edge
