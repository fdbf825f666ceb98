// Functions that give any number of rows: for FROM, and for the outputs of a query.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "sql/functions/function.h"

namespace kyrodb::sql {

// One column of the rows. Without a name it has the function's (or its alias's).
struct SetColumn {
  std::string name;
  Type type;  // may be polymorphic
};

struct SetFunction {
  std::string name;
  std::vector<TypeId> parameters;
  std::vector<SetColumn> columns;
  // Gives all rows at once; false after an error, which is in `context.error`. Arguments are not
  // null (with one that is, there are no rows), their types are in `context`.
  bool (*implementation)(FunctionContext& context, Arguments arguments,
                         std::vector<Row>* rows) = nullptr;
  bool variadic = false;
  bool strict = true;
};

std::span<const SetFunction> FindSetFunction(absl::string_view name);
absl::StatusOr<const SetFunction*> ResolveSetFunction(absl::string_view name,
                                                      std::span<const TypeId> arguments,
                                                      Position position);

// The rooms.
void AddSeriesFunctions(std::vector<SetFunction>* out);
void AddArraySetFunctions(std::vector<SetFunction>* out);
void AddJsonSetFunctions(std::vector<SetFunction>* out);
void AddTextSetFunctions(std::vector<SetFunction>* out);

}  // namespace kyrodb::sql
