#include "server/shell/interrupts.h"

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <utility>

#include "engine/base/status.h"

namespace kyrodb::server {
namespace {

// A signal handler can reach nothing else than what has static storage.
std::atomic<bool> came{false};
int pipe_ends[2] = {-1, -1};
struct sigaction before;

void OnSignal(int) {
  const int saved = errno;
  came = true;
  const char byte = 'i';
  // A full pipe holds a signal already.
  [[maybe_unused]] const ssize_t written = write(pipe_ends[1], &byte, 1);
  errno = saved;
}

}  // namespace

Interrupts::Interrupts(std::function<void()> action) {
  KYRO_CHECK(pipe_ends[0] == -1 && pipe2(pipe_ends, O_CLOEXEC) == 0);
  thread_ = std::thread([action = std::move(action), end = pipe_ends[0]] {
    char byte = 0;
    for (;;) {
      const ssize_t size = read(end, &byte, 1);
      if (size < 0 && errno == EINTR) continue;
      if (size != 1 || byte == 'q') return;
      action();
    }
  });
  struct sigaction handler {};
  handler.sa_handler = OnSignal;
  sigemptyset(&handler.sa_mask);
  sigaction(SIGINT, &handler, &before);
}

Interrupts::~Interrupts() {
  sigaction(SIGINT, &before, nullptr);
  const char byte = 'q';
  while (write(pipe_ends[1], &byte, 1) < 0 && errno == EINTR) {
  }
  thread_.join();
  close(pipe_ends[0]);
  close(pipe_ends[1]);
  pipe_ends[0] = pipe_ends[1] = -1;
}

bool Interrupts::Take() { return came.exchange(false); }

}  // namespace kyrodb::server
