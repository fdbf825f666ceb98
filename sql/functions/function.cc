#include "sql/functions/function.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "engine/base/status.h"
#include "sql/functions/set_function.h"

namespace kyrodb::sql {
namespace {

bool IsPolymorphic(TypeId id) { return id == kAnyArrayId || id == kAnyElementId; }

// The category by which unknown literals are decided.
char CategoryAt(TypeId id) {
  if (id == kAnyId) return 'S';
  if (IsPolymorphic(id)) return 'P';
  return CategoryOf(id);
}

template <typename Function>
TypeId ParameterAt(const Function& function, size_t index) {
  return function.parameters[std::min(index, function.parameters.size() - 1)];
}

bool TakesCount(const ScalarFunction& function, size_t count) {
  if (function.variadic) return count + 1 >= function.parameters.size();
  return count == function.parameters.size();
}
bool TakesCount(const SetFunction& function, size_t count) {
  if (function.variadic) return count + 1 >= function.parameters.size();
  return count == function.parameters.size();
}
bool TakesCount(const AggregateFunction& function, size_t count) {
  if (function.variadic) return count + 1 >= function.parameters.size();
  return count == function.parameters.size();
}

// Keeps of `candidates` those with the highest score.
template <typename Function, typename Score>
void KeepBest(std::vector<const Function*>* candidates, Score score) {
  int best = 0;
  for (const Function* candidate : *candidates) best = std::max(best, score(*candidate));
  candidates->erase(std::remove_if(candidates->begin(), candidates->end(),
                                   [&](const Function* c) { return score(*c) < best; }),
                    candidates->end());
}

// Whether a parameter takes an argument, as far as they alone can say.
bool Takes(TypeId parameter, TypeId argument) {
  if (parameter == kAnyId || parameter == kAnyElementId) return true;
  if (parameter == kAnyArrayId) return IsArray(argument) || argument == kUnknownId;
  return CanCast(argument, parameter, CastContext::kImplicit);
}

template <typename Function>
std::vector<const Function*> Choose(std::span<const Function> functions,
                                    std::span<const TypeId> arguments) {
  std::vector<const Function*> candidates;
  for (const Function& function : functions) {
    if (!TakesCount(function, arguments.size())) continue;
    bool fits = true;
    bool exact = true;
    for (size_t i = 0; i < arguments.size(); ++i) {
      const TypeId wanted = ParameterAt(function, i);
      exact = exact && wanted == arguments[i];
      fits = fits && Takes(wanted, arguments[i]);
    }
    fits = fits && AgreedElement(function.parameters, function.variadic, arguments).has_value();
    if (exact) return {&function};
    if (fits) candidates.push_back(&function);
  }
  if (candidates.size() <= 1) return candidates;
  // Most exact matches, unknowns not counted.
  KeepBest(&candidates, [&](const Function& function) {
    int score = 0;
    for (size_t i = 0; i < arguments.size(); ++i) {
      if (arguments[i] != kUnknownId && ParameterAt(function, i) == arguments[i]) ++score;
    }
    return score;
  });
  if (candidates.size() == 1) return candidates;
  // Most preferred types where a cast is needed anyway.
  KeepBest(&candidates, [&](const Function& function) {
    int score = 0;
    for (size_t i = 0; i < arguments.size(); ++i) {
      const TypeId wanted = ParameterAt(function, i);
      if (arguments[i] == kUnknownId) continue;
      if (wanted == arguments[i] || IsPreferred(wanted)) ++score;
    }
    return score;
  });
  if (candidates.size() == 1) return candidates;
  // Each unknown takes the string category where one candidate has it, else the category that all
  // of them agree on; then the preferred type of the category.
  for (size_t i = 0; i < arguments.size(); ++i) {
    if (arguments[i] != kUnknownId) continue;
    char category = 0;
    bool agreed = true;
    for (const Function* candidate : candidates) {
      const char own = CategoryAt(ParameterAt(*candidate, i));
      if (own == 'S') {
        category = 'S';
        agreed = true;
        break;
      }
      if (category != 0 && category != own) agreed = false;
      category = own;
    }
    if (!agreed) continue;
    std::vector<const Function*> kept;
    for (const Function* candidate : candidates) {
      if (CategoryAt(ParameterAt(*candidate, i)) == category) kept.push_back(candidate);
    }
    const bool any_preferred = std::any_of(
        kept.begin(), kept.end(),
        [i](const Function* candidate) { return IsPreferred(ParameterAt(*candidate, i)); });
    if (any_preferred) {
      kept.erase(std::remove_if(kept.begin(), kept.end(),
                                [i](const Function* candidate) {
                                  return !IsPreferred(ParameterAt(*candidate, i));
                                }),
                 kept.end());
    }
    candidates = kept;
    if (candidates.size() == 1) return candidates;
  }
  // When all known arguments are of one type, take the unknown ones for the same.
  TypeId known = kUnknownId;
  for (const TypeId id : arguments) {
    if (id == kUnknownId) continue;
    if (known != kUnknownId && known != id) return candidates;
    known = id;
  }
  if (known == kUnknownId) return candidates;
  std::vector<const Function*> kept;
  for (const Function* candidate : candidates) {
    bool fits = true;
    for (size_t i = 0; i < arguments.size(); ++i) {
      const TypeId wanted = ParameterAt(*candidate, i);
      fits = fits && Takes(wanted, known);
    }
    if (fits) kept.push_back(candidate);
  }
  return kept.size() == 1 ? kept : candidates;
}

std::string Signature(std::span<const TypeId> arguments) {
  return absl::StrJoin(arguments, ", ",
                       [](std::string* out, TypeId id) { out->append(BaseTypeName(id)); });
}

std::string OperatorSignature(absl::string_view name, std::span<const TypeId> arguments) {
  if (arguments.size() == 1) return absl::StrCat(name, " ", BaseTypeName(arguments[0]));
  return absl::StrCat(BaseTypeName(arguments[0]), " ", name, " ", BaseTypeName(arguments[1]));
}

}  // namespace

TypeId ConcreteType(TypeId id, TypeId element) {
  if (id == kAnyElementId) return element;
  if (id == kAnyArrayId) return element == kUnknownId ? kUnknownId : ArrayOf(element);
  return id;
}

std::optional<TypeId> AgreedElement(std::span<const TypeId> parameters, bool variadic,
                                    std::span<const TypeId> arguments) {
  TypeId agreed = kUnknownId;
  for (size_t i = 0; i < arguments.size() && !parameters.empty(); ++i) {
    if (i >= parameters.size() && !variadic) break;
    const TypeId wanted = parameters[std::min(i, parameters.size() - 1)];
    if (!IsPolymorphic(wanted) || arguments[i] == kUnknownId) continue;
    if (wanted == kAnyArrayId && !IsArray(arguments[i])) return std::nullopt;
    const TypeId own = wanted == kAnyArrayId ? ElementOf(arguments[i]) : arguments[i];
    if (agreed == kUnknownId || agreed == own) {
      agreed = own;
    } else if (CategoryOf(agreed) != CategoryOf(own)) {
      return std::nullopt;
    } else if (CanCast(agreed, own, CastContext::kImplicit) &&
               !CanCast(own, agreed, CastContext::kImplicit)) {
      agreed = own;
    } else if (!CanCast(own, agreed, CastContext::kImplicit)) {
      return std::nullopt;
    }
  }
  return agreed;
}

const ScalarFunction* FindInternalFunction(absl::string_view name) {
  for (const ScalarFunction& function : FunctionRegistry::Get().FindScalar(name)) {
    if (function.is_internal) return &function;
  }
  return nullptr;
}

FunctionRegistry::FunctionRegistry() {
  std::vector<ScalarFunction> scalars;
  AddArithmetic(&scalars);
  AddNumeric(&scalars);
  AddComparisons(&scalars);
  AddText(&scalars);
  AddRegex(&scalars);
  AddArrays(&scalars);
  AddBytes(&scalars);
  AddFormat(&scalars);
  AddTime(&scalars);
  AddVectors(&scalars);
  AddVectorTypes(&scalars);
  AddJson(&scalars);
  AddJsonEdit(&scalars);
  AddSystem(&scalars);
  AddSequences(&scalars);
  AddCatalogFunctions(&scalars);
  for (ScalarFunction& function : scalars) {
    function.wants_types = function.wants_types || function.name == "||" ||
                           std::any_of(function.parameters.begin(), function.parameters.end(),
                                       [](TypeId id) { return id == kAnyId || IsPolymorphic(id); });
    std::vector<ScalarFunction>& overloads = scalars_[function.name];
    overloads.push_back(std::move(function));
  }
  std::vector<AggregateFunction> aggregates;
  AddAggregates(&aggregates);
  for (AggregateFunction& function : aggregates) {
    std::vector<AggregateFunction>& overloads = aggregates_[function.name];
    overloads.push_back(std::move(function));
  }
}

const FunctionRegistry& FunctionRegistry::Get() {
  static const FunctionRegistry* const kRegistry = new FunctionRegistry;
  return *kRegistry;
}

std::span<const ScalarFunction> FunctionRegistry::FindScalar(absl::string_view name) const {
  const auto found = scalars_.find(name);
  if (found == scalars_.end()) return {};
  return found->second;
}

std::span<const AggregateFunction> FunctionRegistry::FindAggregate(absl::string_view name) const {
  const auto found = aggregates_.find(name);
  if (found == aggregates_.end()) return {};
  return found->second;
}

std::vector<std::string> FunctionRegistry::names() const {
  std::vector<std::string> names;
  for (const auto& [name, overloads] : scalars_) {
    if (!overloads[0].is_operator && !overloads[0].is_internal) names.push_back(name);
  }
  for (const auto& [name, overloads] : aggregates_) names.push_back(name);
  std::sort(names.begin(), names.end());
  return names;
}

absl::StatusOr<const ScalarFunction*> ResolveFunction(absl::string_view name,
                                                      std::span<const TypeId> arguments,
                                                      Position position) {
  const std::span<const ScalarFunction> functions = FunctionRegistry::Get().FindScalar(name);
  const std::vector<const ScalarFunction*> found = Choose(functions, arguments);
  if (found.size() == 1 && !found[0]->is_internal) return found[0];
  if (found.size() > 1) {
    return WithHint(
        Error(sqlstate::kAmbiguousFunction, position,
              absl::StrCat("function ", name, "(", Signature(arguments), ") is not unique")),
        "Could not choose a best candidate function. You might need to add explicit type casts.");
  }
  return WithHint(
      Error(sqlstate::kUndefinedFunction, position,
            absl::StrCat("function ", name, "(", Signature(arguments), ") does not exist")),
      "No function matches the given name and argument types. You might need to add explicit type "
      "casts.");
}

absl::StatusOr<const ScalarFunction*> ResolveOperator(absl::string_view name,
                                                      std::span<const TypeId> arguments,
                                                      Position position) {
  const std::span<const ScalarFunction> functions = FunctionRegistry::Get().FindScalar(name);
  // An unknown literal beside a known type is taken for the same type first.
  if (arguments.size() == 2 && (arguments[0] == kUnknownId) != (arguments[1] == kUnknownId)) {
    const TypeId known = arguments[0] == kUnknownId ? arguments[1] : arguments[0];
    for (const ScalarFunction& function : functions) {
      if (function.parameters.size() == 2 && function.parameters[0] == known &&
          function.parameters[1] == known) {
        return &function;
      }
      if (IsArray(known) && function.parameters.size() == 2 &&
          function.parameters[0] == kAnyArrayId && function.parameters[1] == kAnyArrayId) {
        return &function;
      }
    }
  }
  const std::vector<const ScalarFunction*> found = Choose(functions, arguments);
  if (found.size() == 1) return found[0];
  if (found.size() > 1) {
    return WithHint(
        Error(sqlstate::kAmbiguousFunction, position,
              absl::StrCat("operator is not unique: ", OperatorSignature(name, arguments))),
        "Could not choose a best candidate operator. You might need to add explicit type casts.");
  }
  return WithHint(
      Error(sqlstate::kUndefinedFunction, position,
            absl::StrCat("operator does not exist: ", OperatorSignature(name, arguments))),
      arguments.size() == 1
          ? "No operator matches the given name and argument type. You might need to add an "
            "explicit type cast."
          : "No operator matches the given name and argument types. You might need to add explicit "
            "type casts.");
}

namespace {

const absl::flat_hash_map<std::string, std::vector<SetFunction>>& SetFunctions() {
  static const auto* const kFunctions = [] {
    std::vector<SetFunction> all;
    AddSeriesFunctions(&all);
    AddArraySetFunctions(&all);
    AddJsonSetFunctions(&all);
    AddTextSetFunctions(&all);
    auto* functions = new absl::flat_hash_map<std::string, std::vector<SetFunction>>;
    for (SetFunction& function : all) {
      std::vector<SetFunction>& overloads = (*functions)[function.name];
      overloads.push_back(std::move(function));
    }
    return functions;
  }();
  return *kFunctions;
}

}  // namespace

std::span<const SetFunction> FindSetFunction(absl::string_view name) {
  const auto found = SetFunctions().find(name);
  if (found == SetFunctions().end()) return {};
  return found->second;
}

absl::StatusOr<const SetFunction*> ResolveSetFunction(absl::string_view name,
                                                      std::span<const TypeId> arguments,
                                                      Position position) {
  const std::vector<const SetFunction*> found = Choose(FindSetFunction(name), arguments);
  if (found.size() == 1) return found[0];
  return WithHint(
      Error(found.empty() ? sqlstate::kUndefinedFunction : sqlstate::kAmbiguousFunction, position,
            absl::StrCat("function ", name, "(", Signature(arguments), ") ",
                         found.empty() ? "does not exist" : "is not unique")),
      found.empty() ? "No function matches the given name and argument types. You might need to "
                      "add explicit type casts."
                    : "Could not choose a best candidate function. You might need to add explicit "
                      "type casts.");
}

absl::StatusOr<const AggregateFunction*> ResolveAggregate(absl::string_view name,
                                                          std::span<const TypeId> arguments,
                                                          Position position) {
  const std::vector<const AggregateFunction*> found =
      Choose(FunctionRegistry::Get().FindAggregate(name), arguments);
  if (found.size() == 1) return found[0];
  if (found.size() > 1) {
    return WithHint(
        Error(sqlstate::kAmbiguousFunction, position,
              absl::StrCat("function ", name, "(", Signature(arguments), ") is not unique")),
        "Could not choose a best candidate function. You might need to add explicit type casts.");
  }
  return WithHint(
      Error(sqlstate::kUndefinedFunction, position,
            absl::StrCat("function ", name, "(", Signature(arguments), ") does not exist")),
      "No function matches the given name and argument types. You might need to add explicit type "
      "casts.");
}

}  // namespace kyrodb::sql
