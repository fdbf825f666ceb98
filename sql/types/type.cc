#include "sql/types/type.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "engine/array.h"
#include "engine/base/coding.h"
#include "engine/base/status.h"
#include "sql/error.h"
#include "sql/format.h"
#include "sql/parse/deparse.h"
#include "sql/types/array_text.h"
#include "sql/types/bits.h"
#include "sql/types/decimal.h"
#include "sql/types/interval.h"
#include "sql/types/json.h"
#include "sql/types/vector_text.h"

namespace kyrodb::sql {
namespace {

// PostgreSQL's types that are known by name but not supported.
constexpr std::array<absl::string_view, 23> kUnsupportedTypes = {
    "serial",  "bigserial", "smallserial", "timetz",   "xml",    "money", "inet", "cidr",
    "macaddr", "macaddr8",  "point",       "line",     "lseg",   "box",   "path", "polygon",
    "circle",  "tsvector",  "tsquery",     "jsonpath", "record", "xid",   "tid"};

struct TypeWord {
  absl::string_view word;
  TypeId id;
};
constexpr TypeWord kTypeWords[] = {
    {"bool", TypeId::kBoolean},
    {"int2", TypeId::kSmallint},
    {"int4", TypeId::kInteger},
    {"int8", TypeId::kBigint},
    {"float4", TypeId::kReal},
    {"float8", TypeId::kDouble},
    {"numeric", TypeId::kNumeric},
    {"text", TypeId::kText},
    {"varchar", TypeId::kVarchar},
    {"bpchar", TypeId::kChar},
    {"name", TypeId::kName},
    {"char", TypeId::kInternalChar},
    {"bytea", TypeId::kBytea},
    {"uuid", TypeId::kUuid},
    {"date", TypeId::kDate},
    {"time", TypeId::kTime},
    {"timestamp", TypeId::kTimestamp},
    {"timestamptz", TypeId::kTimestamptz},
    {"interval", TypeId::kInterval},
    {"json", TypeId::kJson},
    {"jsonb", TypeId::kJsonb},
    {"bit", TypeId::kBit},
    {"varbit", TypeId::kVarbit},
    {"vector", TypeId::kVector},
    {"halfvec", TypeId::kHalfvec},
    {"sparsevec", TypeId::kSparsevec},
    {"oid", TypeId::kOid},
    {"regclass", TypeId::kRegclass},
    {"regtype", TypeId::kRegtype},
    {"regproc", TypeId::kRegproc},
    {"regnamespace", TypeId::kRegnamespace},
};

template <typename T>
int Compare(const T& a, const T& b) {
  return a < b ? -1 : (b < a ? 1 : 0);
}

int CompareDoubles(double a, double b) {
  if (std::isnan(a) || std::isnan(b)) return Compare(std::isnan(a) ? 1 : 0, std::isnan(b) ? 1 : 0);
  return Compare(a, b);
}

int CompareVectors(const std::vector<float>& a, const std::vector<float>& b) {
  const size_t shared = std::min(a.size(), b.size());
  for (size_t i = 0; i < shared; ++i) {
    if (a[i] != b[i]) return a[i] < b[i] ? -1 : 1;
  }
  return Compare(a.size(), b.size());
}

// Element by element as if both were dense; then the dimensions.
int CompareSparse(const SparseVector& a, const SparseVector& b) {
  size_t i = 0;
  size_t j = 0;
  while (i < a.indices.size() || j < b.indices.size()) {
    const int64_t at = i < a.indices.size() ? a.indices[i] : INT64_MAX;
    const int64_t bt = j < b.indices.size() ? b.indices[j] : INT64_MAX;
    const int64_t index = std::min(at, bt);
    if (index >= std::min(a.dimensions, b.dimensions)) break;
    const float x = at == index ? a.values[i++] : 0;
    const float y = bt == index ? b.values[j++] : 0;
    if (x != y) return x < y ? -1 : 1;
  }
  return Compare(a.dimensions, b.dimensions);
}

// Element by element, null the greatest; then the number of elements and the shape.
int CompareArrays(TypeId element, const Value& left, const Value& right) {
  const engine::Array a = LoadArray(element, left);
  const engine::Array b = LoadArray(element, right);
  const size_t shared = std::min(a.elements.size(), b.elements.size());
  for (size_t i = 0; i < shared; ++i) {
    const bool a_null = IsNull(a.elements[i]);
    const bool b_null = IsNull(b.elements[i]);
    if (a_null || b_null) {
      if (a_null != b_null) return a_null ? 1 : -1;
      continue;
    }
    if (const int order = CompareValues(element, a.elements[i], b.elements[i]); order != 0) {
      return order;
    }
  }
  if (a.elements.size() != b.elements.size()) return Compare(a.elements.size(), b.elements.size());
  if (a.dimensions.size() != b.dimensions.size()) {
    return Compare(a.dimensions.size(), b.dimensions.size());
  }
  for (size_t i = 0; i < a.dimensions.size(); ++i) {
    if (a.dimensions[i].length != b.dimensions[i].length) {
      return Compare(a.dimensions[i].length, b.dimensions[i].length);
    }
    if (a.dimensions[i].lower != b.dimensions[i].lower) {
      return Compare(a.dimensions[i].lower, b.dimensions[i].lower);
    }
  }
  return 0;
}

absl::string_view WithoutPadding(absl::string_view text) {
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

absl::string_view OrderedNumeric(const Value& value) {
  const auto& bytes = std::get<std::string>(value);
  return absl::string_view(bytes).substr(0, bytes.size() - std::min<size_t>(2, bytes.size()));
}

int Sign(int order) { return order < 0 ? -1 : (order > 0 ? 1 : 0); }

// The simple constants of a type's modifiers.
absl::StatusOr<std::vector<int64_t>> TakeModifiers(const TypeName& name) {
  std::vector<int64_t> out;
  for (const ExpressionPtr& modifier : name.modifiers) {
    const Expression* expression = modifier.get();
    int64_t sign = 1;
    if (const auto* unary = expression->If<UnaryExpression>();
        unary != nullptr && unary->op == "-") {
      sign = -1;
      expression = unary->operand.get();
    }
    const auto* literal = expression->If<LiteralExpression>();
    if (literal == nullptr ||
        (literal->type != LiteralType::kInteger && literal->type != LiteralType::kString)) {
      return Error(sqlstate::kSyntaxError, name.position,
                   "type modifiers must be simple constants or identifiers");
    }
    int64_t value = literal->integer;
    if (literal->type == LiteralType::kString) {
      absl::StatusOr<Value> parsed = ParseValue(kIntegerType, literal->text);
      if (!parsed.ok()) return WithPosition(parsed.status(), name.position);
      value = std::get<int64_t>(*parsed);
    }
    out.push_back(sign * value);
  }
  return out;
}

// The modifier of a type as one number.
absl::StatusOr<uint32_t> ResolveModifier(TypeId id, const TypeName& name) {
  const Position at = name.position;
  const std::string& word = name.name.last();
  KYRO_ASSIGN_OR_RETURN(const std::vector<int64_t> modifiers, TakeModifiers(name));
  const auto bad = [at](absl::string_view message) {
    return Error(sqlstate::kInvalidParameterValue, at, message);
  };
  switch (id) {
    case TypeId::kNumeric: {
      if (modifiers.size() > 2) return bad("invalid NUMERIC type modifier");
      if (modifiers[0] < 1 || modifiers[0] > 1000) {
        return bad(absl::StrCat("NUMERIC precision ", modifiers[0], " must be between 1 and 1000"));
      }
      const int64_t scale = modifiers.size() == 2 ? modifiers[1] : 0;
      if (scale < -1000 || scale > 1000) {
        return bad(absl::StrCat("NUMERIC scale ", scale, " must be between -1000 and 1000"));
      }
      return MakeNumericModifier(static_cast<int>(modifiers[0]), static_cast<int>(scale));
    }
    case TypeId::kVarchar:
    case TypeId::kChar: {
      const absl::string_view shown = id == TypeId::kVarchar ? "varchar" : "char";
      if (modifiers.size() != 1) return bad("invalid type modifier");
      if (modifiers[0] < 1)
        return bad(absl::StrCat("length for type ", shown, " must be at least 1"));
      if (modifiers[0] > 10485760) {
        return bad(absl::StrCat("length for type ", shown, " cannot exceed 10485760"));
      }
      return static_cast<uint32_t>(modifiers[0]);
    }
    case TypeId::kBit:
    case TypeId::kVarbit: {
      const absl::string_view shown = id == TypeId::kBit ? "bit" : "varbit";
      if (modifiers.size() != 1) return bad("invalid type modifier");
      if (modifiers[0] < 1)
        return bad(absl::StrCat("length for type ", shown, " must be at least 1"));
      if (modifiers[0] > 83886080) {
        return bad(absl::StrCat("length for type ", shown, " cannot exceed 83886080"));
      }
      return static_cast<uint32_t>(modifiers[0]);
    }
    case TypeId::kTime:
    case TypeId::kTimestamp:
    case TypeId::kTimestamptz:
    case TypeId::kInterval: {
      const absl::string_view shown = id == TypeId::kTime       ? "TIME"
                                      : id == TypeId::kInterval ? "INTERVAL"
                                                                : "TIMESTAMP";
      if (modifiers.size() != 1) return bad("invalid type modifier");
      if (modifiers[0] < 0) {
        return bad(absl::StrCat(shown, "(", modifiers[0], ")",
                                id == TypeId::kTimestamptz ? " WITH TIME ZONE" : "",
                                " precision must not be negative"));
      }
      return static_cast<uint32_t>(std::min<int64_t>(modifiers[0], 6)) + 1;
    }
    case TypeId::kVector:
    case TypeId::kHalfvec:
    case TypeId::kSparsevec: {
      if (modifiers.size() != 1) return bad("invalid type modifier");
      const int64_t limit = id == TypeId::kSparsevec ? int64_t{kSparseDimensionsMax}
                                                     : int64_t{engine::kVectorDimensionsMax};
      if (modifiers[0] < 1) {
        return bad(absl::StrCat("dimensions for type ", word, " must be at least 1"));
      }
      if (modifiers[0] > limit) {
        return bad(absl::StrCat("dimensions for type ", word, " cannot exceed ", limit));
      }
      return static_cast<uint32_t>(modifiers[0]);
    }
    default:
      return Error(sqlstate::kSyntaxError, at,
                   absl::StrCat("type modifier is not allowed for type \"", word, "\""));
  }
}

}  // namespace

std::string BaseTypeName(TypeId id) {
  if (id == kUnknownId) return "unknown";
  return engine::TypeName(Type{id, 0});
}

char CategoryOf(TypeId id) {
  if (IsArray(id)) return 'A';
  switch (id) {
    case TypeId::kSmallint:
    case TypeId::kInteger:
    case TypeId::kBigint:
    case TypeId::kReal:
    case TypeId::kDouble:
    case TypeId::kNumeric:
    case TypeId::kOid:
    case TypeId::kRegclass:
    case TypeId::kRegtype:
    case TypeId::kRegproc:
    case TypeId::kRegnamespace:
      return 'N';
    case TypeId::kText:
    case TypeId::kVarchar:
    case TypeId::kChar:
    case TypeId::kName:
      return 'S';
    case TypeId::kBoolean:
      return 'B';
    case TypeId::kDate:
    case TypeId::kTime:
    case TypeId::kTimestamp:
    case TypeId::kTimestamptz:
      return 'D';
    case TypeId::kInterval:
      return 'T';
    case TypeId::kBit:
    case TypeId::kVarbit:
      return 'V';
    case TypeId::kInternalChar:
      return 'Z';
    default:
      return id == kUnknownId ? 'X' : 'U';
  }
}

bool IsPreferred(TypeId id) {
  return id == TypeId::kDouble || id == TypeId::kText || id == TypeId::kBoolean ||
         id == TypeId::kTimestamptz || id == TypeId::kInterval || id == TypeId::kVarbit ||
         id == TypeId::kOid;
}

bool HasEquality(TypeId id) {
  if (IsArray(id)) id = ElementOf(id);
  return id != TypeId::kJson;
}
bool HasOrder(TypeId id) { return HasEquality(id); }

absl::StatusOr<Type> ResolveType(const TypeName& name) {
  std::string word = name.name.last();
  if (name.name.parts.size() > 2 ||
      (name.name.parts.size() == 2 && name.name.parts[0].name != "pg_catalog" &&
       name.name.parts[0].name != "public")) {
    return Error(sqlstate::kUndefinedObject, name.position,
                 absl::StrCat("type \"", ToString(name.name), "\" does not exist"));
  }
  if (name.setof) {
    return Error(sqlstate::kFeatureNotSupported, name.position, "SETOF is not supported");
  }
  // PostgreSQL's own names of array types.
  bool array = !name.array_bounds.empty();
  if (word.size() > 1 && word[0] == '_') {
    word.erase(0, 1);
    array = true;
  }
  Type type = kUnknownType;
  for (const TypeWord& one : kTypeWords) {
    if (word == one.word) type.id = one.id;
  }
  if (type.id == kUnknownId) {
    if (std::find(kUnsupportedTypes.begin(), kUnsupportedTypes.end(), word) !=
        kUnsupportedTypes.end()) {
      return Error(sqlstate::kFeatureNotSupported, name.position,
                   absl::StrCat("type ", ToString(name), " is not supported yet"));
    }
    return Error(sqlstate::kUndefinedObject, name.position,
                 absl::StrCat("type \"", word, "\" does not exist"));
  }
  if (!name.modifiers.empty()) {
    KYRO_ASSIGN_OR_RETURN(type.dimensions, ResolveModifier(type.id, name));
  }
  if (array) type.id = ArrayOf(type.id);
  return type;
}

int CompareValues(TypeId id, const Value& left, const Value& right) {
  if (IsArray(id)) return CompareArrays(ElementOf(id), left, right);
  switch (engine::StorageOf(id)) {
    case engine::Storage::kBoolean:
      return Compare(std::get<bool>(left), std::get<bool>(right));
    case engine::Storage::kInteger:
      return Compare(std::get<int64_t>(left), std::get<int64_t>(right));
    case engine::Storage::kFloat:
      return CompareDoubles(std::get<double>(left), std::get<double>(right));
    case engine::Storage::kFloats:
      return CompareVectors(std::get<std::vector<float>>(left),
                            std::get<std::vector<float>>(right));
    case engine::Storage::kBytes:
      break;
  }
  const auto& a = std::get<std::string>(left);
  const auto& b = std::get<std::string>(right);
  switch (id) {
    case TypeId::kNumeric:
      return Sign(OrderedNumeric(left).compare(OrderedNumeric(right)));
    case TypeId::kChar:
      return Sign(WithoutPadding(a).compare(WithoutPadding(b)));
    case TypeId::kInterval:
      return CompareIntervals(DecodeInterval(a), DecodeInterval(b));
    case TypeId::kBit:
    case TypeId::kVarbit:
      return CompareBits(a, b);
    case TypeId::kSparsevec:
      return CompareSparse(DecodeSparse(a), DecodeSparse(b));
    case TypeId::kJsonb:
      return a == b ? 0 : CompareJsonText(a, b);
    default:
      return Sign(a.compare(b));
  }
}

void AppendIdentity(TypeId id, const Value& value, std::string* out) {
  if (IsNull(value)) {
    out->push_back('\0');
    return;
  }
  out->push_back('\1');
  if (IsArray(id)) {
    const TypeId element = ElementOf(id);
    const engine::Array array = LoadArray(element, value);
    PutVarint64(out, array.dimensions.size());
    for (const engine::ArrayDimension& dimension : array.dimensions) {
      PutFixed32(out, static_cast<uint32_t>(dimension.length));
      PutFixed32(out, static_cast<uint32_t>(dimension.lower));
    }
    for (const Value& one : array.elements) AppendIdentity(element, one, out);
    return;
  }
  switch (engine::StorageOf(id)) {
    case engine::Storage::kBoolean:
      out->push_back(std::get<bool>(value) ? '\1' : '\0');
      return;
    case engine::Storage::kInteger:
      PutFixed64(out, static_cast<uint64_t>(std::get<int64_t>(value)));
      return;
    case engine::Storage::kFloat: {
      double number = std::get<double>(value);
      if (std::isnan(number)) number = std::nan("");
      if (number == 0) number = 0;  // -0 is 0
      uint64_t bits;
      std::memcpy(&bits, &number, sizeof(bits));
      PutFixed64(out, bits);
      return;
    }
    case engine::Storage::kFloats: {
      const auto& vector = std::get<std::vector<float>>(value);
      PutVarint64(out, vector.size());
      for (float element : vector) {
        if (element == 0) element = 0;
        uint32_t bits;
        std::memcpy(&bits, &element, sizeof(bits));
        PutFixed32(out, bits);
      }
      return;
    }
    case engine::Storage::kBytes:
      break;
  }
  const auto& bytes = std::get<std::string>(value);
  switch (id) {
    case TypeId::kNumeric:
      PutLengthPrefixed(out, OrderedNumeric(value));
      return;
    case TypeId::kChar:
      PutLengthPrefixed(out, WithoutPadding(bytes));
      return;
    case TypeId::kInterval: {
      const Interval interval = DecodeInterval(bytes);
      const Wide span =
          (static_cast<Wide>(interval.months) * 30 + interval.days) * kDayMicros + interval.micros;
      PutFixed64(out, static_cast<uint64_t>(span));
      PutFixed64(out, static_cast<uint64_t>(span >> 64));
      return;
    }
    case TypeId::kJsonb:
      // 1.0 and 1.00 are one number.
      PutLengthPrefixed(out, JsonIdentity(bytes));
      return;
    default:
      PutLengthPrefixed(out, bytes);
  }
}

}  // namespace kyrodb::sql
