#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>

namespace cfpipe::edge {

/// The limit is one of so many parts of what the process may have.
inline constexpr std::size_t kDefaultMemoryPart = 4;
/// What a connection costs while it is idle, in bytes, as measured: TLS, its buffers, coroutines; and what
/// HTTP/2 adds.
inline constexpr std::size_t kConnectionBytes = 36 * 1024;
inline constexpr std::size_t kH2ConnectionBytes = 9 * 1024;
/// What a request costs beside its head and body, in bytes.
inline constexpr std::size_t kRequestBytes = 4 * 1024;
/// One connection, in bytes: requests that the site has not answered yet, and answers that wait for a client.
/// A single one of them is let through however large it is.
inline constexpr std::size_t kMaxRequestsHeld = 1024 * 1024;
inline constexpr std::size_t kMaxAnswersHeld = 1024 * 1024;
/// A request or an answer up to so many bytes is small: it is refused later than a large one.
inline constexpr std::size_t kSmallBytes = 16 * 1024;

/// What memory is for; so how much of the limit may be in use when it is asked for.
enum class MemoryUse { connection, small, large };
inline constexpr std::size_t kMemoryUses = 3;
/// Of the limit, in eighths: the rest is for requests of those who come while others hold all that they may.
inline constexpr std::array<std::size_t, kMemoryUses> kMemoryShare{6, 7, 4};

/// The memory that peers make this process hold, in bytes. What stands is only counted; what is new asks for
/// room first. From any thread.
class MemoryBudget {
 public:
  explicit MemoryBudget(std::size_t limit = std::numeric_limits<std::size_t>::max()) : limit_(limit) {}
  MemoryBudget(const MemoryBudget&) = delete;
  MemoryBudget& operator=(const MemoryBudget&) = delete;

  /// Whether so much more would leave enough for uses that come before this one.
  bool fits(std::size_t bytes, MemoryUse use) const;
  void add(std::size_t bytes) { charged_.fetch_add(bytes, std::memory_order_relaxed); }
  void give_back(std::size_t bytes) { charged_.fetch_sub(bytes, std::memory_order_relaxed); }
  /// Counts that something was refused for want of memory.
  void refused(MemoryUse use) { ++refusals_[static_cast<std::size_t>(use)]; }

  /// What was charged, and from count_buffers() on also what tunnel::held_bytes() says.
  std::size_t used() const;
  void count_buffers() { counts_buffers_.store(true, std::memory_order_relaxed); }
  std::size_t limit() const { return limit_.load(std::memory_order_relaxed); }
  void set_limit(std::size_t bytes) { limit_.store(bytes, std::memory_order_relaxed); }
  std::uint64_t refusals(MemoryUse use) const { return refusals_[static_cast<std::size_t>(use)]; }

 private:
  std::atomic<std::size_t> limit_;
  std::atomic<std::size_t> charged_{0};
  std::atomic<bool> counts_buffers_{false};
  std::array<std::atomic<std::uint64_t>, kMemoryUses> refusals_{};
};

/// Bytes that are there whatever the budget says, for as long as this lives. The budget outlives it.
class MemoryHold {
 public:
  MemoryHold(MemoryBudget& budget, std::size_t bytes) : budget_(budget), bytes_(bytes) {
    budget_.add(bytes_);
  }
  ~MemoryHold() { budget_.give_back(bytes_); }
  MemoryHold(const MemoryHold&) = delete;
  MemoryHold& operator=(const MemoryHold&) = delete;

 private:
  MemoryBudget& budget_;
  std::size_t bytes_;
};

/// One connection's part of the budget for one purpose. Of its thread.
class MemoryAccount {
 public:
  /// `most`: at once, in bytes. The budget outlives it.
  MemoryAccount(MemoryBudget& budget, std::size_t most) : budget_(budget), most_(most) {}
  MemoryAccount(const MemoryAccount&) = delete;
  MemoryAccount& operator=(const MemoryAccount&) = delete;
  std::size_t held() const { return held_; }

 private:
  friend class MemoryCharge;
  MemoryBudget& budget_;
  std::size_t most_;
  std::size_t held_ = 0;
};

/// Bytes of one request or answer for as long as it is held. Goes before its account.
class MemoryCharge {
 public:
  explicit MemoryCharge(MemoryAccount& account) : account_(account) {}
  ~MemoryCharge() { release(); }
  MemoryCharge(const MemoryCharge&) = delete;
  MemoryCharge& operator=(const MemoryCharge&) = delete;

  /// False, and nothing has changed: the account or the budget is exhausted, which is counted.
  bool add(std::size_t bytes);
  void release();
  /// Gives back all but so many bytes.
  void keep(std::size_t bytes);

 private:
  MemoryAccount& account_;
  std::size_t bytes_ = 0;
};

/// Bounds `budget` to so many bytes, the buffers of this process among them, and what the windows of HTTP/2
/// may grow by to half of them.
void limit_memory(MemoryBudget& budget, std::size_t bytes);

/// What this process may have, in bytes: the least of the machine's memory, its cgroup's (v2 or v1), and its
/// limits of address space and data. `root` stands in for / in tests.
std::size_t memory_of_process(const std::string& root = {});

}  // namespace cfpipe::edge
