#pragma once

namespace cfpipe::transport {

/// Any of the standard descriptors that is closed becomes /dev/null, so that no file or socket of ours gets
/// its number: a database or a log would take the words for a person.
void fill_standard_descriptors();

}  // namespace cfpipe::transport
