// Ctrl-C: taken by a handler, acted upon in a thread, so that nothing unsafe happens in the signal.
#pragma once

#include <functional>
#include <thread>

namespace kyrodb::server {

// While it lives, SIGINT runs `action` in a thread of its own instead of ending the process.
// System calls that wait are interrupted. One in a process.
class Interrupts {
 public:
  explicit Interrupts(std::function<void()> action);
  ~Interrupts();
  Interrupts(const Interrupts&) = delete;
  Interrupts& operator=(const Interrupts&) = delete;

  // Whether a signal came since the last call.
  bool Take();

 private:
  std::thread thread_;
};

}  // namespace kyrodb::server
