// pgvector's operators and functions, and embed(). Sums run in single precision, the last step in
// double, as pgvector does.
// Source: pgvector 0.7's documentation and regression suite (definitions and messages).
#include <algorithm>
#include <cmath>
#include <cstdint>

#include "absl/strings/str_cat.h"
#include "sql/functions/function.h"

namespace kyrodb::sql {
namespace {

using Vector = std::vector<float>;

bool SameDimensions(FunctionContext& context, const Vector& a, const Vector& b) {
  if (a.size() == b.size()) return true;
  return context.Fail(sqlstate::kDataException,
                      absl::StrCat("different vector dimensions ", a.size(), " and ", b.size()));
}

float Dot(const Vector& a, const Vector& b) {
  float sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

bool L2(FunctionContext& context, Arguments a, Value* result) {
  const Vector& x = AsVector(a[0]);
  const Vector& y = AsVector(a[1]);
  if (!SameDimensions(context, x, y)) return false;
  float sum = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    const float difference = x[i] - y[i];
    sum += difference * difference;
  }
  *result = std::sqrt(static_cast<double>(sum));
  return true;
}

bool L1(FunctionContext& context, Arguments a, Value* result) {
  const Vector& x = AsVector(a[0]);
  const Vector& y = AsVector(a[1]);
  if (!SameDimensions(context, x, y)) return false;
  float sum = 0;
  for (size_t i = 0; i < x.size(); ++i) sum += std::fabs(x[i] - y[i]);
  *result = static_cast<double>(sum);
  return true;
}

bool InnerProduct(FunctionContext& context, Arguments a, Value* result) {
  if (!SameDimensions(context, AsVector(a[0]), AsVector(a[1]))) return false;
  *result = static_cast<double>(Dot(AsVector(a[0]), AsVector(a[1])));
  return true;
}

bool NegativeInnerProduct(FunctionContext& context, Arguments a, Value* result) {
  if (!SameDimensions(context, AsVector(a[0]), AsVector(a[1]))) return false;
  *result = -static_cast<double>(Dot(AsVector(a[0]), AsVector(a[1])));
  return true;
}

bool Cosine(FunctionContext& context, Arguments a, Value* result) {
  const Vector& x = AsVector(a[0]);
  const Vector& y = AsVector(a[1]);
  if (!SameDimensions(context, x, y)) return false;
  const double norms = std::sqrt(static_cast<double>(Dot(x, x)) * static_cast<double>(Dot(y, y)));
  const double similarity = static_cast<double>(Dot(x, y)) / norms;
  // Rounding may carry it a little out of range; NaN stays.
  *result = 1.0 - (std::isnan(similarity) ? similarity : std::clamp(similarity, -1.0, 1.0));
  return true;
}

// Element by element, where the result must be finite and must not vanish.
template <typename Operation>
bool Elementwise(FunctionContext& context, Arguments a, bool underflow_matters, Value* result,
                 Operation operation) {
  const Vector& x = AsVector(a[0]);
  const Vector& y = AsVector(a[1]);
  if (!SameDimensions(context, x, y)) return false;
  Vector out(x.size());
  for (size_t i = 0; i < x.size(); ++i) {
    out[i] = operation(x[i], y[i]);
    if (std::isinf(out[i])) {
      return context.Fail(sqlstate::kNumericValueOutOfRange, "value out of range: overflow");
    }
    if (underflow_matters && out[i] == 0 && x[i] != 0 && y[i] != 0) {
      return context.Fail(sqlstate::kNumericValueOutOfRange, "value out of range: underflow");
    }
  }
  *result = std::move(out);
  return true;
}

bool Concatenate(FunctionContext& context, Arguments a, Value* result) {
  Vector out = AsVector(a[0]);
  out.insert(out.end(), AsVector(a[1]).begin(), AsVector(a[1]).end());
  if (out.size() > engine::kVectorDimensionsMax) {
    return context.Fail(
        sqlstate::kProgramLimitExceeded,
        absl::StrCat("vector cannot have more than ", engine::kVectorDimensionsMax, " dimensions"));
  }
  *result = std::move(out);
  return true;
}

double Norm(const Vector& x) {
  double sum = 0;
  for (const float element : x) sum += static_cast<double>(element) * static_cast<double>(element);
  return std::sqrt(sum);
}

bool Normalize(FunctionContext& context, Arguments a, Value* result) {
  Vector out = AsVector(a[0]);
  const double norm = Norm(out);
  if (norm > 0) {
    for (float& element : out) {
      element = static_cast<float>(static_cast<double>(element) / norm);
      if (std::isinf(element)) {
        return context.Fail(sqlstate::kNumericValueOutOfRange, "value out of range: overflow");
      }
    }
  } else {
    std::fill(out.begin(), out.end(), 0.0f);
  }
  *result = std::move(out);
  return true;
}

bool Subvector(FunctionContext& context, Arguments a, Value* result) {
  const Vector& x = AsVector(a[0]);
  const auto size = static_cast<int64_t>(x.size());
  const int64_t begin = std::clamp<int64_t>(AsInt(a[1]) - 1, 0, size);
  const int64_t end = std::clamp<int64_t>(AsInt(a[1]) - 1 + AsInt(a[2]), 0, size);
  if (AsInt(a[2]) < 1 || end <= begin) {
    return context.Fail(sqlstate::kDataException, "vector must have at least 1 dimension");
  }
  *result = Vector(x.begin() + begin, x.begin() + end);
  return true;
}

bool Embed(FunctionContext& context, Arguments a, Value* result) {
  absl::StatusOr<Vector> vector = context.embedder->Embed(AsText(a[0]));
  if (!vector.ok()) return context.Fail(vector.status());
  *result = *std::move(vector);
  return true;
}

}  // namespace

void AddVectors(std::vector<ScalarFunction>* out) {
  constexpr TypeId kV = TypeId::kVector;
  const auto add_distance = [out](const char* name, Implementation implementation, bool indexed,
                                  engine::Metric metric) {
    const bool is_operator = name[0] == '<';
    out->push_back({.name = name,
                    .parameters = {kV, kV},
                    .result = kDoubleType,
                    .implementation = implementation,
                    .is_operator = is_operator,
                    .is_distance = indexed,
                    .metric = metric});
  };
  add_distance("<->", &L2, true, engine::Metric::kL2);
  add_distance("l2_distance", &L2, true, engine::Metric::kL2);
  add_distance("<#>", &NegativeInnerProduct, true, engine::Metric::kInnerProduct);
  add_distance("vector_negative_inner_product", &NegativeInnerProduct, true,
               engine::Metric::kInnerProduct);
  add_distance("<=>", &Cosine, true, engine::Metric::kCosine);
  add_distance("cosine_distance", &Cosine, true, engine::Metric::kCosine);
  add_distance("<+>", &L1, false, engine::Metric::kL2);
  add_distance("l1_distance", &L1, false, engine::Metric::kL2);
  out->push_back({.name = "inner_product",
                  .parameters = {kV, kV},
                  .result = kDoubleType,
                  .implementation = &InnerProduct});

  const auto add_operator = [out](const char* name, Implementation implementation) {
    out->push_back({.name = name,
                    .parameters = {kV, kV},
                    .result = kVectorType,
                    .implementation = implementation,
                    .is_operator = true});
  };
  add_operator("+", [](FunctionContext& context, Arguments a, Value* r) {
    return Elementwise(context, a, false, r, [](float x, float y) { return x + y; });
  });
  add_operator("-", [](FunctionContext& context, Arguments a, Value* r) {
    return Elementwise(context, a, false, r, [](float x, float y) { return x - y; });
  });
  add_operator("*", [](FunctionContext& context, Arguments a, Value* r) {
    return Elementwise(context, a, true, r, [](float x, float y) { return x * y; });
  });
  add_operator("||", &Concatenate);

  out->push_back({.name = "vector_dims",
                  .parameters = {kV},
                  .result = kIntegerType,
                  .implementation = [](FunctionContext&, Arguments a, Value* r) {
                    *r = static_cast<int64_t>(AsVector(a[0]).size());
                    return true;
                  }});
  for (const char* name : {"vector_norm", "l2_norm"}) {
    out->push_back({.name = name,
                    .parameters = {kV},
                    .result = kDoubleType,
                    .implementation = [](FunctionContext&, Arguments a, Value* r) {
                      *r = Norm(AsVector(a[0]));
                      return true;
                    }});
  }
  out->push_back({.name = "vector_cmp",
                  .parameters = {kV, kV},
                  .result = kIntegerType,
                  .implementation = [](FunctionContext&, Arguments a, Value* r) {
                    *r = int64_t{CompareValues(TypeId::kVector, *a[0], *a[1])};
                    return true;
                  }});
  out->push_back({.name = "l2_normalize",
                  .parameters = {kV},
                  .result = kVectorType,
                  .implementation = &Normalize});
  out->push_back({.name = "subvector",
                  .parameters = {kV, TypeId::kInteger, TypeId::kInteger},
                  .result = kVectorType,
                  .implementation = &Subvector});
  out->push_back({.name = "embed",
                  .parameters = {TypeId::kText},
                  .result = kVectorType,
                  .implementation = &Embed});
}

}  // namespace kyrodb::sql
