#pragma once

#include <functional>
#include <list>
#include <memory>
#include <utility>

namespace cfpipe::edge {

/// Connections of one loop that nothing is done for: they shake hands, send a request, take an answer or are
/// silent. The one that has been so for the longest goes first when there is no room for another. Of the
/// loop's thread.
class IdleConnections {
 public:
  using End = std::function<void()>;
  class Busy;

  /// A connection's place among them, idle at first. Goes before what it is among; may outlive the
  /// connection, which calls leave_for_good() then.
  class Seat {
   public:
    /// `end` ends the connection; not from inside.
    Seat(IdleConnections& all, End end) : all_(all), end_(std::move(end)) { rest(); }
    ~Seat() { leave(); }
    Seat(const Seat&) = delete;
    Seat& operator=(const Seat&) = delete;
    void leave_for_good() {
      leave();
      ended_ = true;
    }

   private:
    friend class IdleConnections;
    friend class Busy;
    void rest() {
      if (ended_) return;
      place_ = all_.idle_.insert(all_.idle_.end(), this);
      listed_ = true;
    }
    void leave() {
      if (std::exchange(listed_, false)) all_.idle_.erase(place_);
    }

    IdleConnections& all_;
    End end_;
    std::list<Seat*>::iterator place_;
    bool listed_ = false;
    bool ended_ = false;
    int busy_ = 0;
  };

  /// Keeps a connection from being idle for as long as it lives: a request of it is answered, or it carries a
  /// tunnel.
  class Busy {
   public:
    explicit Busy(std::shared_ptr<Seat> seat) : seat_(std::move(seat)) {
      if (seat_->busy_++ == 0) seat_->leave();
    }
    ~Busy() {
      if (--seat_->busy_ == 0) seat_->rest();
    }
    Busy(const Busy&) = delete;
    Busy& operator=(const Busy&) = delete;

   private:
    std::shared_ptr<Seat> seat_;
  };

  /// False: none is idle.
  bool end_oldest() {
    if (idle_.empty()) return false;
    Seat* const oldest = idle_.front();
    oldest->leave_for_good();
    oldest->end_();
    return true;
  }

 private:
  std::list<Seat*> idle_;
};

}  // namespace cfpipe::edge
