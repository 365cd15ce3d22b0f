#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace {

// The compiler works out a ceil() of constants by itself.
double called(double value) {
  volatile double hidden = value;
  return std::ceil(hidden);
}

TEST(Ceil, IsThatOfLibm) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  for (const auto& [value, expected] : {std::pair{0.0, 0.0},
                                        {0.25, 1.0},
                                        {1.0, 1.0},
                                        {-1.0, -1.0},
                                        {-1.5, -1.0},
                                        {1e15 + 0.5, 1e15 + 1},
                                        {4503599627370495.5, 4503599627370496.0},
                                        {-1e300, -1e300},
                                        {kInfinity, kInfinity},
                                        {-kInfinity, -kInfinity}}) {
    EXPECT_EQ(called(value), expected) << value;
  }
  EXPECT_TRUE(std::signbit(called(-0.0)));
  EXPECT_TRUE(std::signbit(called(-0.5)));
  EXPECT_TRUE(std::isnan(called(std::numeric_limits<double>::quiet_NaN())));
}

}  // namespace
