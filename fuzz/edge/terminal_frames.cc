// What a page sends to its terminal: frames do not depend on cuts and print as themselves, messages stay
// within their bounds.
#include "edge/terminal/frames.h"
#include "edge/terminal/messages.h"
#include "fuzz.h"

namespace {

using cfpipe::fuzz::require;
using namespace cfpipe;
using namespace cfpipe::edge::terminal;

struct Read {
  std::vector<std::pair<FrameType, std::string>> frames;
  bool broken = false;
  std::size_t held = 0;
  bool operator==(const Read&) const = default;
};

Read read_all(const std::vector<std::string_view>& pieces) {
  FrameReader reader;
  Read out;
  for (const auto piece : pieces) {
    reader.feed(piece);
    while (auto frame = reader.next()) {
      require(frame->payload.size() <= kMaxFrameBytes, "a payload has a bound");
      out.frames.emplace_back(frame->type, std::move(frame->payload));
    }
    if (reader.broken()) break;  // the page is hung up on
  }
  out.broken = reader.broken();
  out.held = out.broken ? 0 : reader.held();
  return out;
}

void check_messages(std::string_view json) {
  if (const auto start = read_start(json)) {
    require(start->size.columns >= 1 && start->size.columns <= kMaxColumns, "columns have a bound");
    require(start->size.rows >= 1 && start->size.rows <= kMaxRows, "rows have a bound");
    require(start->user.size() <= kMaxUserBytes, "a user name has a bound");
    require(read_size(json).has_value(), "a start has a size");
  }
  (void)read_position(json);
  if (const auto login = read_log_in(json)) {
    require(json.size() <= kMaxJsonBytes, "JSON has a bound");
    require(login->answers.size() <= json.size(), "answers are what was sent");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  cfpipe::fuzz::Input input(data, size);
  const auto plan = input.byte();
  const auto whole = read_all({input.rest()});
  require(whole == read_all(cfpipe::fuzz::cut(input.rest(), plan)), "cuts change nothing");
  std::string printed;
  for (const auto& [type, payload] : whole.frames) {
    printed += encode(type, payload);
    check_messages(payload);
  }
  require(input.rest().starts_with(printed), "frames print as they came");
  require(whole.broken || printed.size() + whole.held == input.rest().size(),
          "every byte is a frame's or waits");
  check_messages(input.rest());
  return 0;
}
