#include "engine/merge.h"

#include <algorithm>
#include <bit>

#include "absl/strings/str_cat.h"
#include "engine/base/coding.h"
#include "engine/base/status.h"

namespace kyrodb::engine {
namespace {

absl::StatusOr<uint64_t> Bits(absl::string_view value) {
  if (value.size() != sizeof(uint64_t)) {
    return absl::InvalidArgumentError(
        absl::StrCat("a number has 8 bytes, this value has ", value.size()));
  }
  return ByteReader(value).Fixed64();
}

std::string FromBits(uint64_t bits) {
  std::string value;
  PutFixed64(&value, bits);
  return value;
}

}  // namespace

std::string Int64Operand(int64_t number) { return FromBits(static_cast<uint64_t>(number)); }
std::string DoubleOperand(double number) { return FromBits(std::bit_cast<uint64_t>(number)); }

absl::StatusOr<int64_t> Int64Value(absl::string_view value) {
  KYRO_ASSIGN_OR_RETURN(const uint64_t bits, Bits(value));
  return static_cast<int64_t>(bits);
}

absl::StatusOr<double> DoubleValue(absl::string_view value) {
  KYRO_ASSIGN_OR_RETURN(const uint64_t bits, Bits(value));
  return std::bit_cast<double>(bits);
}

absl::Status CheckOperand(MergeOperator op, absl::string_view operand) {
  return op == MergeOperator::kAppend ? absl::OkStatus() : Bits(operand).status();
}

absl::StatusOr<std::string> ApplyMerge(MergeOperator op, std::optional<absl::string_view> value,
                                       absl::string_view operand) {
  KYRO_RETURN_IF_ERROR(CheckOperand(op, operand));
  if (op == MergeOperator::kAppend) {
    const absl::string_view before = value.value_or(absl::string_view());
    if (before.size() + operand.size() > kMergedValueBytesMax) {
      return absl::ResourceExhaustedError(
          absl::StrCat("the value would grow to ", before.size() + operand.size(),
                       " bytes, the limit for appending is ", kMergedValueBytesMax));
    }
    return absl::StrCat(before, operand);
  }
  if (!value.has_value()) return std::string(operand);
  if (const absl::StatusOr<uint64_t> bits = Bits(*value); !bits.ok()) {
    return absl::FailedPreconditionError(bits.status().message());
  }
  if (op == MergeOperator::kAddDouble) {
    return DoubleOperand(*DoubleValue(*value) + *DoubleValue(operand));
  }
  const int64_t a = *Int64Value(*value);
  const int64_t b = *Int64Value(operand);
  switch (op) {
    case MergeOperator::kMaxInt64:
      return Int64Operand(std::max(a, b));
    case MergeOperator::kMinInt64:
      return Int64Operand(std::min(a, b));
    default:
      break;
  }
  int64_t sum = 0;
  if (__builtin_add_overflow(a, b, &sum)) {
    return absl::ResourceExhaustedError(
        absl::StrCat(a, " + ", b, " is out of range for a 64-bit integer"));
  }
  return Int64Operand(sum);
}

}  // namespace kyrodb::engine
