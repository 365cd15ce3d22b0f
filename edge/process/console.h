#pragma once

#include <string_view>

#include "base/error.h"

namespace cfpipe::edge {

/// Exit statuses (sysexits.h).
inline constexpr int kOk = 0;
inline constexpr int kNotConfirmed = 1;
inline constexpr int kUsage = 64;
inline constexpr int kUnavailable = 69;
inline constexpr int kDenied = 77;
inline constexpr int kBadConfig = 78;

/// One line on standard error, or an error in the log where that is JSON.
void report(std::string_view text);
/// The same with the program's name in front.
void complain(std::string_view text);
/// The same for what was thrown past everything else, with what to do about it; returns kUnavailable.
int complain_of_exception(const Failure& failure);
/// The same for a failure, whose detail is empty if it has been said already; returns the exit status that
/// goes with it.
int complain(const Failure& failure);

/// Asks on standard error whether to do what cannot be taken back, where a user can answer: standard input
/// and standard error are a terminal. Elsewhere, and after `yes`, there is no question. `what` follows
/// "this". No answer but y or yes is one.
bool confirmed(std::string_view what, bool yes);

}  // namespace cfpipe::edge
