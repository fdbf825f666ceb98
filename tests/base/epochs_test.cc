// Goal:   nothing is given up while a reader that may see it is inside, and everything is, soon
// after. Method: single steps with nested guards; threads that read what another one replaces and
// frees.
#include "engine/base/epochs.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

namespace kyrodb {
namespace {

TEST(EpochsTest, WhatIsRetiredGoesAtOnceWhenNobodyIsInside) {
  Epochs epochs;
  bool gone = false;
  epochs.Retire([&] { gone = true; });
  EXPECT_TRUE(gone);
}

TEST(EpochsTest, AReaderInsideKeepsItUntilItLeavesAltogether) {
  Epochs epochs;
  bool gone = false;
  {
    const Epochs::Guard outer = epochs.Enter();
    {
      const Epochs::Guard inner = epochs.Enter();
      epochs.Retire([&] { gone = true; });
    }
    epochs.RunDue();
    EXPECT_FALSE(gone);
  }
  EXPECT_FALSE(gone) << "only a call gives up";
  epochs.RunDue();
  EXPECT_TRUE(gone);
}

TEST(EpochsTest, AReaderThatCameLaterKeepsNothing) {
  Epochs epochs;
  const uint64_t mark = epochs.Mark();
  const Epochs::Guard guard = epochs.Enter();
  EXPECT_TRUE(epochs.HasPassed(mark));
  EXPECT_FALSE(epochs.HasPassed(epochs.Mark()));
}

TEST(EpochsTest, TheOrderOfRetiringIsTheOrderOfGivingUp) {
  std::vector<int> order;
  {
    Epochs epochs;
    std::unique_ptr<Epochs::Guard> guard = std::make_unique<Epochs::Guard>(epochs.Enter());
    for (int i = 0; i < 5; ++i) epochs.Retire([&order, i] { order.push_back(i); });
    EXPECT_TRUE(order.empty());
    guard.reset();
  }
  EXPECT_EQ(order, (std::vector<int>{0, 1, 2, 3, 4})) << "the destructor leaves nothing behind";
}

TEST(EpochsTest, TwoOfThemDoNotKnowEachOther) {
  Epochs first;
  Epochs second;
  const Epochs::Guard guard = first.Enter();
  bool gone = false;
  second.Retire([&] { gone = true; });
  EXPECT_TRUE(gone);
  EXPECT_FALSE(first.HasPassed(first.Mark()));
}

TEST(EpochsTest, AThreadThatEndsLeavesItsPlaceToTheNext) {
  Epochs epochs;
  for (int i = 0; i < 100; ++i) {
    std::jthread([&] { const Epochs::Guard guard = epochs.Enter(); });
  }
  EXPECT_TRUE(epochs.HasPassed(epochs.Mark()));
}

TEST(EpochsTest, ReadersNeverMeetWhatWasGivenUp) {
  struct Box {
    std::atomic<uint64_t> alive{1};
  };
  constexpr int kReaders = 3;
  constexpr int kReplacements = 5000;
  Epochs epochs;
  std::atomic<Box*> current{new Box};
  std::atomic<bool> stop{false};
  std::atomic<uint64_t> dead_reads{0};
  std::vector<std::unique_ptr<Box>> graveyard;  // so that reading too late is seen, not undefined
  {
    std::vector<std::jthread> readers;
    for (int i = 0; i < kReaders; ++i) {
      readers.emplace_back([&] {
        while (!stop.load(std::memory_order_relaxed)) {
          const Epochs::Guard guard = epochs.Enter();
          const Box* box = current.load(std::memory_order_seq_cst);
          for (int look = 0; look < 10; ++look) {
            if (box->alive.load(std::memory_order_relaxed) == 0) dead_reads.fetch_add(1);
          }
        }
      });
    }
    for (int i = 0; i < kReplacements; ++i) {
      Box* old = current.exchange(new Box, std::memory_order_seq_cst);
      epochs.Retire([&graveyard, old] {
        old->alive.store(0, std::memory_order_relaxed);
        graveyard.emplace_back(old);
      });
      if (i % 64 == 0) std::this_thread::yield();
    }
    stop.store(true);
  }
  epochs.RunDue();
  delete current.load();
  EXPECT_EQ(dead_reads.load(), 0u);
  EXPECT_EQ(graveyard.size(), static_cast<size_t>(kReplacements));
}

}  // namespace
}  // namespace kyrodb
