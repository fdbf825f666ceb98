// Changes of a value that need not know it: they are worked out when the transaction commits, on
// the newest value, so that two of them never conflict.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace kyrodb::engine {

// Numbers are 8 bytes, little-endian: two's complement, or IEEE 754. An absent value counts as the
// operand alone.
enum class MergeOperator : uint8_t {
  kAddInt64,
  kAddDouble,
  kMaxInt64,
  kMinInt64,
  kAppend,  // bytes
};

// Units:  a value that grows by appending has at most this many bytes.
inline constexpr size_t kMergedValueBytesMax = size_t{16} << 20;

std::string Int64Operand(int64_t number);
std::string DoubleOperand(double number);
// `InvalidArgument` unless it has 8 bytes.
absl::StatusOr<int64_t> Int64Value(absl::string_view value);
absl::StatusOr<double> DoubleValue(absl::string_view value);

// `InvalidArgument` when the operand is none for the operator.
absl::Status CheckOperand(MergeOperator op, absl::string_view operand);

// What `value` becomes. `FailedPrecondition` when the value is no number of the operator's kind;
// `ResourceExhausted` when a sum is beyond an int64 or a value beyond `kMergedValueBytesMax`.
absl::StatusOr<std::string> ApplyMerge(MergeOperator op, std::optional<absl::string_view> value,
                                       absl::string_view operand);

}  // namespace kyrodb::engine
