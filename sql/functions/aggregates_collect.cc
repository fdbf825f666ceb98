// Aggregates that keep their values: arrays, JSON, percentiles, the most frequent value.
// Source: PostgreSQL 15 documentation, section 9.21.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "absl/strings/str_cat.h"
#include "engine/array.h"
#include "sql/functions/function.h"
#include "sql/types/array_text.h"
#include "sql/types/bits.h"
#include "sql/types/interval.h"
#include "sql/types/json_build.h"

namespace kyrodb::sql {
namespace {

// Keeps every value; derived classes make the result of them.
class Collector : public Accumulator {
 public:
  bool Add(FunctionContext&, Arguments a) override {
    values_.push_back(*a[0]);
    bytes_ += ValueBytes(*a[0]);
    return true;
  }
  uint64_t bytes() const override { return bytes_; }

 protected:
  std::vector<Value> values_;
  uint64_t bytes_ = 0;
};

class ArrayAggregate : public Collector {
 public:
  explicit ArrayAggregate(const Type& type) : type_(type) {}
  bool Finish(FunctionContext& context, Value* result) override {
    if (values_.empty()) {
      *result = Null{};
      return true;
    }
    if (!IsArray(type_.id)) {
      *result = engine::EncodeArray(engine::MakeArray(std::move(values_)));
      return true;
    }
    // Arrays become one of a dimension more.
    engine::Array out;
    for (const Value& value : values_) {
      if (IsNull(value)) {
        return context.Fail(sqlstate::kNullValueNotAllowed, "cannot accumulate null arrays");
      }
      engine::Array inner = LoadArray(ElementOf(type_.id), value);
      if (inner.dimensions.empty()) {
        return context.Fail("2202E", "cannot accumulate empty arrays");
      }
      if (out.elements.empty()) {
        out.dimensions = inner.dimensions;
      } else if (out.dimensions != inner.dimensions) {
        return context.Fail("2202E", "cannot accumulate arrays of different dimensionality");
      }
      out.elements.insert(out.elements.end(), inner.elements.begin(), inner.elements.end());
    }
    out.dimensions.insert(out.dimensions.begin(), {static_cast<int32_t>(values_.size()), 1});
    *result = engine::EncodeArray(out);
    return true;
  }

 private:
  Type type_;
};

template <bool binary>
class JsonAggregate : public Collector {
 public:
  explicit JsonAggregate(const Type& type) : type_(type) {}
  bool Finish(FunctionContext&, Value* result) override {
    if (values_.empty()) {
      *result = Null{};
      return true;
    }
    // json keeps a comma and a blank between its elements, as jsonb prints them.
    std::string out = "[";
    for (const Value& value : values_) {
      if (out.size() > 1) out += ", ";
      AppendJson(ToJson(type_, value), &out);
    }
    out.push_back(']');
    *result = std::move(out);
    return true;
  }

 private:
  Type type_;
};

template <bool binary>
class JsonObjectAggregate : public Accumulator {
 public:
  explicit JsonObjectAggregate(std::span<const Type> types) : key_(types[0]), value_(types[1]) {}
  bool Add(FunctionContext& context, Arguments a) override {
    if (IsNull(*a[0])) {
      return context.Fail(sqlstate::kInvalidParameterValue, "field name must not be null");
    }
    const absl::StatusOr<Value> key = CastValue(key_, kTextType, *a[0]);
    if (!key.ok()) return context.Fail(key.status());
    text_ += text_.empty() ? (binary ? "{" : "{ ") : ", ";
    AppendJsonString(std::get<std::string>(*key), &text_);
    text_ += binary ? ": " : " : ";
    AppendJson(ToJson(value_, *a[1]), &text_);
    return true;
  }
  bool Finish(FunctionContext& context, Value* result) override {
    if (text_.empty()) {
      *result = Null{};
      return true;
    }
    text_ += binary ? "}" : " }";
    if (!binary) {
      *result = std::move(text_);
      return true;
    }
    absl::StatusOr<std::string> canonical = CanonicalJson(text_);
    if (!canonical.ok()) return context.Fail(canonical.status());
    *result = *std::move(canonical);
    return true;
  }
  uint64_t bytes() const override { return text_.size(); }

 private:
  Type key_;
  Type value_;
  std::string text_;
};

enum class BitOperation { kAnd, kOr, kXor };

template <BitOperation operation>
class IntegerBits : public Accumulator {
 public:
  bool Add(FunctionContext&, Arguments a) override {
    const int64_t x = AsInt(a[0]);
    if (!seen_) {
      value_ = x;
    } else if (operation == BitOperation::kAnd) {
      value_ &= x;
    } else if (operation == BitOperation::kOr) {
      value_ |= x;
    } else {
      value_ ^= x;
    }
    seen_ = true;
    return true;
  }
  bool Finish(FunctionContext&, Value* result) override {
    *result = seen_ ? Value(value_) : Value(Null{});
    return true;
  }

 private:
  int64_t value_ = 0;
  bool seen_ = false;
};

class BinaryString : public Accumulator {
 public:
  bool Add(FunctionContext&, Arguments a) override {
    if (seen_) text_ += AsText(a[1]);
    seen_ = true;
    text_ += AsText(a[0]);
    return true;
  }
  bool Finish(FunctionContext&, Value* result) override {
    *result = seen_ ? Value(std::move(text_)) : Value(Null{});
    return true;
  }
  uint64_t bytes() const override { return text_.size(); }

 private:
  std::string text_;
  bool seen_ = false;
};

bool CheckFraction(FunctionContext& context, double fraction) {
  if (fraction >= 0 && fraction <= 1) return true;
  return context.Fail(sqlstate::kNumericValueOutOfRange,
                      absl::StrCat("percentile value ", fraction, " is not between 0 and 1"));
}

// The values come in their order.
template <bool continuous>
class Percentile : public Collector {
 public:
  explicit Percentile(std::span<const Type> types) : type_(types[0]), many_(IsArray(types[1].id)) {}
  bool Add(FunctionContext& context, Arguments a) override {
    if (IsNull(fraction_)) fraction_ = *a[1];
    return Collector::Add(context, a);
  }
  bool Finish(FunctionContext& context, Value* result) override {
    *result = Null{};
    if (values_.empty() || IsNull(fraction_)) return true;
    if (!many_) return One(context, std::get<double>(fraction_), result);
    engine::Array fractions = LoadArray(TypeId::kDouble, fraction_);
    for (Value& value : fractions.elements) {
      if (IsNull(value)) continue;
      const double fraction = std::get<double>(value);
      if (!One(context, fraction, &value)) return false;
    }
    *result = engine::EncodeArray(fractions);
    return true;
  }

 private:
  bool One(FunctionContext& context, double fraction, Value* result) {
    if (!CheckFraction(context, fraction)) return false;
    const auto count = static_cast<double>(values_.size());
    if constexpr (!continuous) {
      const double position = std::ceil(fraction * count);
      *result = values_[position < 1 ? 0 : static_cast<size_t>(position) - 1];
      return true;
    } else {
      const double position = fraction * (count - 1);
      const auto low = static_cast<size_t>(std::floor(position));
      const auto high = static_cast<size_t>(std::ceil(position));
      const double share = position - static_cast<double>(low);
      if (low == high) {
        *result = values_[low];
      } else if (type_.id == TypeId::kInterval) {
        const Interval a = DecodeInterval(std::get<std::string>(values_[low]));
        const Interval b = DecodeInterval(std::get<std::string>(values_[high]));
        absl::StatusOr<Interval> sum = NegateInterval(a);
        if (sum.ok()) sum = AddIntervals(b, *sum);
        if (sum.ok()) sum = MultiplyInterval(*sum, share);
        if (sum.ok()) sum = AddIntervals(a, *sum);
        if (!sum.ok()) return context.Fail(sum.status());
        *result = EncodeInterval(*sum);
      } else {
        const double a = std::get<double>(values_[low]);
        const double b = std::get<double>(values_[high]);
        *result = a + (b - a) * share;
      }
      return true;
    }
  }

  Type type_;
  bool many_;
  Value fraction_;
};

// Of equally frequent values the first in the order.
class Mode : public Collector {
 public:
  explicit Mode(TypeId id) : id_(id) {}
  bool Finish(FunctionContext&, Value* result) override {
    *result = Null{};
    size_t best = 0;
    for (size_t begin = 0; begin < values_.size();) {
      size_t end = begin + 1;
      while (end < values_.size() && CompareValues(id_, values_[begin], values_[end]) == 0) ++end;
      if (end - begin > best) {
        best = end - begin;
        *result = values_[begin];
      }
      begin = end;
    }
    return true;
  }

 private:
  TypeId id_;
};

enum class Relation {
  kCorrelation,
  kCovariancePopulation,
  kCovarianceSample,
  kSlope,
  kIntercept,
  kR2,
  kCount,
  kAverageX,
  kAverageY,
  kSxx,
  kSyy,
  kSxy,
};

// Moments of pairs (y, x), by the updates of Youngs and Cramer that PostgreSQL uses too.
template <Relation relation>
class Pairs : public Accumulator {
 public:
  bool Add(FunctionContext&, Arguments a) override {
    if (IsNull(*a[1])) return true;
    const double y = AsDouble(a[0]);
    const double x = AsDouble(a[1]);
    ++n_;
    sum_x_ += x;
    sum_y_ += y;
    if (n_ > 1) {
      const double dx = x * n_ - sum_x_;
      const double dy = y * n_ - sum_y_;
      const double scale = 1.0 / (n_ * (n_ - 1));
      sxx_ += dx * dx * scale;
      syy_ += dy * dy * scale;
      sxy_ += dx * dy * scale;
    }
    return true;
  }
  bool Finish(FunctionContext&, Value* result) override {
    *result = Null{};
    if constexpr (relation == Relation::kCount) {
      *result = static_cast<int64_t>(n_);
      return true;
    }
    if (n_ < 1) return true;
    switch (relation) {
      case Relation::kCorrelation:
        if (sxx_ != 0 && syy_ != 0) *result = sxy_ / std::sqrt(sxx_ * syy_);
        break;
      case Relation::kCovariancePopulation:
        *result = sxy_ / n_;
        break;
      case Relation::kCovarianceSample:
        if (n_ > 1) *result = sxy_ / (n_ - 1);
        break;
      case Relation::kSlope:
        if (sxx_ != 0) *result = sxy_ / sxx_;
        break;
      case Relation::kIntercept:
        if (sxx_ != 0) *result = (sum_y_ - sum_x_ * sxy_ / sxx_) / n_;
        break;
      case Relation::kR2:
        if (sxx_ != 0) *result = syy_ == 0 ? 1.0 : (sxy_ * sxy_) / (sxx_ * syy_);
        break;
      case Relation::kAverageX:
        *result = sum_x_ / n_;
        break;
      case Relation::kAverageY:
        *result = sum_y_ / n_;
        break;
      case Relation::kSxx:
        *result = sxx_;
        break;
      case Relation::kSyy:
        *result = syy_;
        break;
      case Relation::kSxy:
        *result = sxy_;
        break;
      case Relation::kCount:
        break;
    }
    return true;
  }

 private:
  double n_ = 0;
  double sum_x_ = 0;
  double sum_y_ = 0;
  double sxx_ = 0;
  double syy_ = 0;
  double sxy_ = 0;
};

template <typename T>
std::unique_ptr<Accumulator> Make() {
  return std::make_unique<T>();
}
template <typename T>
std::unique_ptr<Accumulator> MakeFirst(std::span<const Type> types) {
  return std::make_unique<T>(types[0]);
}
template <typename T>
std::unique_ptr<Accumulator> MakeTyped(std::span<const Type> types) {
  return std::make_unique<T>(types);
}
std::unique_ptr<Accumulator> MakeMode(std::span<const Type> types) {
  return std::make_unique<Mode>(types[0].id);
}

template <BitOperation operation>
void AddBits(const char* name, std::vector<AggregateFunction>* out) {
  for (const TypeId id : {TypeId::kSmallint, TypeId::kInteger, TypeId::kBigint}) {
    out->push_back({name, {id}, Type{id, 0}, &Make<IntegerBits<operation>>});
  }
}

template <Relation relation>
void AddPairs(const char* name, std::vector<AggregateFunction>* out) {
  out->push_back({name,
                  {TypeId::kDouble, TypeId::kDouble},
                  relation == Relation::kCount ? kBigintType : kDoubleType,
                  &Make<Pairs<relation>>});
}

}  // namespace

void AddCollectingAggregates(std::vector<AggregateFunction>* out) {
  out->push_back({.name = "array_agg",
                  .parameters = {kAnyArrayId},
                  .result = kAnyArrayType,
                  .create_typed = &MakeFirst<ArrayAggregate>,
                  .takes_nulls = true});
  out->push_back({.name = "array_agg",
                  .parameters = {kAnyElementId},
                  .result = kAnyArrayType,
                  .create_typed = &MakeFirst<ArrayAggregate>,
                  .takes_nulls = true});
  out->push_back({.name = "jsonb_agg",
                  .parameters = {kAnyId},
                  .result = kJsonbType,
                  .create_typed = &MakeFirst<JsonAggregate<true>>,
                  .takes_nulls = true});
  out->push_back({.name = "json_agg",
                  .parameters = {kAnyId},
                  .result = kJsonType,
                  .create_typed = &MakeFirst<JsonAggregate<false>>,
                  .takes_nulls = true});
  out->push_back({.name = "jsonb_object_agg",
                  .parameters = {kAnyId, kAnyId},
                  .result = kJsonbType,
                  .create_typed = &MakeTyped<JsonObjectAggregate<true>>,
                  .takes_nulls = true});
  out->push_back({.name = "json_object_agg",
                  .parameters = {kAnyId, kAnyId},
                  .result = kJsonType,
                  .create_typed = &MakeTyped<JsonObjectAggregate<false>>,
                  .takes_nulls = true});
  out->push_back({"string_agg", {TypeId::kBytea, TypeId::kBytea}, kByteaType, &Make<BinaryString>});
  AddBits<BitOperation::kAnd>("bit_and", out);
  AddBits<BitOperation::kOr>("bit_or", out);
  AddBits<BitOperation::kXor>("bit_xor", out);
  for (const bool many : {false, true}) {
    const TypeId fraction = many ? ArrayOf(TypeId::kDouble) : TypeId::kDouble;
    for (const TypeId id : {TypeId::kDouble, TypeId::kInterval}) {
      out->push_back({.name = "percentile_cont",
                      .parameters = {id, fraction},
                      .result = Type{many ? ArrayOf(id) : id, 0},
                      .create_typed = &MakeTyped<Percentile<true>>,
                      .is_ordered_set = true});
    }
    out->push_back({.name = "percentile_disc",
                    .parameters = {kAnyElementId, fraction},
                    .result = many ? kAnyArrayType : kAnyElementType,
                    .create_typed = &MakeTyped<Percentile<false>>,
                    .is_ordered_set = true});
  }
  out->push_back({.name = "mode",
                  .parameters = {kAnyElementId},
                  .result = kAnyElementType,
                  .create_typed = &MakeMode,
                  .is_ordered_set = true});
  AddPairs<Relation::kCorrelation>("corr", out);
  AddPairs<Relation::kCovariancePopulation>("covar_pop", out);
  AddPairs<Relation::kCovarianceSample>("covar_samp", out);
  AddPairs<Relation::kSlope>("regr_slope", out);
  AddPairs<Relation::kIntercept>("regr_intercept", out);
  AddPairs<Relation::kR2>("regr_r2", out);
  AddPairs<Relation::kCount>("regr_count", out);
  AddPairs<Relation::kAverageX>("regr_avgx", out);
  AddPairs<Relation::kAverageY>("regr_avgy", out);
  AddPairs<Relation::kSxx>("regr_sxx", out);
  AddPairs<Relation::kSyy>("regr_syy", out);
  AddPairs<Relation::kSxy>("regr_sxy", out);
}

}  // namespace kyrodb::sql
