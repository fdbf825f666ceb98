// A fixed number of threads that run closures from one bounded queue.
#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace kyrodb {

// Thread-safety:  all methods may be called from any thread.
// Lifetime:       the destructor runs what is queued, then joins.
class ThreadPool {
 public:
  // `thread_count` >= 1; `queue_length_max` >= 1.
  ThreadPool(size_t thread_count, size_t queue_length_max);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  // Queues `task`; waits while the queue is full. Must not be called from a task of this pool
  // when the queue may be full.
  void Schedule(std::function<void()> task);
  // Queues `task` unless the queue is full; returns whether it was queued.
  [[nodiscard]] bool TrySchedule(std::function<void()> task);
  // Returns when the queue is empty and no task runs.
  void WaitIdle();

 private:
  void Work();

  const size_t queue_length_max_;
  absl::Mutex mutex_;
  std::deque<std::function<void()>> queue_ ABSL_GUARDED_BY(mutex_);
  size_t running_ ABSL_GUARDED_BY(mutex_) = 0;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<std::jthread> threads_;
};

}  // namespace kyrodb
