// Goal:   a knob starts at its default, never leaves its bounds, and tells its owner of changes.
// Method: set values at and past the bounds; count callbacks, also from racing setters.
#include "engine/base/knobs.h"

#include <gtest/gtest.h>

#include <thread>

#include "tests/base/status_is.h"

namespace kyrodb {
namespace {

KnobSpec CacheBytes() {
  return {.name = "cache_bytes",
          .description = "Memory for cached blocks.",
          .unit = "bytes",
          .default_value = 64,
          .min = 16,
          .max = 256};
}

TEST(KnobsTest, StartsAtItsDefaultAndTakesItsBounds) {
  KnobRegistry registry;
  Knob& knob = registry.Define(CacheBytes());
  EXPECT_EQ(knob.value(), 64);
  EXPECT_THAT(registry.Set("cache_bytes", 16), IsOk());
  EXPECT_EQ(knob.value(), 16);
  EXPECT_THAT(registry.Set("cache_bytes", 256), IsOk());
  EXPECT_EQ(registry.Get("cache_bytes").value(), 256);
}

TEST(KnobsTest, OutOfBoundsIsRefusedWithWhatIsAllowed) {
  KnobRegistry registry;
  Knob& knob = registry.Define(CacheBytes());
  EXPECT_THAT(registry.Set("cache_bytes", 15),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       "knob \"cache_bytes\" takes 16 to 256 bytes, got 15"));
  EXPECT_THAT(registry.Set("cache_bytes", 257),
              StatusIs(absl::StatusCode::kInvalidArgument, "got 257"));
  EXPECT_EQ(knob.value(), 64);
}

TEST(KnobsTest, UnknownNameIsRefusedWithTheNamesThereAre) {
  KnobRegistry registry;
  registry.Define(CacheBytes());
  EXPECT_THAT(registry.Set("cach", 20), StatusIs(absl::StatusCode::kNotFound, "cache_bytes"));
  EXPECT_THAT(registry.Get("cach"), StatusIs(absl::StatusCode::kNotFound, "\"cach\""));
}

TEST(KnobsTest, CallbackRunsAfterEachChangeOnly) {
  KnobRegistry registry;
  std::vector<int64_t> seen;
  Knob* knob = nullptr;
  knob = &registry.Define(CacheBytes(), [&](int64_t value) {
    EXPECT_EQ(knob->value(), value);
    EXPECT_EQ(registry.Get("cache_bytes").value(), value);  // no lock is held
    seen.push_back(value);
  });
  EXPECT_TRUE(seen.empty());
  ASSERT_THAT(registry.Set("cache_bytes", 100), IsOk());
  ASSERT_THAT(registry.Set("cache_bytes", 100), IsOk());
  ASSERT_FALSE(registry.Set("cache_bytes", 1000).ok());
  ASSERT_THAT(registry.Set("cache_bytes", 200), IsOk());
  EXPECT_EQ(seen, (std::vector<int64_t>{100, 200}));
}

TEST(KnobsTest, LastCallbackHasTheValueThatStays) {
  KnobRegistry registry;
  int64_t last_seen = 0;
  Knob& knob = registry.Define(CacheBytes(), [&](int64_t value) { last_seen = value; });
  {
    std::vector<std::jthread> threads;
    for (int64_t t = 0; t < 4; ++t) {
      threads.emplace_back([&registry, t] {
        for (int64_t i = 0; i < 500; ++i) {
          EXPECT_THAT(registry.Set("cache_bytes", 16 + (i * 4 + t) % 200), IsOk());
        }
      });
    }
  }
  EXPECT_EQ(last_seen, knob.value());
}

TEST(KnobsTest, ListIsSortedAndComplete) {
  KnobRegistry registry;
  registry.Define(CacheBytes());
  registry.Define({.name = "batch_count",
                   .description = "",
                   .unit = "count",
                   .default_value = 1,
                   .min = 1,
                   .max = 9});
  ASSERT_THAT(registry.Set("cache_bytes", 99), IsOk());
  const std::vector<KnobRegistry::Setting> settings = registry.List();
  ASSERT_EQ(settings.size(), 2u);
  EXPECT_EQ(settings[0].spec.name, "batch_count");
  EXPECT_EQ(settings[1].spec.name, "cache_bytes");
  EXPECT_EQ(settings[1].spec.unit, "bytes");
  EXPECT_EQ(settings[1].value, 99);
}

TEST(KnobsDeathTest, DuplicateNamesAndBadDefaultsAreBugs) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  KnobRegistry registry;
  registry.Define(CacheBytes());
  EXPECT_DEATH(registry.Define(CacheBytes()), "broken invariant");
  KnobSpec bad = CacheBytes();
  bad.name = "other";
  bad.default_value = 1;
  EXPECT_DEATH(registry.Define(bad), "broken invariant");
}

}  // namespace
}  // namespace kyrodb
