// halfvec, sparsevec and bit: pgvector's operators and functions; and its functions over arrays,
// which are the states of its aggregates.
// Source: pgvector 0.8's documentation and regression suite (definitions and messages).
#include <algorithm>
#include <bit>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "engine/array.h"
#include "engine/half.h"
#include "sql/functions/function.h"
#include "sql/types/array_text.h"
#include "sql/types/bits.h"
#include "sql/types/vector_text.h"

namespace kyrodb::sql {
namespace {

using Vector = std::vector<float>;

constexpr TypeId kV = TypeId::kVector;
constexpr TypeId kH = TypeId::kHalfvec;
constexpr TypeId kS = TypeId::kSparsevec;
constexpr TypeId kStates = ArrayOf(TypeId::kDouble);

bool Overflow(FunctionContext& context) {
  return context.Fail(sqlstate::kNumericValueOutOfRange, "value out of range: overflow");
}

bool SameDimensions(FunctionContext& context, TypeId id, int64_t a, int64_t b) {
  if (a == b) return true;
  return context.Fail(sqlstate::kDataException,
                      absl::StrCat("different ", BaseTypeName(id), " dimensions ", a, " and ", b));
}

bool SameLengths(FunctionContext& context, Arguments a) {
  return SameDimensions(context, kH, static_cast<int64_t>(AsVector(a[0]).size()),
                        static_cast<int64_t>(AsVector(a[1]).size()));
}

double CosineOf(float product, float a, float b) {
  const double similarity =
      static_cast<double>(product) / std::sqrt(static_cast<double>(a) * static_cast<double>(b));
  // Rounding may carry it a little out of range; NaN stays.
  return 1.0 - (std::isnan(similarity) ? similarity : std::clamp(similarity, -1.0, 1.0));
}

enum class Distance { kL2, kL2Squared, kInner, kNegativeInner, kCosine, kL1, kSpherical };

double Spherical(double product) { return std::acos(std::clamp(product, -1.0, 1.0)) / M_PI; }

template <Distance distance>
bool DenseDistance(FunctionContext& context, Arguments a, Value* result) {
  if (!SameLengths(context, a)) return false;
  const Vector& x = AsVector(a[0]);
  const Vector& y = AsVector(a[1]);
  float sum = 0;
  float xx = 0;
  float yy = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    if constexpr (distance == Distance::kL2 || distance == Distance::kL2Squared) {
      sum += (x[i] - y[i]) * (x[i] - y[i]);
    } else if constexpr (distance == Distance::kL1) {
      sum += std::fabs(x[i] - y[i]);
    } else {
      sum += x[i] * y[i];
      if constexpr (distance == Distance::kCosine) {
        xx += x[i] * x[i];
        yy += y[i] * y[i];
      }
    }
  }
  const auto wide = static_cast<double>(sum);
  *result = distance == Distance::kL2              ? std::sqrt(wide)
            : distance == Distance::kNegativeInner ? -wide
            : distance == Distance::kCosine        ? CosineOf(sum, xx, yy)
            : distance == Distance::kSpherical     ? Spherical(wide)
                                                   : wide;
  return true;
}

// Calls `visit` with the two elements at every index where either has one.
template <typename Visit>
void Together(const SparseVector& a, const SparseVector& b, Visit visit) {
  size_t i = 0;
  size_t j = 0;
  while (i < a.indices.size() || j < b.indices.size()) {
    const int64_t at = i < a.indices.size() ? a.indices[i] : INT64_MAX;
    const int64_t bt = j < b.indices.size() ? b.indices[j] : INT64_MAX;
    visit(at <= bt ? a.values[i] : 0.0f, bt <= at ? b.values[j] : 0.0f);
    if (at <= bt) ++i;
    if (bt <= at) ++j;
  }
}

template <Distance distance>
bool SparseDistance(FunctionContext& context, Arguments a, Value* result) {
  const SparseVector x = DecodeSparse(AsText(a[0]));
  const SparseVector y = DecodeSparse(AsText(a[1]));
  if (!SameDimensions(context, kS, x.dimensions, y.dimensions)) return false;
  float sum = 0;
  float xx = 0;
  float yy = 0;
  Together(x, y, [&](float p, float q) {
    if constexpr (distance == Distance::kL2 || distance == Distance::kL2Squared) {
      sum += (p - q) * (p - q);
    } else if constexpr (distance == Distance::kL1) {
      sum += std::fabs(p - q);
    } else {
      sum += p * q;
      if constexpr (distance == Distance::kCosine) {
        xx += p * p;
        yy += q * q;
      }
    }
  });
  const auto wide = static_cast<double>(sum);
  *result = distance == Distance::kL2              ? std::sqrt(wide)
            : distance == Distance::kNegativeInner ? -wide
            : distance == Distance::kCosine        ? CosineOf(sum, xx, yy)
                                                   : wide;
  return true;
}

double NormOf(const std::vector<float>& values) {
  double sum = 0;
  for (const float element : values) {
    sum += static_cast<double>(element) * static_cast<double>(element);
  }
  return std::sqrt(sum);
}

// Element by element; halves are computed as floats and rounded.
template <typename Operation>
bool Elementwise(FunctionContext& context, Arguments a, bool underflow_matters, Value* result,
                 Operation operation) {
  if (!SameLengths(context, a)) return false;
  const Vector& x = AsVector(a[0]);
  const Vector& y = AsVector(a[1]);
  Vector out(x.size());
  for (size_t i = 0; i < x.size(); ++i) {
    out[i] = engine::RoundToHalf(operation(x[i], y[i]));
    if (std::isinf(out[i])) return Overflow(context);
    if (underflow_matters && out[i] == 0 && x[i] != 0 && y[i] != 0) {
      return context.Fail(sqlstate::kNumericValueOutOfRange, "value out of range: underflow");
    }
  }
  *result = std::move(out);
  return true;
}

bool AddHalves(FunctionContext& context, Arguments a, Value* result) {
  return Elementwise(context, a, false, result, [](float x, float y) { return x + y; });
}
bool SubtractHalves(FunctionContext& context, Arguments a, Value* result) {
  return Elementwise(context, a, false, result, [](float x, float y) { return x - y; });
}
bool MultiplyHalves(FunctionContext& context, Arguments a, Value* result) {
  return Elementwise(context, a, true, result, [](float x, float y) { return x * y; });
}

bool ConcatenateHalves(FunctionContext& context, Arguments a, Value* result) {
  Vector out = AsVector(a[0]);
  out.insert(out.end(), AsVector(a[1]).begin(), AsVector(a[1]).end());
  absl::Status status = CheckVectorDimensions(kH, static_cast<int64_t>(out.size()));
  if (!status.ok()) return context.Fail(std::move(status));
  *result = std::move(out);
  return true;
}

bool NormalizeHalves(FunctionContext& context, Arguments a, Value* result) {
  Vector out = AsVector(a[0]);
  const double norm = NormOf(out);
  for (float& element : out) {
    element = norm > 0
                  ? engine::RoundToHalf(static_cast<float>(static_cast<double>(element) / norm))
                  : 0.0f;
    if (std::isinf(element)) return Overflow(context);
  }
  *result = std::move(out);
  return true;
}

bool NormalizeSparse(FunctionContext& context, Arguments a, Value* result) {
  const SparseVector x = DecodeSparse(AsText(a[0]));
  const double norm = NormOf(x.values);
  SparseVector out;
  out.dimensions = x.dimensions;
  for (size_t i = 0; norm > 0 && i < x.indices.size(); ++i) {
    const auto element = static_cast<float>(static_cast<double>(x.values[i]) / norm);
    if (std::isinf(element)) return Overflow(context);
    // What vanishes is not kept.
    if (element == 0) continue;
    out.indices.push_back(x.indices[i]);
    out.values.push_back(element);
  }
  *result = EncodeSparse(out);
  return true;
}

bool SubHalves(FunctionContext& context, Arguments a, Value* result) {
  const Vector& x = AsVector(a[0]);
  const auto size = static_cast<int64_t>(x.size());
  const int64_t begin = std::clamp<int64_t>(AsInt(a[1]) - 1, 0, size);
  const int64_t end = std::clamp<int64_t>(AsInt(a[1]) - 1 + AsInt(a[2]), 0, size);
  if (AsInt(a[2]) < 1 || end <= begin) return context.Fail(CheckVectorDimensions(kH, 0));
  *result = Vector(x.begin() + begin, x.begin() + end);
  return true;
}

bool Quantize(FunctionContext&, Arguments a, Value* result) {
  const Vector& x = AsVector(a[0]);
  std::string bits = MakeBits(static_cast<uint32_t>(x.size()));
  for (uint32_t i = 0; i < x.size(); ++i) {
    if (x[i] > 0) SetBit(&bits, i, true);
  }
  *result = std::move(bits);
  return true;
}

template <bool jaccard>
bool BitDistance(FunctionContext& context, Arguments a, Value* result) {
  const std::string& x = AsText(a[0]);
  const std::string& y = AsText(a[1]);
  if (BitCount(x) != BitCount(y)) {
    return context.Fail(sqlstate::kDataException,
                        absl::StrCat("different bit lengths ", BitCount(x), " and ", BitCount(y)));
  }
  const absl::string_view p = BitBytes(x);
  const absl::string_view q = BitBytes(y);
  int64_t different = 0;
  int64_t both = 0;
  int64_t either = 0;
  for (size_t i = 0; i < p.size() && i < q.size(); ++i) {
    const auto u = static_cast<uint8_t>(p[i]);
    const auto v = static_cast<uint8_t>(q[i]);
    different += std::popcount(static_cast<uint8_t>(u ^ v));
    both += std::popcount(static_cast<uint8_t>(u & v));
    either += std::popcount(static_cast<uint8_t>(u | v));
  }
  if (!jaccard) {
    *result = static_cast<double>(different);
  } else {
    *result = both == 0 ? 1.0 : 1.0 - static_cast<double>(both) / static_cast<double>(either);
  }
  return true;
}

// The states of avg: the number of vectors, then the sums.
bool LoadState(FunctionContext& context, const Value* value, absl::string_view caller,
               std::vector<double>* state) {
  const engine::Array array = LoadArray(TypeId::kDouble, *value);
  bool bad = array.dimensions.size() != 1;
  for (const Value& element : array.elements) {
    bad = bad || IsNull(element);
    if (!bad) state->push_back(std::get<double>(element));
  }
  if (!bad && !state->empty()) return true;
  return context.Fail(sqlstate::kDataException, absl::StrCat(caller, ": expected state array"));
}

bool StoreState(const std::vector<double>& state, Value* result) {
  std::vector<Value> elements(state.begin(), state.end());
  *result = engine::EncodeArray(engine::MakeArray(std::move(elements)));
  return true;
}

template <TypeId id>
bool Accumulate(FunctionContext& context, Arguments a, Value* result) {
  std::vector<double> state;
  const Vector& x = AsVector(a[1]);
  if (!LoadState(context, a[0], id == kV ? "vector_accum" : "halfvec_accum", &state)) return false;
  if (state.size() == 1) {
    state.assign(x.size() + 1, 0);
  } else if (state.size() != x.size() + 1) {
    return context.Fail(sqlstate::kDataException,
                        absl::StrCat("expected ", state.size() - 1, " dimensions, not ", x.size()));
  }
  state[0] += 1;
  for (size_t i = 0; i < x.size(); ++i) {
    state[i + 1] += static_cast<double>(x[i]);
    if (std::isinf(state[i + 1])) return Overflow(context);
  }
  return StoreState(state, result);
}

template <TypeId id>
bool Combine(FunctionContext& context, Arguments a, Value* result) {
  const char* const caller = id == kV ? "vector_combine" : "halfvec_combine";
  std::vector<double> x;
  std::vector<double> y;
  if (!LoadState(context, a[0], caller, &x) || !LoadState(context, a[1], caller, &y)) return false;
  const size_t dimensions = std::max(x.size(), y.size()) - 1;
  if (dimensions > engine::kVectorDimensionsMax) {
    return context.Fail(CheckVectorDimensions(id, static_cast<int64_t>(dimensions)));
  }
  if (x[0] == 0) return StoreState(y, result);
  if (y[0] == 0) return StoreState(x, result);
  if (x.size() != y.size()) {
    return context.Fail(sqlstate::kDataException,
                        absl::StrCat("expected ", x.size() - 1, " dimensions, not ", y.size() - 1));
  }
  for (size_t i = 0; i < x.size(); ++i) {
    x[i] += y[i];
    if (std::isinf(x[i])) return Overflow(context);
  }
  return StoreState(x, result);
}

template <TypeId id>
bool Average(FunctionContext& context, Arguments a, Value* result) {
  std::vector<double> state;
  if (!LoadState(context, a[0], id == kV ? "vector_avg" : "halfvec_avg", &state)) return false;
  *result = Null{};
  if (state[0] == 0) return true;
  absl::Status status = CheckVectorDimensions(id, static_cast<int64_t>(state.size()) - 1);
  if (!status.ok()) return context.Fail(std::move(status));
  Vector out;
  for (size_t i = 1; i < state.size(); ++i) {
    auto element = static_cast<float>(state[i] / state[0]);
    if (id == kH) {
      absl::StatusOr<float> half = ToHalf(element);
      if (!half.ok()) return context.Fail(half.status());
      element = *half;
    }
    status = CheckVectorElement(id, element);
    if (!status.ok()) return context.Fail(std::move(status));
    out.push_back(element);
  }
  *result = std::move(out);
  return true;
}

// name(value, dimensions, explicit): the functions behind the casts; -1 is any dimensions.
bool CastTo(FunctionContext& context, Arguments a, Value* result) {
  Type to = context.result_type;
  if (AsInt(a[1]) > 0) to.dimensions = static_cast<uint32_t>(AsInt(a[1]));
  absl::StatusOr<Value> cast = CastValue(context.argument_types[0], to, *a[0]);
  if (!cast.ok()) return context.Fail(cast.status());
  *result = *std::move(cast);
  return true;
}

template <TypeId id>
bool CompareTwo(FunctionContext&, Arguments a, Value* result) {
  *result = int64_t{CompareValues(id, *a[0], *a[1])};
  return true;
}

template <TypeId id, typename Holds>
void AddComparison(const char* name, Holds, std::vector<ScalarFunction>* out) {
  out->push_back({.name = name,
                  .parameters = {id, id},
                  .result = kBooleanType,
                  .implementation = [](FunctionContext&, Arguments a, Value* r) {
                    *r = Holds()(CompareValues(id, *a[0], *a[1]), 0);
                    return true;
                  }});
}

template <TypeId id>
void AddComparisonsOf(const std::string& prefix, std::vector<ScalarFunction>* out) {
  AddComparison<id>((prefix + "_lt").c_str(), std::less<int>(), out);
  AddComparison<id>((prefix + "_le").c_str(), std::less_equal<int>(), out);
  AddComparison<id>((prefix + "_eq").c_str(), std::equal_to<int>(), out);
  AddComparison<id>((prefix + "_ne").c_str(), std::not_equal_to<int>(), out);
  AddComparison<id>((prefix + "_ge").c_str(), std::greater_equal<int>(), out);
  AddComparison<id>((prefix + "_gt").c_str(), std::greater<int>(), out);
}

class SumOfHalves : public Accumulator {
 public:
  bool Add(FunctionContext& context, Arguments a) override {
    if (!seen_) {
      sum_ = AsVector(a[0]);
      seen_ = true;
      return true;
    }
    const Value sum(std::move(sum_));
    const Value* const both[] = {&sum, a[0]};
    Value result;
    if (!AddHalves(context, both, &result)) return false;
    sum_ = std::get<Vector>(std::move(result));
    return true;
  }
  bool Finish(FunctionContext&, Value* result) override {
    *result = seen_ ? Value(std::move(sum_)) : Value(Null{});
    return true;
  }
  uint64_t bytes() const override { return sum_.size() * sizeof(float); }

 private:
  Vector sum_;
  bool seen_ = false;
};

class AverageOfHalves : public Accumulator {
 public:
  bool Add(FunctionContext& context, Arguments a) override {
    const Vector& x = AsVector(a[0]);
    if (count_ == 0) sums_.assign(x.size(), 0);
    if (x.size() != sums_.size()) {
      return context.Fail(sqlstate::kDataException,
                          absl::StrCat("expected ", sums_.size(), " dimensions, not ", x.size()));
    }
    for (size_t i = 0; i < x.size(); ++i) sums_[i] += static_cast<double>(x[i]);
    ++count_;
    return true;
  }
  bool Finish(FunctionContext&, Value* result) override {
    *result = Null{};
    if (count_ == 0) return true;
    Vector out(sums_.size());
    for (size_t i = 0; i < out.size(); ++i) {
      out[i] = engine::RoundToHalf(static_cast<float>(sums_[i] / static_cast<double>(count_)));
    }
    *result = std::move(out);
    return true;
  }
  uint64_t bytes() const override { return sums_.size() * sizeof(double); }

 private:
  std::vector<double> sums_;
  int64_t count_ = 0;
};

}  // namespace

void AddVectorTypes(std::vector<ScalarFunction>* out) {
  const auto add = [out](std::vector<const char*> names, std::vector<TypeId> parameters,
                         const Type& result, Implementation implementation) {
    for (const char* name : names) {
      out->push_back({.name = name,
                      .parameters = parameters,
                      .result = result,
                      .implementation = implementation,
                      .is_operator = !(name[0] >= 'a' && name[0] <= 'z')});
    }
  };
  add({"<->", "l2_distance"}, {kH, kH}, kDoubleType, &DenseDistance<Distance::kL2>);
  add({"halfvec_l2_squared_distance"}, {kH, kH}, kDoubleType, &DenseDistance<Distance::kL2Squared>);
  add({"inner_product"}, {kH, kH}, kDoubleType, &DenseDistance<Distance::kInner>);
  add({"<#>", "halfvec_negative_inner_product"}, {kH, kH}, kDoubleType,
      &DenseDistance<Distance::kNegativeInner>);
  add({"<=>", "cosine_distance"}, {kH, kH}, kDoubleType, &DenseDistance<Distance::kCosine>);
  add({"<+>", "l1_distance"}, {kH, kH}, kDoubleType, &DenseDistance<Distance::kL1>);
  add({"halfvec_spherical_distance"}, {kH, kH}, kDoubleType, &DenseDistance<Distance::kSpherical>);
  add({"<->", "l2_distance"}, {kS, kS}, kDoubleType, &SparseDistance<Distance::kL2>);
  add({"sparsevec_l2_squared_distance"}, {kS, kS}, kDoubleType,
      &SparseDistance<Distance::kL2Squared>);
  add({"inner_product"}, {kS, kS}, kDoubleType, &SparseDistance<Distance::kInner>);
  add({"<#>", "sparsevec_negative_inner_product"}, {kS, kS}, kDoubleType,
      &SparseDistance<Distance::kNegativeInner>);
  add({"<=>", "cosine_distance"}, {kS, kS}, kDoubleType, &SparseDistance<Distance::kCosine>);
  add({"<+>", "l1_distance"}, {kS, kS}, kDoubleType, &SparseDistance<Distance::kL1>);
  add({"<~>", "hamming_distance"}, {TypeId::kBit, TypeId::kBit}, kDoubleType, &BitDistance<false>);
  add({"<%>", "jaccard_distance"}, {TypeId::kBit, TypeId::kBit}, kDoubleType, &BitDistance<true>);
  add({"+", "halfvec_add"}, {kH, kH}, kHalfvecType, &AddHalves);
  add({"-", "halfvec_sub"}, {kH, kH}, kHalfvecType, &SubtractHalves);
  add({"*", "halfvec_mul"}, {kH, kH}, kHalfvecType, &MultiplyHalves);
  add({"||", "halfvec_concat"}, {kH, kH}, kHalfvecType, &ConcatenateHalves);
  add({"vector_dims"}, {kH}, kIntegerType, [](FunctionContext&, Arguments a, Value* r) {
    *r = static_cast<int64_t>(AsVector(a[0]).size());
    return true;
  });
  add({"l2_norm"}, {kH}, kDoubleType, [](FunctionContext&, Arguments a, Value* r) {
    *r = NormOf(AsVector(a[0]));
    return true;
  });
  add({"l2_norm"}, {kS}, kDoubleType, [](FunctionContext&, Arguments a, Value* r) {
    *r = NormOf(DecodeSparse(AsText(a[0])).values);
    return true;
  });
  add({"l2_normalize"}, {kH}, kHalfvecType, &NormalizeHalves);
  add({"l2_normalize"}, {kS}, kSparsevecType, &NormalizeSparse);
  add({"subvector"}, {kH, TypeId::kInteger, TypeId::kInteger}, kHalfvecType, &SubHalves);
  add({"binary_quantize"}, {kV}, kBitType, &Quantize);
  add({"binary_quantize"}, {kH}, kBitType, &Quantize);
  add({"halfvec_cmp"}, {kH, kH}, kIntegerType, &CompareTwo<kH>);
  add({"sparsevec_cmp"}, {kS, kS}, kIntegerType, &CompareTwo<kS>);
  AddComparisonsOf<kV>("vector", out);
  AddComparisonsOf<kH>("halfvec", out);
  AddComparisonsOf<kS>("sparsevec", out);
  const Type states{kStates, 0};
  add({"vector_accum"}, {kStates, kV}, states, &Accumulate<kV>);
  add({"halfvec_accum"}, {kStates, kH}, states, &Accumulate<kH>);
  add({"vector_combine"}, {kStates, kStates}, states, &Combine<kV>);
  add({"halfvec_combine"}, {kStates, kStates}, states, &Combine<kH>);
  add({"vector_avg"}, {kStates}, kVectorType, &Average<kV>);
  add({"halfvec_avg"}, {kStates}, kHalfvecType, &Average<kH>);
  const auto add_cast = [out](const char* name, TypeId from, const Type& to) {
    out->push_back({.name = name,
                    .parameters = {from, TypeId::kInteger, TypeId::kBoolean},
                    .result = to,
                    .implementation = &CastTo,
                    .wants_types = true});
  };
  for (const TypeId id : {TypeId::kInteger, TypeId::kReal, TypeId::kDouble, TypeId::kNumeric}) {
    add_cast("array_to_vector", ArrayOf(id), kVectorType);
    add_cast("array_to_halfvec", ArrayOf(id), kHalfvecType);
    add_cast("array_to_sparsevec", ArrayOf(id), kSparsevecType);
  }
  const Type reals{ArrayOf(TypeId::kReal), 0};
  add_cast("vector_to_float4", kV, reals);
  add_cast("halfvec_to_float4", kH, reals);
  add_cast("vector_to_halfvec", kV, kHalfvecType);
  add_cast("halfvec_to_vector", kH, kVectorType);
  add_cast("vector_to_sparsevec", kV, kSparsevecType);
  add_cast("sparsevec_to_vector", kS, kVectorType);
  add_cast("halfvec_to_sparsevec", kH, kSparsevecType);
  add_cast("sparsevec_to_halfvec", kS, kHalfvecType);
}

void AddVectorTypeAggregates(std::vector<AggregateFunction>* out) {
  out->push_back({"sum", {kH}, kHalfvecType, []() -> std::unique_ptr<Accumulator> {
                    return std::make_unique<SumOfHalves>();
                  }});
  out->push_back({"avg", {kH}, kHalfvecType, []() -> std::unique_ptr<Accumulator> {
                    return std::make_unique<AverageOfHalves>();
                  }});
}

}  // namespace kyrodb::sql
