// Goal:   every kernel of every instruction set of this CPU computes what plain arithmetic in
//         double precision computes, at every length, at any alignment.
// Method: lengths 1 to 1100 against a scalar oracle, with a bound from the error analysis of
//         recursive summation; arrays end at an unreadable page, so that a read past the end traps.
#include "vector/kernels.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmath>
#include <limits>
#include <vector>

#include "engine/base/random.h"

namespace kyrodb::vector {
namespace {

constexpr size_t kLengthMax = 1100;

// `size` floats whose last one ends where the readable memory ends.
class GuardedFloats {
 public:
  explicit GuardedFloats(size_t size) {
    const size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
    const size_t usable = (size * sizeof(float) + page - 1) / page * page;
    mapped_bytes_ = usable + page;
    base_ =
        mmap(nullptr, mapped_bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (base_ == MAP_FAILED) abort();
    char* const end = static_cast<char*>(base_) + usable;
    if (mprotect(end, page, PROT_NONE) != 0) abort();
    data_ = reinterpret_cast<float*>(end) - size;
  }
  ~GuardedFloats() { munmap(base_, mapped_bytes_); }
  GuardedFloats(const GuardedFloats&) = delete;
  GuardedFloats& operator=(const GuardedFloats&) = delete;
  float* data() { return data_; }

 private:
  void* base_;
  size_t mapped_bytes_;
  float* data_;
};

struct Expected {
  double squared_l2 = 0, dot = 0;
  // Sums of absolute values: the measure of the rounding error.
  double squared_l2_magnitude = 0, dot_magnitude = 0;
};

Expected Oracle(const float* a, const float* b, size_t size) {
  Expected expected;
  for (size_t i = 0; i < size; ++i) {
    const double x = a[i], y = b[i];
    expected.squared_l2 += (x - y) * (x - y);
    expected.dot += x * y;
    expected.squared_l2_magnitude += (x - y) * (x - y);
    expected.dot_magnitude += std::abs(x * y);
  }
  return expected;
}

// Recursive summation of n terms errs by at most about n units in the last place of the sum of
// absolute values; lanes only make that smaller. The second term is for results that underflow.
double Tolerance(double magnitude, size_t size) {
  return magnitude * static_cast<double>(size + 4) * 6e-8 +
         static_cast<double>(size) * std::numeric_limits<float>::denorm_min();
}

class KernelsTest : public testing::TestWithParam<InstructionSet> {};

TEST_P(KernelsTest, AgreesWithTheScalarOracleAtEveryLength) {
  const Kernels& kernels = KernelsFor(GetParam());
  EXPECT_EQ(kernels.instruction_set, GetParam());
  Random random(1);
  GuardedFloats a_memory(kLengthMax), b_memory(kLengthMax);
  for (size_t size = 1; size <= kLengthMax; ++size) {
    // Ends at the unreadable page, so begins at every alignment of a float in turn.
    float* const a = a_memory.data() + (kLengthMax - size);
    float* const b = b_memory.data() + (kLengthMax - size);
    for (size_t i = 0; i < size; ++i) {
      a[i] = static_cast<float>(random.Normal());
      b[i] = static_cast<float>(random.Normal());
    }
    const Expected expected = Oracle(a, b, size);
    ASSERT_NEAR(kernels.squared_l2(a, b, size), expected.squared_l2,
                Tolerance(expected.squared_l2_magnitude, size))
        << "size " << size;
    ASSERT_NEAR(kernels.dot(a, b, size), expected.dot, Tolerance(expected.dot_magnitude, size))
        << "size " << size;
  }
}

TEST_P(KernelsTest, CountsEveryElementExactlyOnce) {
  const Kernels& kernels = KernelsFor(GetParam());
  std::vector<float> a(kLengthMax, 0), b(kLengthMax, 0);
  for (size_t size = 1; size <= kLengthMax; size += size < 140 ? 1 : 61) {
    for (size_t i = 0; i < size; ++i) {
      a[i] = 3;
      b[i] = 5;
      ASSERT_EQ(kernels.squared_l2(a.data(), b.data(), size), 4) << size << " at " << i;
      ASSERT_EQ(kernels.dot(a.data(), b.data(), size), 15) << size << " at " << i;
      a[i] = b[i] = 0;
    }
  }
}

TEST_P(KernelsTest, KeepsDenormalsAndTinyDifferences) {
  const Kernels& kernels = KernelsFor(GetParam());
  const float denormal = std::numeric_limits<float>::denorm_min() * 1000;
  for (const size_t size : {size_t{1}, size_t{7}, size_t{16}, size_t{33}, size_t{257}}) {
    std::vector<float> a(size, denormal), ones(size, 1), zeros(size, 0);
    const double expected = static_cast<double>(denormal) * static_cast<double>(size);
    EXPECT_EQ(kernels.dot(a.data(), ones.data(), size), static_cast<float>(expected));
    // The squares underflow, which is plain arithmetic too.
    EXPECT_EQ(kernels.squared_l2(a.data(), zeros.data(), size), 0);
    EXPECT_EQ(kernels.squared_l2(a.data(), a.data(), size), 0);
  }
}

TEST_P(KernelsTest, PassesInfinityAndNanThrough) {
  const Kernels& kernels = KernelsFor(GetParam());
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  for (const size_t size : {size_t{1}, size_t{8}, size_t{17}, size_t{70}}) {
    std::vector<float> a(size, 1), b(size, 1);
    a[size - 1] = kInfinity;
    EXPECT_EQ(kernels.dot(a.data(), b.data(), size), kInfinity);
    EXPECT_EQ(kernels.squared_l2(a.data(), b.data(), size), kInfinity);
    a[size - 1] = std::numeric_limits<float>::quiet_NaN();
    EXPECT_TRUE(std::isnan(kernels.dot(a.data(), b.data(), size)));
    EXPECT_TRUE(std::isnan(kernels.squared_l2(a.data(), b.data(), size)));
  }
}

TEST_P(KernelsTest, BatchFormsEqualSingleFormsBitByBit) {
  const Kernels& kernels = KernelsFor(GetParam());
  Random random(2);
  for (const size_t size : {size_t{1}, size_t{15}, size_t{64}, size_t{100}, size_t{1025}}) {
    std::vector<float> query(size), values(size * 21 + 1);
    for (float& value : query) value = static_cast<float>(random.Normal());
    for (float& value : values) value = static_cast<float>(random.Normal());
    std::vector<const float*> rows;
    for (size_t r = 0; r < 21; ++r) rows.push_back(values.data() + 1 + random.Uniform(21) * size);
    std::vector<float> l2(rows.size()), dot(rows.size());
    kernels.squared_l2_batch(query.data(), rows.data(), rows.size(), size, l2.data());
    kernels.dot_batch(query.data(), rows.data(), rows.size(), size, dot.data());
    for (size_t r = 0; r < rows.size(); ++r) {
      EXPECT_EQ(l2[r], kernels.squared_l2(query.data(), rows[r], size));
      EXPECT_EQ(dot[r], kernels.dot(query.data(), rows[r], size));
    }
    kernels.dot_batch(query.data(), rows.data(), 0, size, nullptr);  // no rows, no access
  }
}

TEST_P(KernelsTest, AddSignedFollowsTheBits) {
  const Kernels& kernels = KernelsFor(GetParam());
  Random random(3);
  for (size_t size = 1; size <= 300; ++size) {
    std::vector<uint64_t> signs((size + 63) / 64);
    for (uint64_t& word : signs) word = random.Next();
    std::vector<int32_t> sums(size + 1), expected(size + 1);
    for (size_t i = 0; i <= size; ++i) {
      sums[i] = expected[i] = static_cast<int32_t>(random.Uniform(1000)) - 500;
    }
    for (size_t i = 0; i < size; ++i) {
      expected[i] += (signs[i / 64] >> (i % 64) & 1) != 0 ? -77 : 77;
    }
    kernels.add_signed(signs.data(), 77, size, sums.data());
    ASSERT_EQ(sums, expected) << "size " << size;  // the element past the end is untouched
  }
}

INSTANTIATE_TEST_SUITE_P(EveryInstructionSet, KernelsTest,
                         testing::ValuesIn(AvailableInstructionSets().begin(),
                                           AvailableInstructionSets().end()),
                         [](const auto& instance) {
                           return std::string(InstructionSetName(instance.param));
                         });

TEST(KernelsTest, BestIsTheLastAvailable) {
  EXPECT_EQ(AvailableInstructionSets().front(), InstructionSet::kPortable);
  EXPECT_EQ(BestKernels().instruction_set, AvailableInstructionSets().back());
}

}  // namespace
}  // namespace kyrodb::vector
