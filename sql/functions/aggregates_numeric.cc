// Sums, averages and deviations of integers and numerics, exact; of intervals.
// Source: PostgreSQL 15 documentation, section 9.21; the result scales by observation.
#include <cstdint>

#include "absl/strings/str_cat.h"
#include "sql/functions/function.h"
#include "sql/types/decimal.h"
#include "sql/types/interval.h"

namespace kyrodb::sql {
namespace {

// A sum of integers. It runs in 128 bits, which no number of rows overflows.
template <bool average, bool wide_result>
class IntegerSum : public Accumulator {
 public:
  bool Add(FunctionContext&, Arguments a) override {
    sum_ += AsInt(a[0]);
    ++count_;
    return true;
  }
  bool Finish(FunctionContext& context, Value* result) override {
    if (count_ == 0) {
      *result = Null{};
    } else if constexpr (average) {
      const absl::StatusOr<Decimal> mean = Divide(Decimal(sum_), Decimal(count_));
      if (!mean.ok()) return context.Fail(mean.status());
      *result = mean->ToBytes();
    } else if constexpr (wide_result) {
      *result = Decimal(sum_).ToBytes();
    } else {
      if (sum_ > INT64_MAX || sum_ < INT64_MIN) {
        return context.Fail(sqlstate::kNumericValueOutOfRange, "bigint out of range");
      }
      *result = static_cast<int64_t>(sum_);
    }
    return true;
  }

 private:
  Wide sum_ = 0;
  int64_t count_ = 0;
};

enum class Moment { kSum, kAverage, kVariance, kDeviation };

// Moments of numerics and integers: the sums of values and squares, exact to the end.
template <Moment moment, bool sample, bool integers>
class ExactMoment : public Accumulator {
 public:
  bool Add(FunctionContext&, Arguments a) override {
    const Decimal x = integers ? Decimal(AsInt(a[0])) : Decimal::FromBytes(AsText(a[0]));
    ++count_;
    sum_ = sql::Add(sum_, x);
    if constexpr (moment == Moment::kVariance || moment == Moment::kDeviation) {
      squares_ = sql::Add(squares_, Multiply(x, x));
    }
    return true;
  }
  bool Finish(FunctionContext& context, Value* result) override {
    if (count_ == 0 || (sample && count_ == 1)) {
      *result = Null{};
      return true;
    }
    absl::StatusOr<Decimal> value = Compute();
    if (!value.ok()) return context.Fail(value.status());
    if (value->overflows()) {
      return context.Fail(sqlstate::kNumericValueOutOfRange, "value overflows numeric format");
    }
    *result = value->ToBytes();
    return true;
  }
  uint64_t bytes() const override { return 2 * (sum_.digits().size() + squares_.digits().size()); }

 private:
  absl::StatusOr<Decimal> Compute() const {
    if constexpr (moment == Moment::kSum) return sum_;
    if constexpr (moment == Moment::kAverage) return Divide(sum_, Decimal(count_));
    if (!sum_.is_finite()) return Decimal::NaN();
    // (N Σx² − (Σx)²) / N(N − 1)
    const Decimal n(count_);
    const Decimal numerator = Subtract(Multiply(n, squares_), Multiply(sum_, sum_));
    if (numerator.is_zero() || numerator.negative()) return Decimal();
    const Decimal denominator = Multiply(n, Decimal(sample ? count_ - 1 : count_));
    const int scale = QuotientScale(numerator, denominator);
    const Decimal variance = DivideTo(numerator, denominator, scale, true);
    if constexpr (moment == Moment::kDeviation) return SquareRootTo(variance, scale);
    return variance;
  }

  int64_t count_ = 0;
  Decimal sum_;
  Decimal squares_;
};

template <bool average>
class IntervalSum : public Accumulator {
 public:
  bool Add(FunctionContext& context, Arguments a) override {
    absl::StatusOr<Interval> sum = AddIntervals(sum_, DecodeInterval(AsText(a[0])));
    if (!sum.ok()) return context.Fail(sum.status());
    sum_ = *sum;
    ++count_;
    return true;
  }
  bool Finish(FunctionContext& context, Value* result) override {
    if (count_ == 0) {
      *result = Null{};
      return true;
    }
    if constexpr (average) {
      absl::StatusOr<Interval> mean = DivideInterval(sum_, static_cast<double>(count_));
      if (!mean.ok()) return context.Fail(mean.status());
      sum_ = *mean;
    }
    *result = EncodeInterval(sum_);
    return true;
  }

 private:
  Interval sum_;
  int64_t count_ = 0;
};

template <typename T>
std::unique_ptr<Accumulator> Make() {
  return std::make_unique<T>();
}

template <bool integers>
void AddMoments(TypeId id, std::vector<AggregateFunction>* out) {
  const auto add = [&](std::vector<const char*> names, std::unique_ptr<Accumulator> (*create)()) {
    for (const char* name : names) out->push_back({name, {id}, kNumericType, create});
  };
  add({"variance", "var_samp"}, &Make<ExactMoment<Moment::kVariance, true, integers>>);
  add({"var_pop"}, &Make<ExactMoment<Moment::kVariance, false, integers>>);
  add({"stddev", "stddev_samp"}, &Make<ExactMoment<Moment::kDeviation, true, integers>>);
  add({"stddev_pop"}, &Make<ExactMoment<Moment::kDeviation, false, integers>>);
}

}  // namespace

void AddNumericAggregates(std::vector<AggregateFunction>* out) {
  for (const TypeId id : {TypeId::kSmallint, TypeId::kInteger, TypeId::kBigint}) {
    const bool wide = id == TypeId::kBigint;
    out->push_back({"sum",
                    {id},
                    wide ? kNumericType : kBigintType,
                    wide ? &Make<IntegerSum<false, true>> : &Make<IntegerSum<false, false>>});
    out->push_back({"avg", {id}, kNumericType, &Make<IntegerSum<true, true>>});
    AddMoments<true>(id, out);
  }
  out->push_back(
      {"sum", {TypeId::kNumeric}, kNumericType, &Make<ExactMoment<Moment::kSum, false, false>>});
  out->push_back({"avg",
                  {TypeId::kNumeric},
                  kNumericType,
                  &Make<ExactMoment<Moment::kAverage, false, false>>});
  AddMoments<false>(TypeId::kNumeric, out);
  out->push_back({"sum", {TypeId::kInterval}, kIntervalType, &Make<IntervalSum<false>>});
  out->push_back({"avg", {TypeId::kInterval}, kIntervalType, &Make<IntervalSum<true>>});
}

}  // namespace kyrodb::sql
