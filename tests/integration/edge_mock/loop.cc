#include "loop.h"

#include <memory>

namespace edge_mock {
namespace {

struct Timer {
  uv_timer_t handle{};
  std::function<void()> action;
};

void freed(uv_handle_t* handle) {
  delete static_cast<Timer*>(handle->data);
}

void fired(uv_timer_t* handle) {
  std::function<void()> action = std::move(static_cast<Timer*>(handle->data)->action);
  uv_close(reinterpret_cast<uv_handle_t*>(handle), freed);
  action();
}

}  // namespace

void after(uv_loop_t* loop, std::uint64_t milliseconds, std::function<void()> action) {
  auto timer = std::make_unique<Timer>();
  timer->action = std::move(action);
  timer->handle.data = timer.get();
  uv_timer_init(loop, &timer->handle);
  // Not referenced: a wait never keeps the process from ending.
  uv_unref(reinterpret_cast<uv_handle_t*>(&timer->handle));
  uv_timer_start(&timer.release()->handle, fired, milliseconds, 0);
}

}  // namespace edge_mock
