// Aggregates of floats, vectors, truth and text; least and greatest of everything.
#include <cmath>
#include <cstdint>

#include "absl/strings/str_cat.h"
#include "sql/functions/function.h"

namespace kyrodb::sql {
namespace {

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

// Of arrays, whose type is known when it runs.
template <bool greatest>
class ArrayExtreme : public Accumulator {
 public:
  explicit ArrayExtreme(TypeId id) : id_(id) {}
  bool Add(FunctionContext&, Arguments a) override {
    if (!IsNull(best_)) {
      const int order = CompareValues(id_, *a[0], best_);
      if (greatest ? order <= 0 : order >= 0) return true;
    }
    best_ = *a[0];
    return true;
  }
  bool Finish(FunctionContext&, Value* result) override {
    *result = best_;
    return true;
  }
  uint64_t bytes() const override { return ValueBytes(best_); }

 private:
  TypeId id_;
  Value best_;
};

template <bool greatest>
std::unique_ptr<Accumulator> MakeArrayExtreme(std::span<const Type> types) {
  return std::make_unique<ArrayExtreme<greatest>>(types[0].id);
}

// Sums of reals: single precision in and out, double in between for the average.
class RealSum : public Accumulator {
 public:
  bool Add(FunctionContext& context, Arguments a) override {
    const auto x = static_cast<float>(AsDouble(a[0]));
    const float sum = sum_ + x;
    if (std::isinf(sum) && !std::isinf(x) && !std::isinf(sum_)) {
      return context.Fail(sqlstate::kNumericValueOutOfRange, "value out of range: overflow");
    }
    sum_ = sum;
    seen_ = true;
    return true;
  }
  bool Finish(FunctionContext&, Value* result) override {
    *result = seen_ ? Value(static_cast<double>(sum_)) : Value(Null{});
    return true;
  }

 private:
  float sum_ = 0;
  bool seen_ = false;
};

template <Moment moment>
void AddMoment(std::vector<const char*> names, std::vector<AggregateFunction>* out) {
  for (const char* name : names) {
    out->push_back({name, {TypeId::kDouble}, kDoubleType, &Make<DoubleMoment<moment>>});
    // Reals have a sum of their own.
    if (moment == Moment::kSum) continue;
    out->push_back({name, {TypeId::kReal}, kDoubleType, &Make<DoubleMoment<moment>>});
  }
}

}  // namespace

void AddAggregates(std::vector<AggregateFunction>* out) {
  out->push_back({"count", {}, kBigintType, &Make<Count>});
  out->push_back({"count", {kAnyId}, kBigintType, &Make<Count>});
  AddNumericAggregates(out);
  AddCollectingAggregates(out);
  AddSketches(out);
  AddVectorTypeAggregates(out);
  out->push_back({"sum", {TypeId::kReal}, kRealType, &Make<RealSum>});
  AddMoment<Moment::kSum>({"sum"}, out);
  AddMoment<Moment::kAverage>({"avg"}, out);
  AddMoment<Moment::kVarianceSample>({"variance", "var_samp"}, out);
  AddMoment<Moment::kVariancePopulation>({"var_pop"}, out);
  AddMoment<Moment::kDeviationSample>({"stddev", "stddev_samp"}, out);
  AddMoment<Moment::kDeviationPopulation>({"stddev_pop"}, out);
  out->push_back({"sum", {TypeId::kVector}, kVectorType, &Make<VectorSum<false>>});
  out->push_back({"avg", {TypeId::kVector}, kVectorType, &Make<VectorSum<true>>});
  AddExtremes<TypeId::kSmallint>(out);
  AddExtremes<TypeId::kInteger>(out);
  AddExtremes<TypeId::kBigint>(out);
  AddExtremes<TypeId::kReal>(out);
  AddExtremes<TypeId::kDouble>(out);
  AddExtremes<TypeId::kNumeric>(out);
  AddExtremes<TypeId::kText>(out);
  AddExtremes<TypeId::kChar>(out);
  AddExtremes<TypeId::kOid>(out);
  AddExtremes<TypeId::kDate>(out);
  AddExtremes<TypeId::kTime>(out);
  AddExtremes<TypeId::kTimestamp>(out);
  AddExtremes<TypeId::kTimestamptz>(out);
  AddExtremes<TypeId::kInterval>(out);
  out->push_back({.name = "min",
                  .parameters = {kAnyArrayId},
                  .result = kAnyArrayType,
                  .create_typed = &MakeArrayExtreme<false>});
  out->push_back({.name = "max",
                  .parameters = {kAnyArrayId},
                  .result = kAnyArrayType,
                  .create_typed = &MakeArrayExtreme<true>});
  for (const char* name : {"bool_and", "every"}) {
    out->push_back({name, {TypeId::kBoolean}, kBooleanType, &Make<Boolean<true>>});
  }
  out->push_back({"bool_or", {TypeId::kBoolean}, kBooleanType, &Make<Boolean<false>>});
  out->push_back({.name = "string_agg",
                  .parameters = {TypeId::kText, TypeId::kText},
                  .result = kTextType,
                  .create = &Make<StringAggregate>,
                  .null_is_empty = true});
}

}  // namespace kyrodb::sql
