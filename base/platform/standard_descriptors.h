#pragma once

namespace cfpipe {

/// Opens /dev/null in place of each closed standard descriptor. Otherwise a database or socket could get its
/// number, and messages would be written into it.
void fill_standard_descriptors();

}  // namespace cfpipe
