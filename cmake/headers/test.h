// Precompiled for the unit tests.
#include "program.h"

#include <boost/asio/detached.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
