// Goal:   every queued task runs once, the queue is bounded, and the end waits for what is queued.
// Method: tasks that count, and tasks that wait for a notification so that the queue fills up.
#include "engine/base/thread_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>

#include "absl/synchronization/barrier.h"
#include "absl/synchronization/notification.h"

namespace kyrodb {
namespace {

TEST(ThreadPoolTest, EveryTaskRunsOnce) {
  std::atomic<int> count{0};
  ThreadPool pool(3, 4);
  for (int i = 0; i < 1000; ++i) pool.Schedule([&count] { ++count; });
  pool.WaitIdle();
  EXPECT_EQ(count, 1000);
  pool.Schedule([&count] { ++count; });
  pool.WaitIdle();
  EXPECT_EQ(count, 1001);
}

TEST(ThreadPoolTest, DestructorRunsWhatIsQueued) {
  std::atomic<int> count{0};
  absl::Notification go;
  std::thread opener;
  {
    ThreadPool pool(1, 100);
    pool.Schedule([&go] { go.WaitForNotification(); });
    for (int i = 0; i < 50; ++i) pool.Schedule([&count] { ++count; });
    EXPECT_EQ(count, 0);
    opener = std::thread([&go] { go.Notify(); });
  }
  opener.join();
  EXPECT_EQ(count, 50);
}

TEST(ThreadPoolTest, FullQueueRefusesTrySchedule) {
  absl::Notification started;
  absl::Notification go;
  ThreadPool pool(1, 2);
  pool.Schedule([&] {
    started.Notify();
    go.WaitForNotification();
  });
  started.WaitForNotification();
  EXPECT_TRUE(pool.TrySchedule([] {}));
  EXPECT_TRUE(pool.TrySchedule([] {}));
  EXPECT_FALSE(pool.TrySchedule([] { ADD_FAILURE() << "a refused task ran"; }));
  go.Notify();
  pool.WaitIdle();
  EXPECT_TRUE(pool.TrySchedule([] {}));
}

TEST(ThreadPoolTest, ScheduleWaitsForRoom) {
  absl::Notification started;
  absl::Notification go;
  std::atomic<bool> was_queued{false};
  ThreadPool pool(1, 1);
  pool.Schedule([&] {
    started.Notify();
    go.WaitForNotification();
  });
  started.WaitForNotification();
  pool.Schedule([] {});  // fills the queue
  std::jthread producer([&] {
    pool.Schedule([] {});
    was_queued = true;
  });
  // The queue stays full until `go`, so this can only see false.
  EXPECT_FALSE(was_queued);
  go.Notify();
  producer.join();
  EXPECT_TRUE(was_queued);
}

TEST(ThreadPoolTest, ThreadsRunSideBySide) {
  // Each task waits for all the others: fewer than three threads would hang.
  ThreadPool pool(3, 3);
  auto* const barrier = new absl::Barrier(3);
  for (int i = 0; i < 3; ++i) {
    pool.Schedule([barrier] {
      if (barrier->Block()) delete barrier;
    });
  }
  pool.WaitIdle();
}

TEST(ThreadPoolTest, IdleMeansThatCapturesAreGone) {
  ThreadPool pool(2, 8);
  for (int i = 0; i < 200; ++i) {
    const auto token = std::make_shared<int>(1);
    pool.Schedule([token] {});
    pool.WaitIdle();
    ASSERT_EQ(token.use_count(), 1);
  }
}

TEST(ThreadPoolTest, RunningTasksAreNotIdle) {
  ThreadPool pool(1, 8);
  absl::Notification started;
  std::atomic<bool> is_done{false};
  pool.Schedule([&] {
    started.Notify();
    for (int i = 0; i < 2000; ++i) std::this_thread::yield();
    is_done = true;
  });
  started.WaitForNotification();
  pool.WaitIdle();
  EXPECT_TRUE(is_done);
}

TEST(ThreadPoolTest, TasksMayScheduleTasks) {
  std::atomic<int> count{0};
  {
    ThreadPool pool(1, 8);
    pool.Schedule([&] { pool.Schedule([&] { ++count; }); });
  }
  EXPECT_EQ(count, 1);
}

}  // namespace
}  // namespace kyrodb
