// Aggregates. Sums of integers run in 128 bits and must fit bigint at the end (PostgreSQL's numeric
// does not exist here yet); averages are double precision.
#include <cmath>
#include <cstdint>

#include "absl/strings/str_cat.h"
#include "sql/functions/function.h"

namespace kyrodb::sql {
namespace {

__extension__ using Wide = __int128;

class Count : public Accumulator {
 public:
  bool Add(FunctionContext&, Arguments) override {
    ++count_;
    return true;
  }
  bool Finish(FunctionContext&, Value* result) override {
    *result = count_;
    return true;
  }

 private:
  int64_t count_ = 0;
};

template <bool average>
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
      *result =
          static_cast<double>(static_cast<long double>(sum_) / static_cast<long double>(count_));
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

enum class Moment {
  kSum,
  kAverage,
  kVarianceSample,
  kVariancePopulation,
  kDeviationSample,
  kDeviationPopulation
};

// Welford's running moments; the plain sum is kept beside them.
template <Moment moment>
class DoubleMoment : public Accumulator {
 public:
  bool Add(FunctionContext&, Arguments a) override {
    const double x = AsDouble(a[0]);
    infinite_ = infinite_ || std::isinf(x);
    ++count_;
    sum_ += x;
    const double delta = x - mean_;
    mean_ += delta / static_cast<double>(count_);
    squares_ += delta * (x - mean_);
    return true;
  }
  bool Finish(FunctionContext& context, Value* result) override {
    constexpr bool kSample =
        moment == Moment::kVarianceSample || moment == Moment::kDeviationSample;
    if (count_ == 0 || (kSample && count_ == 1)) {
      *result = Null{};
      return true;
    }
    const auto count = static_cast<double>(count_);
    double value = 0;
    if constexpr (moment == Moment::kSum) {
      value = sum_;
    } else if constexpr (moment == Moment::kAverage) {
      value = sum_ / count;
    } else {
      value = squares_ / (kSample ? count - 1 : count);
      if (moment == Moment::kDeviationSample || moment == Moment::kDeviationPopulation) {
        value = std::sqrt(value);
      }
    }
    if (std::isinf(value) && !infinite_) {
      return context.Fail(sqlstate::kNumericValueOutOfRange, "value out of range: overflow");
    }
    *result = value;
    return true;
  }

 private:
  int64_t count_ = 0;
  double sum_ = 0;
  double mean_ = 0;
  double squares_ = 0;
  bool infinite_ = false;
};

template <bool average>
class VectorSum : public Accumulator {
 public:
  bool Add(FunctionContext& context, Arguments a) override {
    const std::vector<float>& x = AsVector(a[0]);
    if (count_ == 0) sums_.assign(x.size(), 0);
    if (x.size() != sums_.size()) {
      return context.Fail(
          sqlstate::kDataException,
          average ? absl::StrCat("expected ", sums_.size(), " dimensions, not ", x.size())
                  : absl::StrCat("different vector dimensions ", sums_.size(), " and ", x.size()));
    }
    for (size_t i = 0; i < x.size(); ++i) sums_[i] += static_cast<double>(x[i]);
    ++count_;
    return true;
  }
  bool Finish(FunctionContext& context, Value* result) override {
    if (count_ == 0) {
      *result = Null{};
      return true;
    }
    std::vector<float> out(sums_.size());
    for (size_t i = 0; i < out.size(); ++i) {
      out[i] = static_cast<float>(average ? sums_[i] / static_cast<double>(count_) : sums_[i]);
      if (std::isinf(out[i])) {
        return context.Fail(sqlstate::kNumericValueOutOfRange, "value out of range: overflow");
      }
    }
    *result = std::move(out);
    return true;
  }
  uint64_t bytes() const override { return sums_.size() * sizeof(double); }

 private:
  std::vector<double> sums_;
  int64_t count_ = 0;
};

template <TypeId id, bool greatest>
class Extreme : public Accumulator {
 public:
  bool Add(FunctionContext&, Arguments a) override {
    if (IsNull(best_)) {
      best_ = *a[0];
      return true;
    }
    const int order = CompareValues(id, *a[0], best_);
    if (greatest ? order > 0 : order < 0) best_ = *a[0];
    return true;
  }
  bool Finish(FunctionContext&, Value* result) override {
    *result = best_;
    return true;
  }
  uint64_t bytes() const override { return ValueBytes(best_); }

 private:
  Value best_;
};

template <bool all>
class Boolean : public Accumulator {
 public:
  bool Add(FunctionContext&, Arguments a) override {
    seen_ = true;
    value_ = all ? value_ && AsBool(a[0]) : value_ || AsBool(a[0]);
    return true;
  }
  bool Finish(FunctionContext&, Value* result) override {
    if (seen_) {
      *result = value_;
    } else {
      *result = Null{};
    }
    return true;
  }

 private:
  bool value_ = all;
  bool seen_ = false;
};

class StringAggregate : public Accumulator {
 public:
  bool Add(FunctionContext&, Arguments a) override {
    if (seen_) text_ += AsText(a[1]);
    seen_ = true;
    text_ += AsText(a[0]);
    return true;
  }
  bool Finish(FunctionContext&, Value* result) override {
    if (seen_) {
      *result = std::move(text_);
    } else {
      *result = Null{};
    }
    return true;
  }
  uint64_t bytes() const override { return text_.size(); }

 private:
  std::string text_;
  bool seen_ = false;
};

template <typename T>
std::unique_ptr<Accumulator> Make() {
  return std::make_unique<T>();
}

template <TypeId id>
void AddExtremes(std::vector<AggregateFunction>* out) {
  out->push_back({"min", {id}, Type{id, 0}, &Make<Extreme<id, false>>});
  out->push_back({"max", {id}, Type{id, 0}, &Make<Extreme<id, true>>});
}

template <Moment moment>
void AddMoment(std::vector<const char*> names, std::vector<AggregateFunction>* out) {
  for (const char* name : names) {
    out->push_back({name, {TypeId::kDouble}, kDoubleType, &Make<DoubleMoment<moment>>});
  }
}

}  // namespace

void AddAggregates(std::vector<AggregateFunction>* out) {
  out->push_back({"count", {}, kBigintType, &Make<Count>});
  out->push_back({"count", {kAnyId}, kBigintType, &Make<Count>});
  for (const TypeId id : {TypeId::kInteger, TypeId::kBigint}) {
    out->push_back({"sum", {id}, kBigintType, &Make<IntegerSum<false>>});
    out->push_back({"avg", {id}, kDoubleType, &Make<IntegerSum<true>>});
  }
  AddMoment<Moment::kSum>({"sum"}, out);
  AddMoment<Moment::kAverage>({"avg"}, out);
  AddMoment<Moment::kVarianceSample>({"variance", "var_samp"}, out);
  AddMoment<Moment::kVariancePopulation>({"var_pop"}, out);
  AddMoment<Moment::kDeviationSample>({"stddev", "stddev_samp"}, out);
  AddMoment<Moment::kDeviationPopulation>({"stddev_pop"}, out);
  out->push_back({"sum", {TypeId::kVector}, kVectorType, &Make<VectorSum<false>>});
  out->push_back({"avg", {TypeId::kVector}, kVectorType, &Make<VectorSum<true>>});
  AddExtremes<TypeId::kInteger>(out);
  AddExtremes<TypeId::kBigint>(out);
  AddExtremes<TypeId::kDouble>(out);
  AddExtremes<TypeId::kText>(out);
  AddExtremes<TypeId::kTimestamptz>(out);
  for (const char* name : {"bool_and", "every"}) {
    out->push_back({name, {TypeId::kBoolean}, kBooleanType, &Make<Boolean<true>>});
  }
  out->push_back({"bool_or", {TypeId::kBoolean}, kBooleanType, &Make<Boolean<false>>});
  out->push_back({"string_agg", {TypeId::kText, TypeId::kText}, kTextType, &Make<StringAggregate>});
}

}  // namespace kyrodb::sql
