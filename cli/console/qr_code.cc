#include "cli/console/qr_code.h"

#include <qrencode.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <array>
#include <cstdlib>

#include "base/platform/dynamic_library.h"

namespace cfpipe::cli {
namespace {

/// Light modules around the code: what the standard wants, and what cameras are content with.
constexpr int kQuietZone = 4;
constexpr int kNarrowQuietZone = 2;
/// Size of a terminal that does not say it.
constexpr unsigned kUsualColumns = 80;
constexpr unsigned kUsualRows = 24;
/// Rows that are left for the link and the words above the code, and for the cursor below it; at the least.
constexpr unsigned kTextRows = 4;
constexpr unsigned kCursorRows = 1;

constexpr std::string_view kBlackOnWhite = "\x1b[30;47m";
constexpr std::string_view kOnWhite = "\x1b[47m";
constexpr std::string_view kOnBlack = "\x1b[40m";
constexpr std::string_view kPlain = "\x1b[0m";

/// What is wanted of libqrencode. Without it there is no code, and the URL has to do.
class QrLibrary {
  static constexpr int kKeepCase = 1;

 public:
  /// Null if there is no library, or no code for a text of that length.
  QRcode* encode(std::string_view text) const {
    if (encode_ == nullptr || free_ == nullptr) return nullptr;
    return encode_(std::string(text).c_str(), 0, QR_ECLEVEL_L, QR_MODE_8, kKeepCase);
  }
  void free(QRcode* code) const {
    if (code != nullptr) free_(code);
  }

 private:
  DynamicLibrary library_{"libqrencode.so.4"};
  /// This one tells parts in upper case from others, and packs them closer.
  decltype(&QRcode_encodeString) encode_ =
      library_.function<decltype(QRcode_encodeString)>("QRcode_encodeString");
  decltype(&QRcode_free) free_ = library_.function<decltype(QRcode_free)>("QRcode_free");
};

/// The modules of a code and the light ones around it.
class Symbol {
 public:
  explicit Symbol(std::string_view text) : code_(library_.encode(text)) {}
  Symbol(const Symbol&) = delete;
  Symbol& operator=(const Symbol&) = delete;
  ~Symbol() { library_.free(code_); }

  explicit operator bool() const { return code_ != nullptr; }
  /// Takes the widest margin that fits, if any does: all that is beside the code goes before the words above
  /// it do.
  bool fits(const TerminalLook& terminal) {
    margin_ = kQuietZone;
    if (fits_beside(terminal, kTextRows)) return true;
    margin_ = kNarrowQuietZone;
    return fits_beside(terminal, kCursorRows);
  }
  int size() const { return code_->width + 2 * margin_; }
  bool is_dark(int x, int y) const {
    const int column = x - margin_;
    const int row = y - margin_;
    const auto inside = [this](int i) { return i >= 0 && i < code_->width; };
    return inside(column) && inside(row) && (code_->data[row * code_->width + column] & 1) != 0;
  }

 private:
  bool fits_beside(const TerminalLook& terminal, unsigned other_rows) const {
    const auto modules = static_cast<unsigned>(size());
    const unsigned columns = terminal.utf8 ? modules : 2 * modules;
    const unsigned rows = terminal.utf8 ? (modules + 1) / 2 : modules;
    return columns <= terminal.columns && rows + other_rows <= terminal.rows;
  }

  QrLibrary library_;
  QRcode* code_;
  int margin_ = kQuietZone;
};

/// Two modules, one above the other, in a character.
std::string in_half_blocks(const Symbol& symbol, bool colours) {
  // By what is drawn in the foreground: nothing, the lower half, the upper half, both.
  constexpr std::array<std::string_view, 4> kBlocks{" ", "\u2584", "\u2580", "\u2588"};
  std::string text;
  for (int y = 0; y < symbol.size(); y += 2) {
    if (colours) text += kBlackOnWhite;
    for (int x = 0; x < symbol.size(); ++x) {
      // Without colours the foreground is what is light.
      const bool upper = symbol.is_dark(x, y) == colours;
      const bool lower = symbol.is_dark(x, y + 1) == colours;
      text += kBlocks.at((upper ? 2U : 0U) + (lower ? 1U : 0U));
    }
    if (colours) text += kPlain;
    text += '\n';
  }
  return text;
}

/// One module in two characters, which together are about as wide as they are high.
std::string in_ascii(const Symbol& symbol, bool colours) {
  std::string text;
  for (int y = 0; y < symbol.size(); ++y) {
    for (int x = 0; x < symbol.size(); ++x) {
      const bool dark = symbol.is_dark(x, y);
      const bool changes = x == 0 || dark != symbol.is_dark(x - 1, y);
      if (colours && changes) text += dark ? kOnBlack : kOnWhite;
      text += colours || dark ? "  " : "##";
    }
    if (colours) text += kPlain;
    text += '\n';
  }
  return text;
}

std::string_view variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string_view{} : value;
}

/// The locale's character set, as the first variable that is set has it.
bool locale_is_utf8() {
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    const auto value = variable(name);
    if (value.empty()) continue;
    for (const std::string_view spelling : {"UTF-8", "utf-8", "UTF8", "utf8"}) {
      if (value.find(spelling) != std::string_view::npos) return true;
    }
    return false;
  }
  return false;
}

}  // namespace

TerminalLook standard_error_terminal() {
  TerminalLook look;
  if (::isatty(STDERR_FILENO) == 0) return look;
  winsize size{};
  if (::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0) size = {};
  look.columns = size.ws_col > 0 ? size.ws_col : kUsualColumns;
  look.rows = size.ws_row > 0 ? size.ws_row : kUsualRows;
  look.utf8 = locale_is_utf8();
  const auto kind = variable("TERM");
  look.colours = !kind.empty() && kind != "dumb";
  return look;
}

std::string qr_code_text(std::string_view text, const TerminalLook& terminal) {
  if (terminal.columns == 0) return {};
  Symbol symbol(text);
  if (!symbol || !symbol.fits(terminal)) return {};
  return terminal.utf8 ? in_half_blocks(symbol, terminal.colours) : in_ascii(symbol, terminal.colours);
}

}  // namespace cfpipe::cli
