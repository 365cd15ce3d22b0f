// Transfers of a login: raw from a stranger, sealed by an edge that is not honest, and sealed by ours.
#include <sodium.h>

#include "auth/token/sealed_box.h"
#include "base/base64.h"
#include "base/utf8.h"
#include "fuzz.h"

namespace {

using cfpipe::fuzz::require;
using namespace cfpipe;
using namespace cfpipe::auth;

unsigned char* raw(std::string& text) {
  return reinterpret_cast<unsigned char*>(text.data());
}

/// What a dishonest edge, which may put anything in the box, sends.
SealedTransfer sealed(const TransferReceiver& receiver, std::string_view plain) {
  const auto to = decode_base64url(receiver.public_key());
  std::string public_key(crypto_box_PUBLICKEYBYTES, '\0'), secret_key(crypto_box_SECRETKEYBYTES, '\0');
  crypto_box_keypair(raw(public_key), raw(secret_key));
  std::string box(crypto_box_NONCEBYTES + crypto_box_MACBYTES + plain.size(), '\1');
  const int failed = crypto_box_easy(
      raw(box) + crypto_box_NONCEBYTES, reinterpret_cast<const unsigned char*>(plain.data()), plain.size(),
      raw(box), reinterpret_cast<const unsigned char*>(to->data()), raw(secret_key));
  require(failed == 0, "a box can be sealed");
  return {base64(box), base64url_padded(public_key)};
}

void check_plain(const TransferReceiver& receiver, std::string_view plain) {
  const auto transfer = sealed(receiver, plain);
  const auto tokens = receiver.open(transfer.body, transfer.public_key);
  if (tokens) require(!tokens->app_token.empty() || !tokens->org_token.empty(), "a transfer has a token");
  if (!tokens)
    require(tokens.error().detail.find("{") == std::string::npos, "a failure repeats nothing of the box");
  (void)receiver.open_refusal(transfer.body, transfer.public_key);
  auto spoilt = transfer.body;
  spoilt[40] = spoilt[40] == 'A' ? 'B' : 'A';
  require(!receiver.open(spoilt, transfer.public_key), "a box that was changed does not open");
}

void check_ours(const TransferReceiver& receiver, std::string_view app, std::string_view org) {
  const auto transfer = seal_transfer(receiver.public_key(), app, org);
  require(transfer.has_value(), "tokens can be sealed");
  const auto tokens = receiver.open(transfer->body, transfer->public_key);
  if (cfpipe::is_utf8(app) && cfpipe::is_utf8(org) && !(app.empty() && org.empty()))
    require(tokens && tokens->app_token.reveal() == app && tokens->org_token.reveal() == org,
            "tokens arrive");
  const TransferRefusal refusal{app.size() % 2 == 0, std::string(org)};
  const auto refused = seal_refusal(receiver.public_key(), refusal);
  const auto opened = receiver.open_refusal(refused->body, refused->public_key);
  if (cfpipe::is_utf8(org))
    require(opened && opened->declined == refusal.declined && opened->reason == refusal.reason,
            "a refusal arrives");
  require(!receiver.open(refused->body, refused->public_key), "a refusal has no tokens");
}

}  // namespace

// By the first byte: a body and a sender's key as they come; what is in the box; or two tokens. In a line
// each.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const TransferReceiver receiver;
  cfpipe::fuzz::Input input(data, size);
  const auto kind = input.byte() % 3;
  if (kind == 1) {
    check_plain(receiver, input.rest());
    return 0;
  }
  const auto first = input.until('\n');
  if (kind == 2) {
    check_ours(receiver, first, input.rest());
    return 0;
  }
  require(!receiver.open(first, input.rest()), "nothing opens that was not sealed to this key");
  const auto code = transfer_code(first);
  require(code.empty() || code.size() == 9, "a code has two groups of four");
  (void)seal_transfer(first, "app", "org");
  return 0;
}
