// The one place where Beast's own code is compiled; everything else sees its declarations only.
#include <boost/beast/src.hpp>
