// Goal:   every kernel over codes, of every instruction set of this CPU, computes what its layout
//         says, at every length, and reads nothing behind its arrays.
// Method: lengths 1 to 1100 against scalar oracles written here; integer sums must be equal, sums
// of
//         halves within the error of summation. Arrays end at an unreadable page. Half floats are
//         compared for all 65,536 patterns.
#include "vector/code_kernels.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "engine/base/random.h"

namespace kyrodb::vector {
namespace {

constexpr size_t kLengthMax = 1100;

// Bytes whose last one ends where the readable memory ends.
class GuardedBytes {
 public:
  explicit GuardedBytes(size_t size) {
    const size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
    const size_t usable = (size + page - 1) / page * page;
    mapped_bytes_ = usable + page;
    base_ =
        mmap(nullptr, mapped_bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (base_ == MAP_FAILED) abort();
    end_ = static_cast<uint8_t*>(base_) + usable;
    if (mprotect(end_, page, PROT_NONE) != 0) abort();
  }
  ~GuardedBytes() { munmap(base_, mapped_bytes_); }
  GuardedBytes(const GuardedBytes&) = delete;
  GuardedBytes& operator=(const GuardedBytes&) = delete;
  // The last `size` bytes.
  uint8_t* Last(size_t size) { return end_ - size; }

 private:
  void* base_;
  size_t mapped_bytes_;
  uint8_t* end_;
};

void Fill(Random& random, uint8_t* bytes, size_t size) {
  for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<uint8_t>(random.Next() >> 32);
}

uint32_t CodeAt(const uint8_t* code, size_t bits, size_t i) {
  const size_t at = i * bits;
  return static_cast<uint32_t>(code[at / 8]) >> (at % 8) & ((1u << bits) - 1);
}

double HalfValue(uint16_t half) {
  const int exponent = half >> 10 & 31;
  const double mantissa = half & 1023;
  const double sign = (half & 0x8000) != 0 ? -1 : 1;
  if (exponent == 31) {
    return mantissa != 0 ? std::numeric_limits<double>::quiet_NaN()
                         : sign * std::numeric_limits<double>::infinity();
  }
  return sign *
         (exponent == 0 ? std::ldexp(mantissa, -24) : std::ldexp(1024 + mantissa, exponent - 25));
}

class CodeKernelsTest : public testing::TestWithParam<InstructionSet> {
 protected:
  const CodeKernels& kernels_ = CodeKernelsFor(GetParam());
};

TEST_P(CodeKernelsTest, IntegerSumsAreExactAtEveryLength) {
  Random random(1);
  GuardedBytes query_memory(kLengthMax), code_memory(kLengthMax);
  const std::pair<size_t, CodeKernels::IntegerSum> kinds[] = {
      {8, kernels_.dot_u8}, {4, kernels_.dot_u4}, {1, kernels_.dot_u1}};
  for (size_t size = 1; size <= kLengthMax; ++size) {
    int8_t* const query = reinterpret_cast<int8_t*>(query_memory.Last(size));
    Fill(random, reinterpret_cast<uint8_t*>(query), size);
    for (const auto& [bits, dot] : kinds) {
      const size_t bytes = CodeBytes(size, bits);
      uint8_t* const code = code_memory.Last(bytes);
      Fill(random, code, bytes);
      int64_t expected = 0;
      for (size_t i = 0; i < size; ++i) {
        expected += query[i] * static_cast<int64_t>(CodeAt(code, bits, i));
      }
      ASSERT_EQ(dot(query, code, size), expected) << bits << " bits, size " << size;
    }
  }
}

TEST_P(CodeKernelsTest, ExtremeBytesNeitherSaturateNorOverflow) {
  for (const size_t size : {size_t{32}, size_t{100}, size_t{1024}, size_t{16000}}) {
    for (const int8_t value : {int8_t{-128}, int8_t{127}}) {
      const std::vector<int8_t> query(size, value);
      const std::vector<uint8_t> code(size, 255);
      const int32_t count = static_cast<int32_t>(size);
      EXPECT_EQ(kernels_.dot_u8(query.data(), code.data(), size), value * 255 * count);
      EXPECT_EQ(kernels_.dot_u4(query.data(), code.data(), size), value * 15 * count);
      EXPECT_EQ(kernels_.dot_u1(query.data(), code.data(), size), value * count);
    }
  }
}

TEST_P(CodeKernelsTest, ScoresAreTheSumsWithFactorAndBias) {
  Random random(2);
  for (const size_t size : {size_t{1}, size_t{31}, size_t{128}, size_t{257}, size_t{784}}) {
    std::vector<int8_t> values(size);
    std::vector<float> floats(size);
    for (size_t i = 0; i < size; ++i) {
      values[i] = static_cast<int8_t>(random.Uniform(255));
      floats[i] = static_cast<float>(random.Normal());
    }
    const CodeQuery query = {values.data(), floats.data(), size, 0.5f, -3.0f};
    for (const size_t bits : {size_t{1}, size_t{4}, size_t{8}, size_t{16}}) {
      const size_t stride = (kCodeHeaderBytes + CodeBytes(size, bits) + 3) / 4 * 4;
      constexpr size_t kRows = 23;
      std::vector<uint8_t> table(stride * kRows);
      Fill(random, table.data(), table.size());
      std::vector<float> factors, biases;
      for (size_t r = 0; r < kRows; ++r) {
        const float header[2] = {static_cast<float>(random.Normal()),
                                 static_cast<float>(random.Normal())};
        std::memcpy(table.data() + r * stride, header, sizeof(header));
        factors.push_back(header[0]);
        biases.push_back(header[1]);
        if (bits == 16) {  // halves that are numbers
          for (size_t i = 0; i < size; ++i) {
            const uint16_t half = static_cast<uint16_t>(random.Uniform(0x7000));
            std::memcpy(table.data() + r * stride + kCodeHeaderBytes + 2 * i, &half, 2);
          }
        }
      }
      std::vector<uint32_t> rows;
      for (size_t i = 0; i < 40; ++i) rows.push_back(static_cast<uint32_t>(random.Uniform(kRows)));
      std::vector<float> out(rows.size());
      const CodeKernels::Score score = bits == 1   ? kernels_.score_u1
                                       : bits == 4 ? kernels_.score_u4
                                       : bits == 8 ? kernels_.score_u8
                                                   : kernels_.score_half;
      score(query, {table.data(), stride}, rows.data(), rows.size(), out.data());
      for (size_t i = 0; i < rows.size(); ++i) {
        const uint8_t* const code = table.data() + rows[i] * stride + kCodeHeaderBytes;
        float sum;
        if (bits == 16) {
          sum = kernels_.dot_half(floats.data(), reinterpret_cast<const uint16_t*>(code), size);
        } else {
          const auto dot = bits == 1   ? kernels_.dot_u1
                           : bits == 4 ? kernels_.dot_u4
                                       : kernels_.dot_u8;
          sum = static_cast<float>(dot(values.data(), code, size));
        }
        const float expected = biases[rows[i]] + factors[rows[i]] * (0.5f * sum - 3.0f);
        ASSERT_NEAR(out[i], expected, 1e-5 * (1 + std::abs(expected))) << bits << " bits " << size;
      }
    }
  }
}

TEST_P(CodeKernelsTest, EveryHalfConvertsBothWays) {
  for (uint32_t half = 0; half < 65536; ++half) {
    const uint16_t pattern = static_cast<uint16_t>(half);
    float value;
    kernels_.from_half(&pattern, 1, &value);
    const double expected = HalfValue(pattern);
    uint16_t back;
    kernels_.to_half(&value, 1, &back);
    if (std::isnan(expected)) {
      ASSERT_TRUE(std::isnan(value)) << half;
      ASSERT_TRUE(std::isnan(HalfValue(back))) << half;
    } else {
      ASSERT_EQ(value, expected) << half;
      ASSERT_EQ(back, pattern) << half;
    }
  }
}

TEST_P(CodeKernelsTest, HalvesRoundToTheNearestAndTiesToEven) {
  Random random(3);
  for (uint32_t half = 0; half < 0x7BFF; ++half) {  // between each finite pair
    const double low = HalfValue(static_cast<uint16_t>(half));
    const double high = HalfValue(static_cast<uint16_t>(half + 1));
    const float middle = static_cast<float>((low + high) / 2);
    const float values[] = {middle, std::nextafter(middle, 0.0f), std::nextafter(middle, 1e9f),
                            -middle};
    uint16_t halves[4];
    kernels_.to_half(values, 4, halves);
    const uint16_t even = static_cast<uint16_t>(half % 2 == 0 ? half : half + 1);
    ASSERT_EQ(halves[0], even) << half;
    ASSERT_EQ(halves[1], half) << half;
    ASSERT_EQ(halves[2], half + 1) << half;
    ASSERT_EQ(halves[3], even | 0x8000) << half;
  }
  const float extremes[] = {65504, 65519.996f, 65520,
                            1e30f, -1e30f,     std::numeric_limits<float>::denorm_min()};
  uint16_t halves[6];
  kernels_.to_half(extremes, 6, halves);
  const uint16_t expected[] = {0x7BFF, 0x7BFF, 0x7C00, 0x7C00, 0xFC00, 0};
  for (size_t i = 0; i < 6; ++i) EXPECT_EQ(halves[i], expected[i]) << extremes[i];
}

TEST_P(CodeKernelsTest, SumsOverHalvesAgreeWithTheOracleAtEveryLength) {
  Random random(4);
  GuardedBytes query_memory(kLengthMax * 4), half_memory(kLengthMax * 2);
  for (size_t size = 1; size <= kLengthMax; ++size) {
    float* const query = reinterpret_cast<float*>(query_memory.Last(size * 4));
    uint16_t* const halves = reinterpret_cast<uint16_t*>(half_memory.Last(size * 2));
    std::vector<float> values(size);
    for (size_t i = 0; i < size; ++i) {
      query[i] = static_cast<float>(random.Normal());
      // Every fifth is a denormal half.
      values[i] = static_cast<float>(random.Normal() * (i % 5 == 0 ? 1e-6 : 1));
    }
    kernels_.to_half(values.data(), size, halves);
    std::vector<float> decoded(size);
    kernels_.from_half(halves, size, decoded.data());
    double dot = 0, l2 = 0, magnitude = 0;
    for (size_t i = 0; i < size; ++i) {
      const double x = HalfValue(halves[i]);
      ASSERT_EQ(decoded[i], x);
      dot += query[i] * x;
      magnitude += std::abs(query[i] * x);
      l2 += (query[i] - x) * (query[i] - x);
    }
    const double units = static_cast<double>(size + 4) * 6e-8;
    ASSERT_NEAR(kernels_.dot_half(query, halves, size), dot, magnitude * units) << size;
    ASSERT_NEAR(kernels_.squared_l2_half(query, halves, size), l2, l2 * units) << size;
  }
}

TEST_P(CodeKernelsTest, BitsAreCountedAtEveryLength) {
  Random random(5);
  GuardedBytes a_memory(kLengthMax), b_memory(kLengthMax);
  for (size_t size = 1; size <= kLengthMax; ++size) {
    uint8_t* const a = a_memory.Last(size);
    uint8_t* const b = b_memory.Last(size);
    Fill(random, a, size);
    Fill(random, b, size);
    uint64_t differ = 0, both = 0, either = 0;
    for (size_t i = 0; i < size; ++i) {
      differ += static_cast<uint64_t>(std::popcount(static_cast<uint8_t>(a[i] ^ b[i])));
      both += static_cast<uint64_t>(std::popcount(static_cast<uint8_t>(a[i] & b[i])));
      either += static_cast<uint64_t>(std::popcount(static_cast<uint8_t>(a[i] | b[i])));
    }
    ASSERT_EQ(kernels_.hamming(a, b, size), differ) << size;
    const SharedBits shared = kernels_.shared_bits(a, b, size);
    ASSERT_EQ(shared.both, both) << size;
    ASSERT_EQ(shared.either, either) << size;
  }
}

TEST_P(CodeKernelsTest, JoinPutsHighAndLowBitsTogetherAtEveryLength) {
  Random random(7);
  GuardedBytes high_memory(kLengthMax), low_memory(kLengthMax);
  std::vector<float> values(kLengthMax);
  for (size_t size = 1; size <= kLengthMax; ++size) {
    uint8_t* const high = high_memory.Last(size);
    uint8_t* const low = low_memory.Last(CodeBytes(size, 4));
    Fill(random, high, size);
    Fill(random, low, CodeBytes(size, 4));
    kernels_.join(high, low, 0.25f, size, values.data());
    for (size_t i = 0; i < size; ++i) {
      const double whole = 16.0 * high[i] + CodeAt(low, 4, i);
      ASSERT_NEAR(values[i], 0.25 * (whole - 2055.5), 1e-4) << size;
    }
    kernels_.join(high, nullptr, 0.25f, size, values.data());
    for (size_t i = 0; i < size; ++i) ASSERT_EQ(values[i], 0.25 * (high[i] - 128.0)) << size;
  }
}

TEST_P(CodeKernelsTest, HadamardIsItsOwnInverseAndFollowsTheSigns) {
  Random random(6);
  for (size_t size = 1; size <= 1024; size *= 2) {
    std::vector<float> values(size);
    for (float& value : values) value = static_cast<float>(random.Normal());
    std::vector<float> transformed = values;
    kernels_.hadamard(transformed.data(), size);
    const double scale = std::sqrt(static_cast<double>(size));
    for (size_t row = 0; row < size; row += 1 + size / 16) {
      double expected = 0;
      for (size_t i = 0; i < size; ++i) {
        expected += std::popcount(row & i) % 2 == 0 ? values[i] : -values[i];
      }
      ASSERT_NEAR(transformed[row], expected / scale, 1e-5) << size;
    }
    kernels_.hadamard(transformed.data(), size);
    for (size_t i = 0; i < size; ++i) ASSERT_NEAR(transformed[i], values[i], 1e-5);
  }
}

INSTANTIATE_TEST_SUITE_P(EveryInstructionSet, CodeKernelsTest,
                         testing::ValuesIn(AvailableInstructionSets().begin(),
                                           AvailableInstructionSets().end()),
                         [](const auto& instance) {
                           return std::string(InstructionSetName(instance.param));
                         });

}  // namespace
}  // namespace kyrodb::vector
