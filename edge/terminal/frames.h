#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace cfpipe::edge::terminal {

/// Largest payload of a frame in either direction, in bytes.
inline constexpr std::size_t kMaxFrameBytes = 64 * 1024;
/// Largest payload that is JSON, in bytes.
inline constexpr std::size_t kMaxJsonBytes = 16 * 1024;

/// What a frame is, by the letter in front of it. A page may send any other letter too.
enum class FrameType : char {
  // Of the page:
  start = 's',
  input = 'd',
  resize = 'r',
  acknowledge = 'a',  ///< output is drawn up to there
  log_in = 'l',
  quit = 'q',
  // The same letters, large, for the channel for files (files.h):
  files_open = 'S',
  files_input = 'D',
  files_acknowledge = 'A',
  files_close = 'Q',
  // Of the edge:
  event = 'e',
  output = 'o',
  taken = 'i',  ///< input up to there
  files_output = 'O',
  files_taken = 'I',
};

/// One message between the page and its terminal (docs/TERMINAL.md).
struct Frame {
  FrameType type{};
  std::string payload;
};

/// A letter, the payload's length in four bytes (network order), the payload. The payload fits
/// kMaxFrameBytes.
std::string encode(FrameType type, std::string_view payload);

/// Takes the stream of a page apart into frames, however it was cut. What it has handed out or dropped is
/// overwritten: it may have been a password.
class FrameReader {
 public:
  FrameReader() = default;
  FrameReader(FrameReader&&) = default;
  FrameReader& operator=(FrameReader&&) = default;
  FrameReader(const FrameReader&) = delete;
  FrameReader& operator=(const FrameReader&) = delete;
  ~FrameReader();

  void feed(std::string_view bytes);
  /// The next frame, or nothing until more has come.
  std::optional<Frame> next();
  /// A frame was too large: nothing of what follows can be read.
  bool broken() const { return broken_; }
  /// Bytes that wait here; at most one frame and one feed().
  std::size_t held() const { return held_.size() - begin_; }

 private:
  std::string held_;
  std::size_t begin_ = 0;  ///< what is in front of it has been handed out
  bool broken_ = false;
};

}  // namespace cfpipe::edge::terminal
