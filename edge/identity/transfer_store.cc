#include "edge/identity/transfer_store.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/base64.h"
#include "base/log.h"
#include "base/text.h"
#include "edge/http/responses.h"

namespace cfpipe::edge {
namespace net = boost::asio;
namespace {

constexpr std::string_view kTransfers = "transfer";
/// In front of a refusal; no key starts like this.
constexpr char kRefusal = '!';
constexpr std::size_t kKeyCharacters = 44;
constexpr std::size_t kTransferKeyBytes = 32;

Answer not_yet() {
  return text_answer(202, "not yet");
}

}  // namespace

bool TransferStore::valid_key(std::string_view key) {
  if (key.size() != kKeyCharacters) return false;
  const auto bytes = decode_base64url(key);
  return bytes && bytes->size() == kTransferKeyBytes;
}

// Stored under a digest: the key is the capability that fetches the box, and a copy of the database should
// not hold it.
Result<Outstanding::Added> TransferStore::keep(const PartyKey& owner, const std::string& receiver,
                                               const std::string& value) {
  const std::int64_t now = now_();
  const std::string name = hex(sha256(receiver));
  const auto added = boxes_.add(owner, name, now + kTransferSeconds, now);
  if (added != Outstanding::Added::yes) return added;
  const auto kept = pending_.put(kTransfers, name, value, now + kTransferSeconds, now);
  if (!kept || !*kept) boxes_.taken(name);
  if (!kept) return kept.error();
  if (!*kept) return Outstanding::Added::full;
  if (const auto waiter = waiters_.find(receiver); waiter != waiters_.end()) waiter->second->timer.cancel();
  return added;
}

Result<Outstanding::Added> TransferStore::put(const PartyKey& owner, const std::string& receiver,
                                              const auth::SealedTransfer& box) {
  return keep(owner, receiver, box.public_key + "\n" + box.body);
}

Result<Outstanding::Added> TransferStore::refuse(const PartyKey& owner, const std::string& receiver,
                                                 const auth::TransferRefusal& refusal) {
  const auto box = auth::seal_refusal(receiver, refusal);
  if (!box) return box.error();
  return keep(owner, receiver, kRefusal + box->public_key + "\n" + box->body);
}

Answer TransferStore::take(const std::string& receiver) {
  const std::string name = hex(sha256(receiver));
  auto box = pending_.take(kTransfers, name, now_());
  if (!box) {
    spdlog::error("transfer store: {}", box.error().detail);
    return text_answer(503, "the state of this edge cannot be read");
  }
  if (!*box) return not_yet();
  boxes_.taken(name);
  std::string_view value = **box;
  const bool refusal = value.starts_with(kRefusal);
  if (refusal) value.remove_prefix(1);
  const std::size_t line_end = value.find('\n');
  // A client that knows nothing of refusals takes this status for "not yet".
  Answer answer = text_answer(refusal ? 403 : 200, {});
  answer.headers.emplace_back("Service-Public-Key", value.substr(0, line_end));
  answer.body = value.substr(line_end + 1);
  return answer;
}

std::string TransferStore::poller(const std::string& receiver) const {
  const auto waiter = waiters_.find(receiver);
  return waiter == waiters_.end() ? std::string() : waiter->second->peer;
}

void TransferStore::drain() {
  draining_ = true;
  for (const auto& [receiver, waiter] : waiters_) waiter->timer.cancel();
}

net::awaitable<Answer> TransferStore::poll(std::string receiver, std::string peer) {
  Answer answer = take(receiver);
  if (answer.status != 202 || draining_) co_return answer;
  const auto seat = seats_.take(address_key(peer));
  if (!seat) co_return text_answer(429, "too many logins are being waited for; try again");
  if (const auto older = waiters_.find(receiver); older != waiters_.end()) older->second->timer.cancel();
  const auto waiter = std::make_shared<Waiter>(executor_, poll_, std::move(peer));
  waiters_[receiver] = waiter;
  co_await waiter->timer.async_wait(net::as_tuple(net::use_awaitable));
  const auto mine = waiters_.find(receiver);
  if (mine == waiters_.end() || mine->second != waiter) co_return not_yet();
  waiters_.erase(mine);
  co_return take(receiver);
}

}  // namespace cfpipe::edge
