#include "base/shortage.h"

#include <gtest/gtest.h>

#include <boost/system/system_error.hpp>
#include <cerrno>
#include <new>
#include <stdexcept>
#include <system_error>

namespace cfpipe {
namespace {

template <class Thrown>
Failure caught(const Thrown& thrown) {
  return failure_of_exception(std::make_exception_ptr(thrown), Stage::config);
}

TEST(Shortage, IsNamedWhereverItIsMet) {
  for (const int error : {EMFILE, ENFILE, ENOMEM, ENOBUFS}) {
    const auto failure = system_failure(Stage::state, Cause::state_write_failed, "/state/file", error);
    EXPECT_EQ(failure.cause, Cause::system_short);
    EXPECT_EQ(failure.detail, "/state/file: " + std::generic_category().message(error));
  }
  const auto full = system_failure(Stage::state, Cause::state_write_failed, "/state/file", ENOSPC);
  EXPECT_EQ(full.cause, Cause::state_write_failed);
  EXPECT_EQ(full.detail, "/state/file: No space left on device");
}

TEST(Shortage, IsToldFromAnInternalErrorWhenThrown) {
  EXPECT_EQ(caught(std::bad_alloc()).cause, Cause::system_short);
  EXPECT_EQ(caught(std::bad_alloc()).detail, "Cannot allocate memory");
  const auto files = caught(boost::system::system_error(EMFILE, boost::system::system_category(), "epoll"));
  EXPECT_EQ(files.cause, Cause::system_short);
  EXPECT_NE(files.detail.find("Too many open files"), std::string::npos) << files.detail;
  EXPECT_EQ(caught(std::system_error(EAGAIN, std::generic_category(), "thread")).cause, Cause::system_short);
  EXPECT_EQ(caught(std::system_error(EBADF, std::generic_category())).cause, Cause::internal);
  EXPECT_EQ(caught(std::logic_error("two\nlines")).cause, Cause::internal);
  EXPECT_EQ(caught(std::logic_error("two\nlines")).detail, "two?lines");
  EXPECT_EQ(caught(42).cause, Cause::internal);
  EXPECT_EQ(failure_of_exception(nullptr, Stage::config).cause, Cause::internal);
}

}  // namespace
}  // namespace cfpipe
