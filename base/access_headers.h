#pragma once

namespace cfpipe::transport {

/// In an answer of our edge that refuses something: why, in one printable line for a person. Other edges say
/// it in pages, if at all.
inline constexpr const char* kReasonHeader = "Cfpipe-Reason";

}  // namespace cfpipe::transport
