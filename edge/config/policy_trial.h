#pragma once

#include <string>

#include "edge/config/config.h"

namespace cfpipe::edge {

/// A verdict on a subject that is only supposed, with its reason.
struct Trial {
  Subject seen;  ///< as the gate takes it: a person of a provider that does not count has not signed in
  Verdict verdict;
  std::string reason;
};

/// What the gate of the application would say. An empty login method is any provider that counts.
Trial try_application(const ApplicationConfig& app, Subject subject);

}  // namespace cfpipe::edge
