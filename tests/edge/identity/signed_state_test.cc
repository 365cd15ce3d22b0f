#include "edge/identity/signed_state.h"

#include <gtest/gtest.h>

#include "edge/store/sqlite_store.h"
#include "support/temp_dir.h"

namespace cfpipe::edge {
namespace {

TEST(SignedState, ReadOnlyWhatTheyWroteOfThatKindAndInTime) {
  const TempDir dir;
  const auto store = open_sqlite_store(dir / "state").value();
  const auto signed_state = SignedState::open(store->keys());
  const std::string note = signed_state->write("login", {{"aud", "a"}}, 200);
  ASSERT_TRUE(signed_state->read("login", note, 199));
  EXPECT_EQ(text_of(*signed_state->read("login", note, 199), "aud"), "a");
  EXPECT_FALSE(signed_state->read("login", note, 200));
  EXPECT_FALSE(signed_state->read("form", note, 100));
  for (std::size_t i = 0; i < note.size(); ++i) {
    std::string broken = note;
    broken[i] = broken[i] == 'A' ? 'B' : 'A';
    EXPECT_FALSE(signed_state->read("login", broken, 100)) << i;
    EXPECT_FALSE(signed_state->read("login", note.substr(0, i), 100)) << i;
  }
  EXPECT_TRUE(SignedState::open(store->keys())->read("login", note, 100));
  const TempDir other;
  const auto other_store = open_sqlite_store(other / "state").value();
  EXPECT_FALSE(SignedState::open(other_store->keys())->read("login", note, 100));
}

}  // namespace
}  // namespace cfpipe::edge
