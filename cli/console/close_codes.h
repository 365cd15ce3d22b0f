#pragma once

#include <cstdint>

#include "cli/console/words.h"

namespace cfpipe::cli {

/// What a person is told about the close code with which an edge ended a tunnel before its origin had: one
/// wording for each code that RFC 6455 7.4.1 and IANA's registry define and that may stand in a Close frame,
/// one for the rest of 3000 to 3999, which is for registration, and one for 4000 to 4999, which is for
/// private use (RFC 6455 7.4.2). The status is kLost for each. 1000 is a normal end. 1005 and 1006 stand for
/// a Close without a code and for no Close: a normal end, and Cause::lost. 1004 and 1015 in a frame, and
/// codes outside these ranges, break the protocol: transport ends such a tunnel as that, and none of them
/// comes here.
Words words_for_close_code(std::uint16_t code);

}  // namespace cfpipe::cli
