// Goal:   the pool stays inside its capacity, never shows a page that is not loaded and checked or
//         not there any more, never keeps what failed to load, and says truly what happened.
// Method: regions whose pages' content follows from their number; counted loads; threads that read
//         with and without pins while capacities change.
#include "engine/storage/buffer_pool.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <thread>

#include "absl/strings/str_format.h"
#include "engine/base/random.h"
#include "tests/engine/storage/test_seed.h"

namespace kyrodb::engine {
namespace {

char ContentOf(uint64_t file, uint64_t page) {
  return static_cast<char>(1 + (file * 31 + page * 7) % 250);
}

// A file of pages that are all one byte.
class FakeFile : public PageSource {
 public:
  explicit FakeFile(uint64_t number) : number_(number) {}

  absl::Status ReadPages(uint64_t begin, uint64_t end, char* buffer) const override {
    reads_.fetch_add(1);
    if (on_read) on_read(begin);
    if (fail_reads.load()) return absl::UnavailableError("disk");
    for (uint64_t page = begin; page < end; ++page) {
      std::fill_n(buffer + (page - begin) * kPageBytes, kPageBytes, ContentOf(number_, page));
    }
    return absl::OkStatus();
  }
  absl::Status CheckPage(uint64_t number, const char* page) const override {
    checks_.fetch_add(1);
    if (number == damaged_page.load()) return absl::DataLossError("bad page");
    return page[kPageBytes - 1] == ContentOf(number_, number) ? absl::OkStatus()
                                                              : absl::InternalError("mixed up");
  }

  std::function<void(uint64_t)> on_read;
  std::atomic<bool> fail_reads{false};
  std::atomic<uint64_t> damaged_page{~uint64_t{0}};
  mutable std::atomic<uint64_t> reads_{0};
  mutable std::atomic<uint64_t> checks_{0};

 private:
  const uint64_t number_;
};

class BufferPoolTest : public testing::Test {
 protected:
  static std::unique_ptr<PageRegion> Region(BufferPool& pool, const FakeFile& file,
                                            uint64_t page_count) {
    auto region = PageRegion::Create(pool, file, page_count);
    EXPECT_TRUE(region.ok()) << region.status();
    return *std::move(region);
  }
  // Reads a byte of a page without a pin, loading it when it is not there.
  static absl::StatusOr<char> ReadOf(BufferPool& pool, PageRegion& region, uint64_t page,
                                     uint64_t offset = 0) {
    while (true) {
      {
        const Epochs::Guard guard = pool.epochs().Enter();
        if (region.Touch(page)) return region.base()[page * kPageBytes + offset];
      }
      if (absl::Status status = region.Load(page, page + 1); !status.ok()) return status;
    }
  }
  uint64_t Count(absl::string_view name) {
    return metrics_.counter(absl::StrFormat("kyro_buffer_pool_%s_total", name), "").value();
  }

  MetricsRegistry metrics_;
};

TEST_F(BufferPoolTest, APageIsLoadedOnceAndStays) {
  BufferPool pool(256 * kPageBytes, metrics_);
  FakeFile file(1);
  const auto region = Region(pool, file, 100);
  EXPECT_EQ(pool.used_bytes(), 0u);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(*ReadOf(pool, *region, 99), ContentOf(1, 99));
    EXPECT_EQ(*ReadOf(pool, *region, 99, kPageBytes - 1), ContentOf(1, 99));
  }
  EXPECT_EQ(file.reads_, 1u);
  // With room to spare the neighbours came along: pages 96 to 99.
  EXPECT_EQ(Count("misses"), 4u);
  EXPECT_EQ(pool.used_bytes(), 4 * kPageBytes);
}

TEST_F(BufferPoolTest, TheCapacityIsHonouredByEveryLoad) {
  BufferPool pool(100 * kPageBytes, metrics_);
  FakeFile file(1);
  const auto region = Region(pool, file, 5000);
  for (uint64_t page = 0; page < 5000; ++page) {
    ASSERT_EQ(*ReadOf(pool, *region, page), ContentOf(1, page));
    ASSERT_LE(pool.used_bytes(), 103 * kPageBytes);
  }
  EXPECT_GE(pool.used_bytes(), 90 * kPageBytes);
  EXPECT_EQ(Count("evictions") + pool.used_bytes() / kPageBytes, Count("misses"));
  EXPECT_EQ(metrics_.gauge("kyro_buffer_pool_bytes", "").value(),
            static_cast<int64_t>(pool.used_bytes()));
}

TEST_F(BufferPoolTest, ShrinkingTakesEffectAtOnceDownToWhatIsPinned) {
  BufferPool pool(200 * kPageBytes, metrics_);
  FakeFile file(1);
  const auto region = Region(pool, file, 1000);
  std::vector<PinnedPages> pins(10);
  for (uint64_t i = 0; i < 10; ++i) ASSERT_TRUE(region->Pin(i * 10, i * 10 + 1, &pins[i]).ok());
  pool.SetCapacity(20 * kPageBytes);
  EXPECT_LE(pool.used_bytes(), 20 * kPageBytes);
  pool.SetCapacity(0);
  EXPECT_EQ(pool.used_bytes(), 10 * kPageBytes);
  for (uint64_t i = 0; i < 10; ++i) {
    EXPECT_EQ(region->base()[i * 10 * kPageBytes + 9], ContentOf(1, i * 10));
  }
  pins.clear();
  // With no room at all the next page displaces what nobody holds.
  EXPECT_EQ(*ReadOf(pool, *region, 500), ContentOf(1, 500));
  EXPECT_LE(pool.used_bytes(), kPageBytes);
  pool.SetCapacity(50 * kPageBytes);
  for (uint64_t page = 0; page < 200; ++page) ASSERT_TRUE(ReadOf(pool, *region, page).ok());
  EXPECT_LE(pool.used_bytes(), 51 * kPageBytes);
  EXPECT_EQ(pool.capacity_bytes(), 50 * kPageBytes);
}

TEST_F(BufferPoolTest, PagesThatAreUsedAgainSurviveAScan) {
  BufferPool pool(64 * kPageBytes, metrics_);
  FakeFile hot(1);
  FakeFile cold(2);
  const auto hot_region = Region(pool, hot, 8);
  const auto cold_region = Region(pool, cold, 400);
  for (uint64_t round = 0; round < 50; ++round) {
    for (uint64_t page = 0; page < 8; ++page) ASSERT_TRUE(ReadOf(pool, *hot_region, page).ok());
    for (uint64_t page = 0; page < 8; ++page) {
      ASSERT_TRUE(ReadOf(pool, *cold_region, round * 8 + page).ok());
    }
  }
  // The scan alone would have pushed everything out six times over.
  EXPECT_LT(hot.checks_.load(), 8u + 40u);
}

TEST_F(BufferPoolTest, AFullPoolAdmitsAPageOnItsSecondMiss) {
  BufferPool pool(128 * kPageBytes, metrics_);
  FakeFile file(1);
  const auto region = Region(pool, file, 1000);
  // There is room.
  EXPECT_TRUE(region->Admit(500, 501));
  ASSERT_TRUE(region->Load(0, 128).ok());
  EXPECT_FALSE(region->Admit(500, 501));
  EXPECT_TRUE(region->Admit(500, 501));
  // One of two is enough.
  EXPECT_FALSE(region->Admit(600, 602));
  EXPECT_TRUE(region->Admit(601, 603));
  // What was loaded and left has to prove itself again.
  ASSERT_TRUE(region->Load(500, 501).ok());
  ASSERT_TRUE(region->Load(128, 500).ok());
  ASSERT_TRUE(region->Load(501, 900).ok());
  EXPECT_FALSE(region->Admit(500, 501));
}

TEST_F(BufferPoolTest, AMissThatLiesFarBackDoesNotCount) {
  BufferPool pool(128 * kPageBytes, metrics_);
  FakeFile file(1);
  const auto region = Region(pool, file, 1000);
  ASSERT_TRUE(region->Load(0, 128).ok());
  EXPECT_FALSE(region->Admit(500, 501));
  EXPECT_FALSE(region->Admit(700, 701));
  for (uint64_t page = 501; page < 563; ++page) EXPECT_FALSE(region->Admit(page, page + 1));
  // 64 refusals ago, half of the capacity, and 65 then.
  EXPECT_TRUE(region->Admit(700, 701));
  EXPECT_FALSE(region->Admit(500, 501));
  EXPECT_EQ(pool.used_bytes(), 128 * kPageBytes);
}

TEST_F(BufferPoolTest, APageThatFailsIsNotKeptAndItsNeighboursAre) {
  BufferPool pool(256 * kPageBytes, metrics_);
  FakeFile file(1);
  const auto region = Region(pool, file, 16);
  file.damaged_page = 3;
  EXPECT_EQ(ReadOf(pool, *region, 3).status().code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(*ReadOf(pool, *region, 4), ContentOf(1, 4));
  EXPECT_EQ(file.reads_, 1u);
  EXPECT_EQ(pool.used_bytes(), 15 * kPageBytes);
  PinnedPages pins;
  EXPECT_EQ(region->Pin(2, 5, &pins).code(), absl::StatusCode::kDataLoss);
  file.damaged_page = 99;
  EXPECT_TRUE(region->Pin(2, 5, &pins).ok());
  EXPECT_EQ(region->base()[3 * kPageBytes], ContentOf(1, 3));

  FakeFile failing(2);
  failing.fail_reads = true;
  const auto other = Region(pool, failing, 16);
  EXPECT_EQ(ReadOf(pool, *other, 0).status().code(), absl::StatusCode::kUnavailable);
  failing.fail_reads = false;
  EXPECT_EQ(*ReadOf(pool, *other, 0), ContentOf(2, 0));
}

TEST_F(BufferPoolTest, ThreadsThatMissOnePageShareItsLoad) {
  constexpr int kThreads = 4;
  BufferPool pool(64 * kPageBytes, metrics_);
  FakeFile file(1);
  std::atomic<int> arrived{0};
  // Nobody else may load; the others arrive while the first one is in here.
  file.on_read = [&](uint64_t) {
    while (arrived.load() < kThreads) std::this_thread::yield();
  };
  const auto region = Region(pool, file, 1);
  std::atomic<int> wrong{0};
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < kThreads; ++i) {
      threads.emplace_back([&] {
        arrived.fetch_add(1);
        PinnedPages pins;
        if (!region->Pin(0, 1, &pins).ok() || region->base()[17] != ContentOf(1, 0)) ++wrong;
      });
    }
  }
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(file.reads_, 1u);
}

TEST_F(BufferPoolTest, OtherPagesCanBeReadWhileOneLoads) {
  BufferPool pool(64 * kPageBytes, metrics_);
  FakeFile inner(1);
  FakeFile outer(2);
  const auto inner_region = Region(pool, inner, 60);
  const auto outer_region = Region(pool, outer, 1);
  outer.on_read = [&](uint64_t) {
    // A lock held across the load would hang here.
    for (uint64_t page = 0; page < 60; ++page) EXPECT_TRUE(ReadOf(pool, *inner_region, page).ok());
  };
  EXPECT_TRUE(ReadOf(pool, *outer_region, 0).ok());
}

TEST_F(BufferPoolTest, ARegionThatGoesTakesItsPagesAndNoOthers) {
  BufferPool pool(64 * kPageBytes, metrics_);
  FakeFile first(1);
  FakeFile second(2);
  auto first_region = Region(pool, first, 10);
  const auto second_region = Region(pool, second, 10);
  for (uint64_t page = 0; page < 10; ++page) {
    ASSERT_TRUE(ReadOf(pool, *first_region, page).ok());
    ASSERT_TRUE(ReadOf(pool, *second_region, page).ok());
  }
  EXPECT_EQ(pool.used_bytes(), 20 * kPageBytes);
  first_region.reset();
  EXPECT_EQ(pool.used_bytes(), 10 * kPageBytes);
  const uint64_t reads = second.reads_;
  for (uint64_t page = 0; page < 10; ++page) {
    EXPECT_EQ(*ReadOf(pool, *second_region, page), ContentOf(2, page));
  }
  EXPECT_EQ(second.reads_, reads);
}

TEST_F(BufferPoolTest, APageThatLeavesIsReadableUntilItsReadersAreGone) {
  BufferPool pool(100 * kPageBytes, metrics_);
  FakeFile file(1);
  const auto region = Region(pool, file, 4);
  ASSERT_TRUE(ReadOf(pool, *region, 0).ok());
  std::atomic<bool> shrunk{false};
  std::jthread shrinker;
  {
    const Epochs::Guard guard = pool.epochs().Enter();
    ASSERT_TRUE(region->Touch(0));
    shrinker = std::jthread([&] {
      pool.SetCapacity(0);
      shrunk.store(true);
    });
    for (int i = 0; i < 1000; ++i) {
      ASSERT_EQ(region->base()[100], ContentOf(1, 0));
      std::this_thread::yield();
    }
    EXPECT_FALSE(shrunk.load()) << "it must wait for this reader";
  }
  shrinker.join();
  EXPECT_EQ(pool.used_bytes(), 0u);
}

TEST_F(BufferPoolTest, TheCurveTellsWhatOtherSizesWouldHaveHit) {
  constexpr uint64_t kPages = 8192;
  BufferPool pool(kPages * kPageBytes, metrics_);
  FakeFile file(1);
  const auto region = Region(pool, file, 3 * kPages);
  // A loop over less than half of the pool, and one over half as much again as it holds.
  for (int round = 0; round < 4; ++round) {
    for (uint64_t page = 0; page < kPages * 2 / 5; ++page)
      ASSERT_TRUE(ReadOf(pool, *region, page).ok());
  }
  const double uses = static_cast<double>(Count("accesses"));
  EXPECT_NEAR(uses, 4 * kPages * 0.4, kPages * 0.5);
  EXPECT_GT(static_cast<double>(Count("hits_at_50_percent")), 0.7 * uses);
  EXPECT_LT(static_cast<double>(Count("hits_at_25_percent")), 0.1 * uses);
  const uint64_t before_100 = Count("hits_at_100_percent");
  const uint64_t before_200 = Count("hits_at_200_percent");
  for (int round = 0; round < 4; ++round) {
    for (uint64_t page = kPages; page < kPages * 5 / 2; ++page)
      ASSERT_TRUE(ReadOf(pool, *region, page).ok());
  }
  const double loop = 4 * kPages * 1.5;
  EXPECT_LT(static_cast<double>(Count("hits_at_100_percent") - before_100), 0.1 * loop);
  EXPECT_GT(static_cast<double>(Count("hits_at_200_percent") - before_200), 0.6 * loop);
}

TEST_F(BufferPoolTest, ThreadsAndChangingCapacityNeverGiveAWrongPage) {
  Random seeds(TestSeed());
  BufferPool pool(32 * kPageBytes, metrics_);
  constexpr uint64_t kPagesEach = 60;
  FakeFile files[3] = {FakeFile(0), FakeFile(1), FakeFile(2)};
  std::vector<std::unique_ptr<PageRegion>> regions;
  for (const FakeFile& file : files) regions.push_back(Region(pool, file, kPagesEach));
  std::atomic<uint64_t> wrong{0};
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&, seed = seeds.Next()] {
        Random random(seed);
        std::vector<std::pair<PinnedPages, std::pair<uint64_t, uint64_t>>> held;
        for (int i = 0; i < 5000; ++i) {
          const uint64_t file = random.Uniform(3);
          const uint64_t page = random.Uniform(kPagesEach);
          const uint64_t offset = random.Uniform(kPageBytes);
          if (random.OneIn(2)) {
            const auto byte = ReadOf(pool, *regions[file], page, offset);
            if (!byte.ok() || *byte != ContentOf(file, page)) wrong.fetch_add(1);
            continue;
          }
          const uint64_t end = std::min(page + 1 + random.Uniform(3), kPagesEach);
          PinnedPages pins;
          if (!regions[file]->Pin(page, end, &pins).ok()) wrong.fetch_add(1);
          held.emplace_back(std::move(pins), std::pair(file, page));
          if (held.size() > 4) {
            const auto& [held_file, held_page] = held.front().second;
            if (regions[held_file]->base()[held_page * kPageBytes + offset] !=
                ContentOf(held_file, held_page)) {
              wrong.fetch_add(1);
            }
            held.erase(held.begin());
          }
          if (random.OneIn(200)) pool.SetCapacity((4 + random.Uniform(64)) * kPageBytes);
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
