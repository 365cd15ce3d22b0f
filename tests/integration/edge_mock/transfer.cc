#include "transfer.h"

#include <sodium.h>

#include <array>

#include "codec.h"
#include "loop.h"

namespace edge_mock {

std::optional<TransferStore::Box> TransferStore::seal(const std::string& receiver_key,
                                                      const std::string& plain) {
  std::optional<std::string> receiver = from_base64url(receiver_key);
  if (!receiver || receiver->size() != crypto_box_PUBLICKEYBYTES) return std::nullopt;
  std::array<unsigned char, crypto_box_PUBLICKEYBYTES> sender_public{};
  std::array<unsigned char, crypto_box_SECRETKEYBYTES> sender_secret{};
  crypto_box_keypair(sender_public.data(), sender_secret.data());
  std::string sealed(crypto_box_NONCEBYTES + crypto_box_MACBYTES + plain.size(), '\0');
  auto* nonce = reinterpret_cast<unsigned char*>(sealed.data());
  randombytes_buf(nonce, crypto_box_NONCEBYTES);
  if (crypto_box_easy(nonce + crypto_box_NONCEBYTES, reinterpret_cast<const unsigned char*>(plain.data()),
                      plain.size(), nonce, reinterpret_cast<const unsigned char*>(receiver->data()),
                      sender_secret.data()) != 0)
    return std::nullopt;
  std::string_view sender(reinterpret_cast<const char*>(sender_public.data()), sender_public.size());
  return Box{base64(sealed), base64url(sender, true)};
}

std::string TransferStore::name_of(const std::string& receiver_key) {
  return receiver_key.substr(0, receiver_key.find('='));
}

void TransferStore::put(const std::string& receiver_key, Box box) {
  std::string name = name_of(receiver_key);
  auto waiting = waiters_.find(name);
  if (waiting != waiters_.end()) {
    std::shared_ptr<Waiter> waiter = waiting->second;
    waiters_.erase(waiting);
    if ((*waiter)(box)) return;
  }
  boxes_[name] = std::move(box);
  after(loop_, kBoxMilliseconds, [this, name] { boxes_.erase(name); });
}

void TransferStore::take(const std::string& receiver_key, Waiter waiter) {
  std::string name = name_of(receiver_key);
  if (auto node = boxes_.extract(name)) {
    waiter(std::move(node.mapped()));
    return;
  }
  auto mine = std::make_shared<Waiter>(std::move(waiter));
  if (auto node = waiters_.extract(name))
    (*node.mapped())(std::nullopt);  // a newer poll replaces an older one
  waiters_[name] = mine;
  after(loop_, kPollMilliseconds, [this, name, mine] {
    auto waiting = waiters_.find(name);
    if (waiting == waiters_.end() || waiting->second != mine) return;
    waiters_.erase(waiting);
    (*mine)(std::nullopt);
  });
}

}  // namespace edge_mock
