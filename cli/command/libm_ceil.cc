// The one function of libm that the client would use: fmt's formatting of floating-point numbers refers to
// it, though no message has one. Defined here, libm is not loaded: 300 kB less of a standing tunnel, and a
// library less at every start.
#include <cmath>

extern "C" double ceil(double value) noexcept {
  constexpr double kWhole = 4503599627370496.0;  // 2^52: from there on every double is a whole number
  if (!(std::fabs(value) < kWhole)) return value;
  const double cut = static_cast<double>(static_cast<long long>(value));
  return std::copysign(cut < value ? cut + 1 : cut, value);
}
