#pragma once

#include <string>
#include <string_view>

namespace cfpipe::cli {

/// What a terminal can show.
struct TerminalLook {
  unsigned columns = 0;  ///< 0: there is no terminal
  unsigned rows = 0;
  bool utf8 = false;
  bool colours = false;
};

/// Standard error as it is now: its size, and what the locale and $TERM say.
TerminalLook standard_error_terminal();

/// A QR code in lines of text: half blocks where the terminal takes UTF-8, else two characters for each
/// module. With its own colours, so that it is dark on light whatever the terminal's are; without any, drawn
/// for a dark background. Text in upper case makes a smaller code. Empty if it does not fit, or there is no
/// terminal or no libqrencode.
std::string qr_code_text(std::string_view text, const TerminalLook& terminal);

}  // namespace cfpipe::cli
