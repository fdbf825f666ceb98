#include "sql/statement/parameters.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "engine/base/status.h"
#include "sql/error.h"
#include "sql/format.h"
#include "sql/types/vector_text.h"

namespace kyrodb::sql {
namespace {

// Where the bytes stop being UTF-8 without NUL; nullopt for good text.
std::optional<size_t> BadUtf8(absl::string_view text) {
  for (size_t i = 0; i < text.size();) {
    const auto lead = static_cast<unsigned char>(text[i]);
    size_t length = 1;
    uint32_t code = 0;
    if (lead == 0) return i;
    if (lead >= 0x80) {
      if (lead >= 0xC2 && lead < 0xE0) {
        length = 2;
        code = lead & 0x1F;
      } else if (lead >= 0xE0 && lead < 0xF0) {
        length = 3;
        code = lead & 0x0F;
      } else if (lead >= 0xF0 && lead < 0xF5) {
        length = 4;
        code = lead & 0x07;
      } else {
        return i;
      }
      if (i + length > text.size()) return i;
      for (size_t k = 1; k < length; ++k) {
        const auto next = static_cast<unsigned char>(text[i + k]);
        if ((next & 0xC0) != 0x80) return i;
        code = code << 6 | (next & 0x3F);
      }
      if ((length == 3 && code < 0x800) || (length == 4 && (code < 0x10000 || code > 0x10FFFF)) ||
          (code >= 0xD800 && code < 0xE000)) {
        return i;
      }
    }
    i += length;
  }
  return std::nullopt;
}

absl::Status CheckUtf8(absl::string_view text) {
  const std::optional<size_t> bad = BadUtf8(text);
  if (!bad.has_value()) return absl::OkStatus();
  return Error(sqlstate::kCharacterNotInRepertoire, 0,
               absl::StrFormat("invalid byte sequence for encoding \"UTF8\": 0x%02x",
                               static_cast<unsigned char>(text[*bad])));
}

bool ValueFits(const Type& type, const Value& value) {
  if (IsNull(value)) return true;
  switch (engine::StorageOf(type.id)) {
    case engine::Storage::kBoolean:
      return std::holds_alternative<bool>(value);
    case engine::Storage::kInteger:
      return std::holds_alternative<int64_t>(value);
    case engine::Storage::kFloat:
      return std::holds_alternative<double>(value);
    case engine::Storage::kFloats:
      return std::holds_alternative<std::vector<float>>(value);
    case engine::Storage::kBytes:
      return std::holds_alternative<std::string>(value);
  }
  return false;
}

}  // namespace

std::optional<Type> NaturalType(const Parameter& parameter) {
  if (parameter.type.has_value()) return parameter.type;
  if (std::holds_alternative<bool>(parameter.value)) return kBooleanType;
  if (std::holds_alternative<int64_t>(parameter.value)) return kBigintType;
  if (std::holds_alternative<double>(parameter.value)) return kDoubleType;
  if (std::holds_alternative<std::vector<float>>(parameter.value)) return kVectorType;
  return std::nullopt;
}

absl::StatusOr<Value> ConvertParameter(const Parameter& parameter, const Type& type,
                                       size_t number) {
  if (IsNull(parameter.value)) return Value(Null{});
  Value value = parameter.value;
  const auto* text = std::get_if<std::string>(&parameter.value);
  const bool open = !parameter.type.has_value() && text != nullptr;
  if (text != nullptr &&
      (open || IsString(type.id) || type.id == TypeId::kJsonb || type.id == TypeId::kJson)) {
    KYRO_RETURN_IF_ERROR(CheckUtf8(*text));
  }
  if (open || (text != nullptr && (type.id == TypeId::kJsonb || type.id == TypeId::kJson))) {
    KYRO_ASSIGN_OR_RETURN(value, ParseValue(type, *text));
  }
  if (!ValueFits(type, value)) {
    return Error(sqlstate::kInvalidParameterValue, 0,
                 absl::StrCat("the value of parameter $", number, " is not of type ",
                              engine::TypeName(type)));
  }
  if (type.id == TypeId::kInteger || type.id == TypeId::kSmallint) {
    KYRO_ASSIGN_OR_RETURN(value, CastValue(kBigintType, Type{type.id, 0}, value));
  }
  if (const auto* vector = std::get_if<std::vector<float>>(&value)) {
    // What a vector may hold is checked by its reader; the same holds here.
    KYRO_RETURN_IF_ERROR(CheckVectorDimensions(type.id, static_cast<int64_t>(vector->size())));
    for (const float element : *vector) {
      KYRO_RETURN_IF_ERROR(CheckVectorElement(type.id, element));
    }
  }
  if (type.dimensions != 0) return ApplyModifier(type, std::move(value), CastContext::kAssignment);
  return value;
}

}  // namespace kyrodb::sql
