#pragma once

namespace cfpipe::testing {

/// How many segments with data in them this TCP socket has sent.
unsigned data_segments_sent(int fd);

}  // namespace cfpipe::testing
