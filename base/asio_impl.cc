// The one place where Asio's own code is compiled; everything else sees its declarations only.
#include <boost/asio/impl/src.hpp>
