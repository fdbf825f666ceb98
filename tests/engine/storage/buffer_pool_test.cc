// Goal:   the pool stays inside its capacity, loads each page once, never keeps what failed to
//         load, and says truly what happened.
// Method: pages whose content follows from their number; counted loads; threads that meet in one
//         load.
#include "engine/storage/buffer_pool.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <thread>

#include "absl/strings/str_format.h"
#include "engine/base/random.h"
#include "tests/engine/storage/test_seed.h"

namespace kyrodb::engine {
namespace {

char ContentOf(uint64_t file, uint64_t page) { return static_cast<char>(file * 31 + page * 7); }

class BufferPoolTest : public testing::Test {
 protected:
  absl::StatusOr<PinnedPage> Pin(BufferPool& pool, uint64_t file, uint64_t page) {
    return pool.Pin(file, page, [&](char* bytes) {
      loads_.fetch_add(1);
      std::fill(bytes, bytes + kPageBytes, ContentOf(file, page));
      return absl::OkStatus();
    });
  }
  uint64_t Count(const char* name) {
    return metrics_.counter(absl::StrFormat("kyro_buffer_pool_%s_total", name), "").value();
  }

  MetricsRegistry metrics_;
  std::atomic<uint64_t> loads_{0};
};

TEST_F(BufferPoolTest, APageIsLoadedOnceAndThenHit) {
  BufferPool pool(64 * kPageBytes, metrics_);
  for (int i = 0; i < 3; ++i) {
    const auto page = Pin(pool, 1, 5);
    ASSERT_TRUE(page.ok());
    EXPECT_EQ(page->data()[0], ContentOf(1, 5));
    EXPECT_EQ(page->data()[kPageBytes - 1], ContentOf(1, 5));
  }
  EXPECT_EQ(loads_, 1u);
  EXPECT_EQ(Count("hits"), 2u);
  EXPECT_EQ(Count("misses"), 1u);
  EXPECT_EQ(pool.used_bytes(), kPageBytes);
}

TEST_F(BufferPoolTest, TheCapacityIsHonouredByEveryPin) {
  BufferPool pool(10 * kPageBytes, metrics_);
  for (uint64_t page = 0; page < 1000; ++page) {
    ASSERT_TRUE(Pin(pool, 1, page).ok());
    ASSERT_LE(pool.used_bytes(), 10 * kPageBytes);
  }
  EXPECT_EQ(pool.used_bytes(), 10 * kPageBytes);
  EXPECT_EQ(Count("evictions"), 990u);
  EXPECT_EQ(metrics_.gauge("kyro_buffer_pool_bytes", "").value(),
            static_cast<int64_t>(10 * kPageBytes));
}

TEST_F(BufferPoolTest, ShrinkingTakesEffectAtOnceDownToWhatIsPinned) {
  BufferPool pool(100 * kPageBytes, metrics_);
  std::vector<PinnedPage> pins;
  for (uint64_t page = 0; page < 100; ++page) {
    auto pin = Pin(pool, 1, page);
    ASSERT_TRUE(pin.ok());
    if (page % 10 == 0) pins.push_back(*std::move(pin));
  }
  EXPECT_EQ(pool.used_bytes(), 100 * kPageBytes);
  pool.SetCapacity(20 * kPageBytes);
  EXPECT_EQ(pool.used_bytes(), 20 * kPageBytes);
  pool.SetCapacity(0);
  EXPECT_EQ(pool.used_bytes(), 10 * kPageBytes);
  for (uint64_t i = 0; i < pins.size(); ++i) EXPECT_EQ(pins[i].data()[9], ContentOf(1, i * 10));
  pins.clear();
  // With no room at all a page lives as long as its pin, and the next one displaces it.
  ASSERT_TRUE(Pin(pool, 1, 500).ok());
  EXPECT_EQ(pool.used_bytes(), kPageBytes);

  pool.SetCapacity(50 * kPageBytes);
  for (uint64_t page = 0; page < 200; ++page) ASSERT_TRUE(Pin(pool, 1, page).ok());
  EXPECT_EQ(pool.used_bytes(), 50 * kPageBytes);
  EXPECT_EQ(pool.capacity_bytes(), 50 * kPageBytes);
}

TEST_F(BufferPoolTest, PagesThatAreUsedAgainSurviveAScan) {
  BufferPool pool(64 * kPageBytes, metrics_);
  for (uint64_t round = 0; round < 50; ++round) {
    for (uint64_t page = 0; page < 8; ++page) ASSERT_TRUE(Pin(pool, 1, page).ok());
    for (uint64_t page = 0; page < 8; ++page) {
      ASSERT_TRUE(Pin(pool, 2, round * 8 + page).ok());
    }
  }
  // The scan alone would have pushed everything out six times over.
  const uint64_t misses = Count("misses");
  EXPECT_LT(misses, 400u + 8 + 40);
}

TEST_F(BufferPoolTest, APageThatFailsToLoadIsNotKept) {
  BufferPool pool(64 * kPageBytes, metrics_);
  const auto failed = pool.Pin(1, 2, [](char*) { return absl::DataLossError("bad page"); });
  ASSERT_FALSE(failed.ok());
  EXPECT_EQ(failed.status().code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(pool.used_bytes(), 0u);
  const auto page = Pin(pool, 1, 2);
  ASSERT_TRUE(page.ok());
  EXPECT_EQ(loads_, 1u);
  EXPECT_EQ(page->data()[0], ContentOf(1, 2));
}

TEST_F(BufferPoolTest, ThreadsThatMissOnePageShareItsLoadAndItsError) {
  constexpr int kThreads = 4;
  BufferPool pool(64 * kPageBytes, metrics_);
  for (const bool fails : {false, true}) {
    std::atomic<int> calls{0};
    std::atomic<int> errors{0};
    std::atomic<int> arrived{0};
    {
      std::vector<std::jthread> threads;
      for (int i = 0; i < kThreads; ++i) {
        threads.emplace_back([&] {
          arrived.fetch_add(1);
          const auto page = pool.Pin(fails ? 2 : 1, 7, [&](char* bytes) -> absl::Status {
            calls.fetch_add(1);
            // Nobody else may load; the others arrive while this one is in here.
            while (arrived.load() < kThreads) std::this_thread::yield();
            std::fill(bytes, bytes + kPageBytes, 'x');
            return fails ? absl::UnavailableError("disk") : absl::OkStatus();
          });
          if (!page.ok()) {
            errors.fetch_add(1);
          } else if (page->data()[kPageBytes - 1] != 'x') {
            ADD_FAILURE() << "page handed out before it was loaded";
          }
        });
      }
    }
    if (fails) {
      // A thread that arrived after the failure tries again by itself.
      EXPECT_EQ(errors, kThreads);
      EXPECT_EQ(pool.used_bytes(), kPageBytes);
    } else {
      EXPECT_EQ(calls, 1);
      EXPECT_EQ(errors, 0);
    }
  }
}

TEST_F(BufferPoolTest, OtherPagesOfTheShardCanBePinnedWhileOneLoads) {
  BufferPool pool(64 * kPageBytes, metrics_);
  const auto outer = pool.Pin(1, 0, [&](char* bytes) -> absl::Status {
    // 64 pages reach every shard: a lock held across the load would hang here.
    for (uint64_t page = 1; page < 60; ++page) {
      if (!Pin(pool, 1, page).ok()) return absl::InternalError("inner pin");
    }
    std::fill(bytes, bytes + kPageBytes, ContentOf(1, 0));
    return absl::OkStatus();
  });
  EXPECT_TRUE(outer.ok()) << outer.status();
}

TEST_F(BufferPoolTest, ErasingAFileForgetsItsPagesAndNoOthers) {
  BufferPool pool(64 * kPageBytes, metrics_);
  auto pinned = Pin(pool, 1, 0);
  ASSERT_TRUE(pinned.ok());
  for (uint64_t page = 1; page < 8; ++page) {
    ASSERT_TRUE(Pin(pool, 1, page).ok());
    ASSERT_TRUE(Pin(pool, 2, page).ok());
  }
  pool.EraseFile(1);
  EXPECT_EQ(pool.used_bytes(), 8 * kPageBytes);
  EXPECT_EQ(pinned->data()[0], ContentOf(1, 0));
  *pinned = PinnedPage();
  EXPECT_EQ(pool.used_bytes(), 7 * kPageBytes);
  const uint64_t loads = loads_;
  ASSERT_TRUE(Pin(pool, 2, 3).ok());
  EXPECT_EQ(loads_, loads);
  ASSERT_TRUE(Pin(pool, 1, 3).ok());
  EXPECT_EQ(loads_, loads + 1);
  EXPECT_EQ(Count("evictions"), 0u);
}

TEST_F(BufferPoolTest, GhostsTellWhatALargerPoolWouldHaveHit) {
  constexpr uint64_t kPages = 1024;
  BufferPool pool(kPages * kPageBytes, metrics_);
  // A loop just larger than the pool, but inside pool and ghosts: every miss of the later rounds
  // is a page that left shortly before, apart from uneven shards.
  for (int round = 0; round < 10; ++round) {
    for (uint64_t page = 0; page < kPages + 32; ++page) ASSERT_TRUE(Pin(pool, 1, page).ok());
  }
  const uint64_t ghost_hits = Count("ghost_hits");
  EXPECT_GT(ghost_hits, (Count("misses") - kPages) / 2);
  // A page seen for the first time is no ghost, nor is one that left long ago.
  for (uint64_t page = 0; page < 2 * kPages; ++page) ASSERT_TRUE(Pin(pool, 2, page).ok());
  EXPECT_EQ(Count("ghost_hits"), ghost_hits);
  for (uint64_t page = 0; page < 100; ++page) ASSERT_TRUE(Pin(pool, 1, page).ok());
  EXPECT_EQ(Count("ghost_hits"), ghost_hits);
}

TEST_F(BufferPoolTest, ThreadsAndChangingCapacityNeverGiveAWrongPage) {
  Random seeds(TestSeed());
  BufferPool pool(32 * kPageBytes, metrics_);
  std::atomic<uint64_t> wrong{0};
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&, seed = seeds.Next()] {
        Random random(seed);
        std::vector<std::pair<PinnedPage, char>> held;
        for (int i = 0; i < 5000; ++i) {
          const uint64_t file = random.Uniform(3);
          const uint64_t page = random.Uniform(40);
          if (random.OneIn(50)) {
            const bool ok = pool.Pin(9, page, [](char*) { return absl::DataLossError("x"); }).ok();
            if (ok) wrong.fetch_add(1);
          }
          auto pin = Pin(pool, file, page);
          if (!pin.ok() || pin->data()[random.Uniform(kPageBytes)] != ContentOf(file, page)) {
            wrong.fetch_add(1);
            continue;
          }
          held.emplace_back(*std::move(pin), ContentOf(file, page));
          if (held.size() > 4) {
            if (held.front().first.data()[0] != held.front().second) wrong.fetch_add(1);
            held.erase(held.begin());
          }
          if (random.OneIn(200)) pool.SetCapacity((4 + random.Uniform(64)) * kPageBytes);
          if (random.OneIn(500)) pool.EraseFile(file);
        }
      });
    }
  }
  EXPECT_EQ(wrong.load(), 0u);
  pool.SetCapacity(0);
  EXPECT_EQ(pool.used_bytes(), 0u);
}

}  // namespace
}  // namespace kyrodb::engine
