// Functions and operators: what they take, what they give, and how a call by name and argument
// types finds the one that is meant.
// Source: PostgreSQL 15 documentation, sections 10.2 and 10.3 (the resolution rules).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "engine/base/clock.h"
#include "engine/base/random.h"
#include "engine/database.h"
#include "engine/embedder.h"
#include "engine/schema.h"
#include "sql/error.h"
#include "sql/types/type.h"

namespace kyrodb::sql {

// A parameter of this type takes a value of any type as it is.
inline constexpr TypeId kAnyId = static_cast<TypeId>(255);
// A parameter that takes an array of any element, and one of that element's type: all such
// parameters of one call agree, by implicit casts if need be (PostgreSQL's anycompatible). As a
// result they mean what was agreed upon.
inline constexpr TypeId kAnyArrayId = static_cast<TypeId>(254);
inline constexpr TypeId kAnyElementId = static_cast<TypeId>(253);
inline constexpr Type kAnyArrayType{kAnyArrayId, 0};
inline constexpr Type kAnyElementType{kAnyElementId, 0};

// What nextval and its like do, of sequences by name.
class SequenceAccess {
 public:
  virtual ~SequenceAccess() = default;
  virtual absl::StatusOr<int64_t> Next(absl::string_view name) = 0;
  virtual absl::StatusOr<int64_t> Current(absl::string_view name) = 0;
  virtual absl::StatusOr<int64_t> Set(absl::string_view name, int64_t value, bool is_called) = 0;
  virtual absl::StatusOr<int64_t> Last() = 0;
};

// What a function may ask of the statement that calls it.
struct FunctionContext {
  // Set by an implementation that returns false.
  absl::Status error;
  int64_t transaction_micros = 0;  // now()
  int64_t statement_micros = 0;
  const Clock* clock = nullptr;
  Random* random = nullptr;
  SequenceAccess* sequences = nullptr;
  const engine::Embedder* embedder = nullptr;
  absl::string_view database_name;
  absl::string_view user_name;
  // For functions over the catalog; null where there is no statement.
  const engine::Catalog* catalog = nullptr;
  engine::Database* database = nullptr;
  int32_t process_id = 0;
  // Sets `value` to what SHOW says; false for an unknown name.
  const std::function<bool(absl::string_view name, std::string* value)>* setting = nullptr;
  // The types of the arguments of the call that runs, for functions that take any type.
  const Type* argument_types = nullptr;
  Type result_type;

  // For `return context.Fail(…)`.
  bool Fail(absl::Status status) {
    error = std::move(status);
    return false;
  }
  bool Fail(absl::string_view sqlstate, absl::string_view message) {
    return Fail(Error(sqlstate, 0, message));
  }
};

using Arguments = std::span<const Value* const>;
// Computes `result`; false after an error, which is in `context.error`.
using Implementation = bool (*)(FunctionContext& context, Arguments arguments, Value* result);

enum class Volatility {
  kImmutable,  // same arguments, same result, for ever
  kStable,     // … within one statement
  kVolatile,
};

enum class Comparison { kNone, kEqual, kNotEqual, kLess, kLessEqual, kGreater, kGreaterEqual };

struct ScalarFunction {
  std::string name;  // "+" for operators
  std::vector<TypeId> parameters;
  Type result;
  Implementation implementation = nullptr;
  Volatility volatility = Volatility::kImmutable;
  bool strict = true;     // null when an argument is; the implementation never sees one
  bool variadic = false;  // the last parameter may come any number of times, also never
  bool is_operator = false;
  Comparison comparison = Comparison::kNone;
  bool wants_types = false;  // reads `argument_types`; set by the registry
  bool is_distance = false;  // a vector distance that an index can order by
  engine::Metric metric = engine::Metric::kL2;
  // Never found by name: the binder's own (ARRAY[…], subscripts).
  bool is_internal = false;
};

// Collects the values of one group.
class Accumulator {
 public:
  virtual ~Accumulator() = default;
  // `arguments` is empty for count(*). Nulls have been left out already.
  virtual bool Add(FunctionContext& context, Arguments arguments) = 0;
  virtual bool Finish(FunctionContext& context, Value* result) = 0;
  // Memory beyond a fixed small amount.
  virtual uint64_t bytes() const { return 0; }
};

struct AggregateFunction {
  std::string name;
  std::vector<TypeId> parameters;
  Type result;
  std::unique_ptr<Accumulator> (*create)() = nullptr;
  // Instead of `create` where the types of the arguments matter.
  std::unique_ptr<Accumulator> (*create_typed)(std::span<const Type> arguments) = nullptr;
  bool takes_nulls = false;  // of every argument; else rows with a null first argument are left out
  bool null_is_empty = false;  // a later argument that is null becomes empty text
  // Called as f(direct arguments) WITHIN GROUP (ORDER BY x): `parameters` are x, then the others.
  bool is_ordered_set = false;
  bool variadic = false;

  std::unique_ptr<Accumulator> Create(std::span<const Type> arguments) const {
    return create != nullptr ? create() : create_typed(arguments);
  }
};

// Every function, immutable.
class FunctionRegistry {
 public:
  static const FunctionRegistry& Get();

  std::span<const ScalarFunction> FindScalar(absl::string_view name) const;
  std::span<const AggregateFunction> FindAggregate(absl::string_view name) const;
  // The names of functions (not operators) and aggregates.
  std::vector<std::string> names() const;

 private:
  FunctionRegistry();
  absl::flat_hash_map<std::string, std::vector<ScalarFunction>> scalars_;
  absl::flat_hash_map<std::string, std::vector<AggregateFunction>> aggregates_;
};

// The overload that PostgreSQL's rules choose for these argument types. 42883 when none fits, 42725
// when several do, with `position`.
absl::StatusOr<const ScalarFunction*> ResolveFunction(absl::string_view name,
                                                      std::span<const TypeId> arguments,
                                                      Position position);
absl::StatusOr<const ScalarFunction*> ResolveOperator(absl::string_view name,
                                                      std::span<const TypeId> arguments,
                                                      Position position);
absl::StatusOr<const AggregateFunction*> ResolveAggregate(absl::string_view name,
                                                          std::span<const TypeId> arguments,
                                                          Position position);

// The type that the polymorphic parameters of a call agree upon: that of the elements. Unknown when
// the function has none or nothing says it; nothing when they do not agree.
std::optional<TypeId> AgreedElement(std::span<const TypeId> parameters, bool variadic,
                                    std::span<const TypeId> arguments);
// What a parameter or a result of a polymorphic function is, once that is known.
TypeId ConcreteType(TypeId id, TypeId element);

// The function of that name that only the binder calls.
const ScalarFunction* FindInternalFunction(absl::string_view name);

// The rooms of the registry, one per file.
void AddArithmetic(std::vector<ScalarFunction>* out);
void AddNumeric(std::vector<ScalarFunction>* out);
void AddComparisons(std::vector<ScalarFunction>* out);
void AddText(std::vector<ScalarFunction>* out);
void AddRegex(std::vector<ScalarFunction>* out);
void AddArrays(std::vector<ScalarFunction>* out);
void AddBytes(std::vector<ScalarFunction>* out);
void AddFormat(std::vector<ScalarFunction>* out);
void AddTime(std::vector<ScalarFunction>* out);
void AddVectors(std::vector<ScalarFunction>* out);
void AddVectorTypes(std::vector<ScalarFunction>* out);
void AddJson(std::vector<ScalarFunction>* out);
void AddJsonEdit(std::vector<ScalarFunction>* out);
void AddSystem(std::vector<ScalarFunction>* out);
void AddSequences(std::vector<ScalarFunction>* out);
void AddCatalogFunctions(std::vector<ScalarFunction>* out);  // sql/catalog
void AddAggregates(std::vector<AggregateFunction>* out);
void AddNumericAggregates(std::vector<AggregateFunction>* out);
void AddCollectingAggregates(std::vector<AggregateFunction>* out);
void AddSketches(std::vector<AggregateFunction>* out);
void AddVectorTypeAggregates(std::vector<AggregateFunction>* out);

// How implementations read their arguments.
inline bool AsBool(const Value* value) { return *std::get_if<bool>(value); }
inline int64_t AsInt(const Value* value) { return *std::get_if<int64_t>(value); }
inline double AsDouble(const Value* value) { return *std::get_if<double>(value); }
inline const std::string& AsText(const Value* value) { return *std::get_if<std::string>(value); }
inline const std::vector<float>& AsVector(const Value* value) {
  return *std::get_if<std::vector<float>>(value);
}

// LIKE: `pattern` with % and _, where `escape` (0: none) quotes the next character. False in
// `*valid` when the pattern ends in the escape.
bool MatchLike(absl::string_view text, absl::string_view pattern, char escape, bool ignore_case,
               bool* valid);

}  // namespace kyrodb::sql
