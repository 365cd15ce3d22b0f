#pragma once

namespace cfpipe {

/// Response header of our edge when it rejects a request: the reason, one printable line. Other edges name a
/// reason in the page at most.
inline constexpr const char* kReasonHeader = "Cfpipe-Reason";

}  // namespace cfpipe
