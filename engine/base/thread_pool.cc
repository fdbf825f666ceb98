#include "engine/base/thread_pool.h"

#include <utility>

#include "engine/base/status.h"

namespace kyrodb {

ThreadPool::ThreadPool(size_t thread_count, size_t queue_length_max)
    : queue_length_max_(queue_length_max) {
  KYRO_CHECK(thread_count >= 1);
  KYRO_CHECK(queue_length_max >= 1);
  threads_.reserve(thread_count);
  for (size_t i = 0; i < thread_count; ++i) threads_.emplace_back([this] { Work(); });
}

ThreadPool::~ThreadPool() {
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
  }
  threads_.clear();
}

void ThreadPool::Schedule(std::function<void()> task) {
  absl::MutexLock lock(&mutex_);
  const auto has_room = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return queue_.size() < queue_length_max_;
  };
  mutex_.Await(absl::Condition(&has_room));
  queue_.push_back(std::move(task));
}

bool ThreadPool::TrySchedule(std::function<void()> task) {
  absl::MutexLock lock(&mutex_);
  if (queue_.size() >= queue_length_max_) return false;
  queue_.push_back(std::move(task));
  return true;
}

void ThreadPool::WaitIdle() {
  absl::MutexLock lock(&mutex_);
  const auto is_idle = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return queue_.empty() && running_ == 0;
  };
  mutex_.Await(absl::Condition(&is_idle));
}

void ThreadPool::Work() {
  const auto has_news = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return stopping_ || !queue_.empty();
  };
  while (true) {
    std::function<void()> task;
    {
      absl::MutexLock lock(&mutex_);
      mutex_.Await(absl::Condition(&has_news));
      if (queue_.empty()) return;
      task = std::move(queue_.front());
      queue_.pop_front();
      ++running_;
    }
    task();
    // What the task captured is gone before the pool calls itself idle.
    task = nullptr;
    absl::MutexLock lock(&mutex_);
    --running_;
  }
}

}  // namespace kyrodb
