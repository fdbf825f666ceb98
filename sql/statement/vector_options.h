// The options of vector indexes: CREATE INDEX … USING hnsw … WITH (…).
#pragma once

#include "absl/status/statusor.h"
#include "engine/schema.h"
#include "sql/parse/ast.h"

namespace kyrodb::sql {

// What an index gets that says nothing else: codes, which take a quarter of the memory of floats
// and find the same rows, since the last candidates are ranked by the rows themselves.
inline constexpr engine::Quantization kDefaultQuantization = engine::Quantization::kSq8;

// Takes `quantization`, `rescore` or `recall_target` into `index`; false for any other option.
// 22023 with the position for a value that is none of the allowed ones.
absl::StatusOr<bool> TakeVectorOption(const Option& option, engine::IndexSchema& index);

}  // namespace kyrodb::sql
