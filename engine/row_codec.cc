// Layout, little-endian: u16 column count n; null bitmap of ceil(n / 8) bytes, bit i set when
// column i is null; u32 end[n], the end of column i's bytes counted from the first of them; then
// the columns: boolean 1 byte, smallint 2, integer, real, date and oids 4, bigint, times and double
// 8, vector 4 bytes an element, halfvec 2, everything else the bytes of its value.
//
// Rationale: ends instead of lengths make one column reachable without walking the others, and a
// null column costs four bytes and no branch. Columns keep their places (`TableSchema::storage`),
// so a column added later is simply absent from older rows, and one that is dropped leaves a place
// that is null in newer ones.
#include "engine/row_codec.h"

#include <cmath>
#include <limits>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/base/coding.h"
#include "engine/base/status.h"
#include "engine/half.h"

namespace kyrodb::engine {
namespace {

constexpr size_t kCountBytes = 2;

absl::Status WrongType(const ColumnSchema& column) {
  return absl::InvalidArgumentError(absl::StrCat("value for column \"", column.name,
                                                 "\" is not of its type ", TypeName(column.type)));
}

absl::Status CheckVector(const ColumnSchema& column, const std::vector<float>& vector) {
  if (column.type.dimensions != 0 && vector.size() != column.type.dimensions) {
    return absl::InvalidArgumentError(absl::StrCat("vector has ", vector.size(),
                                                   " dimensions, column \"", column.name, "\" has ",
                                                   column.type.dimensions));
  }
  if (vector.empty() || vector.size() > kVectorDimensionsMax) {
    return absl::InvalidArgumentError(absl::StrCat("vector for column \"", column.name, "\" has ",
                                                   vector.size(), " dimensions, expected 1 to ",
                                                   kVectorDimensionsMax));
  }
  for (size_t i = 0; i < vector.size(); ++i) {
    if (!std::isfinite(vector[i])) {
      return absl::InvalidArgumentError(absl::StrCat("vector for column \"", column.name, "\" has ",
                                                     vector[i], " at position ", i,
                                                     ", expected a finite number"));
    }
  }
  return absl::OkStatus();
}

absl::Status IntegerOutOfRange(const ColumnSchema& column, int64_t value) {
  return absl::InvalidArgumentError(absl::StrCat("value ", value, " for column \"", column.name,
                                                 "\" is out of range for type ",
                                                 TypeName(column.type)));
}

// The least a value must have for the bytes to be one of the type.
bool IsWellFormed(TypeId type, absl::string_view bytes) {
  switch (type) {
    case TypeId::kUuid:
    case TypeId::kInterval:
      return bytes.size() == 16;
    case TypeId::kNumeric:
      return bytes.size() >= 3;
    case TypeId::kBit:
    case TypeId::kVarbit:
      return bytes.size() >= 4 && (uint64_t{LoadFixed32(bytes.data())} + 7) / 8 == bytes.size() - 4;
    case TypeId::kSparsevec:
      return bytes.size() >= 8 && uint64_t{LoadFixed32(bytes.data() + 4)} * 8 == bytes.size() - 8;
    default:
      return !IsArray(type) || !bytes.empty();
  }
}

absl::Status AppendColumn(const ColumnSchema& column, const Value& value, std::string* out) {
  const TypeId id = column.type.id;
  switch (StorageOf(id)) {
    case Storage::kBoolean:
      if (const bool* b = std::get_if<bool>(&value)) {
        out->push_back(*b ? '\x01' : '\0');
        return absl::OkStatus();
      }
      break;
    case Storage::kInteger:
      if (const int64_t* n = std::get_if<int64_t>(&value)) {
        if (id == TypeId::kSmallint) {
          if (*n < INT16_MIN || *n > INT16_MAX) return IntegerOutOfRange(column, *n);
          const auto bits = static_cast<uint16_t>(*n);
          out->push_back(static_cast<char>(bits & 0xFF));
          out->push_back(static_cast<char>(bits >> 8));
        } else if (id == TypeId::kInteger || id == TypeId::kDate) {
          if (*n < INT32_MIN || *n > INT32_MAX) return IntegerOutOfRange(column, *n);
          PutFixed32(out, static_cast<uint32_t>(static_cast<int32_t>(*n)));
        } else if (id == TypeId::kBigint || id == TypeId::kTimestamptz ||
                   id == TypeId::kTimestamp || id == TypeId::kTime) {
          PutFixed64(out, static_cast<uint64_t>(*n));
        } else {
          if (*n < 0 || *n > int64_t{UINT32_MAX}) return IntegerOutOfRange(column, *n);
          PutFixed32(out, static_cast<uint32_t>(*n));
        }
        return absl::OkStatus();
      }
      break;
    case Storage::kFloat:
      if (const double* d = std::get_if<double>(&value)) {
        if (id == TypeId::kReal) {
          PutFixed32(out, std::bit_cast<uint32_t>(static_cast<float>(*d)));
        } else {
          PutFixed64(out, std::bit_cast<uint64_t>(*d));
        }
        return absl::OkStatus();
      }
      break;
    case Storage::kBytes:
      if (const std::string* text = std::get_if<std::string>(&value)) {
        if (!IsWellFormed(id, *text)) break;
        out->append(*text);
        return absl::OkStatus();
      }
      break;
    case Storage::kFloats:
      if (const std::vector<float>* vector = std::get_if<std::vector<float>>(&value)) {
        KYRO_RETURN_IF_ERROR(CheckVector(column, *vector));
        if (id == TypeId::kVector) {
          out->append(reinterpret_cast<const char*>(vector->data()),
                      vector->size() * sizeof(float));
          return absl::OkStatus();
        }
        for (const float element : *vector) {
          const uint16_t half = FloatToHalf(element);
          out->push_back(static_cast<char>(half & 0xFF));
          out->push_back(static_cast<char>(half >> 8));
        }
        return absl::OkStatus();
      }
      break;
  }
  return WrongType(column);
}

uint16_t LoadFixed16(const char* p) {
  return static_cast<uint16_t>(static_cast<uint8_t>(p[0]) | (static_cast<uint8_t>(p[1]) << 8));
}

absl::StatusOr<Value> TakeColumn(const ColumnSchema& column, absl::string_view bytes) {
  const auto damaged = [&] {
    return absl::DataLossError(absl::StrCat("column \"", column.name, "\" has ", bytes.size(),
                                            " bytes, not a value of type ", TypeName(column.type)));
  };
  const TypeId id = column.type.id;
  switch (StorageOf(id)) {
    case Storage::kBoolean:
      if (bytes.size() != 1) return damaged();
      return Value(bytes[0] != '\0');
    case Storage::kInteger:
      if (id == TypeId::kSmallint) {
        if (bytes.size() != 2) return damaged();
        return Value(int64_t{static_cast<int16_t>(LoadFixed16(bytes.data()))});
      }
      if (id == TypeId::kInteger || id == TypeId::kDate) {
        if (bytes.size() != 4) return damaged();
        return Value(int64_t{static_cast<int32_t>(LoadFixed32(bytes.data()))});
      }
      if (id == TypeId::kBigint || id == TypeId::kTimestamptz || id == TypeId::kTimestamp ||
          id == TypeId::kTime) {
        if (bytes.size() != 8) return damaged();
        return Value(static_cast<int64_t>(LoadFixed64(bytes.data())));
      }
      if (bytes.size() != 4) return damaged();
      return Value(int64_t{LoadFixed32(bytes.data())});
    case Storage::kFloat:
      if (id == TypeId::kReal) {
        if (bytes.size() != 4) return damaged();
        return Value(static_cast<double>(std::bit_cast<float>(LoadFixed32(bytes.data()))));
      }
      if (bytes.size() != 8) return damaged();
      return Value(std::bit_cast<double>(LoadFixed64(bytes.data())));
    case Storage::kBytes:
      if (!IsWellFormed(id, bytes)) return damaged();
      return Value(std::string(bytes.data(), bytes.size()));
    case Storage::kFloats: {
      const size_t width = id == TypeId::kVector ? sizeof(float) : sizeof(uint16_t);
      if (bytes.size() % width != 0) return damaged();
      std::vector<float> vector(bytes.size() / width);
      if (id == TypeId::kVector) {
        if (!vector.empty()) std::memcpy(vector.data(), bytes.data(), bytes.size());
      } else {
        for (size_t i = 0; i < vector.size(); ++i) {
          vector[i] = HalfToFloat(LoadFixed16(bytes.data() + 2 * i));
        }
      }
      return Value(std::move(vector));
    }
  }
  return damaged();
}

// A row's header, checked once.
class RowView {
 public:
  static absl::StatusOr<RowView> Parse(const TableSchema& schema, absl::string_view bytes) {
    KYRO_ASSIGN_OR_RETURN(const RowView view, ParseNewer(schema, bytes));
    if (view.column_count_ > schema.StorageCount()) return Damaged(schema);
    return view;
  }
  // Also of a row that has columns which are younger than `schema`.
  static absl::StatusOr<RowView> ParseNewer(const TableSchema& schema, absl::string_view bytes) {
    RowView view;
    if (bytes.size() < kCountBytes) return Damaged(schema);
    view.column_count_ = static_cast<uint8_t>(bytes[0]) | (static_cast<uint8_t>(bytes[1]) << 8);
    const size_t bitmap_bytes = (view.column_count_ + 7) / 8;
    const size_t header_bytes = kCountBytes + bitmap_bytes + 4 * view.column_count_;
    if (bytes.size() < header_bytes) return Damaged(schema);
    view.bitmap_ = bytes.data() + kCountBytes;
    view.ends_ = view.bitmap_ + bitmap_bytes;
    view.data_ = bytes.substr(header_bytes);
    return view;
  }

  // Whether the column is younger than the row; `place` is where it is stored.
  bool IsMissing(uint32_t place) const { return place >= column_count_; }
  bool IsNullAt(uint32_t place) const { return ((bitmap_[place / 8] >> (place % 8)) & 1) != 0; }

  absl::StatusOr<absl::string_view> Column(const TableSchema& schema, uint32_t place) const {
    const uint32_t begin = place == 0 ? 0 : LoadFixed32(ends_ + 4 * (place - 1));
    const uint32_t end = LoadFixed32(ends_ + 4 * place);
    if (begin > end || end > data_.size()) return Damaged(schema);
    return data_.substr(begin, end - begin);
  }

  // The column's bytes; nullopt for null.
  absl::StatusOr<std::optional<absl::string_view>> Find(const TableSchema& schema,
                                                        uint32_t column) const {
    const uint32_t place = schema.StorageOf(column);
    if (IsMissing(place)) {
      const std::optional<std::string>& missing = schema.columns[column].missing;
      if (!missing.has_value()) return std::nullopt;
      return absl::string_view(*missing);
    }
    if (IsNullAt(place)) return std::nullopt;
    return Column(schema, place);
  }

 private:
  static absl::Status Damaged(const TableSchema& schema) {
    return absl::DataLossError(absl::StrCat("row of table \"", schema.name, "\" is damaged"));
  }

  uint32_t column_count_ = 0;
  const char* bitmap_ = nullptr;
  const char* ends_ = nullptr;
  absl::string_view data_;
};

}  // namespace

absl::StatusOr<std::string> EncodeRow(const TableSchema& schema, std::span<const Value> row) {
  if (row.size() != schema.columns.size()) {
    return absl::InvalidArgumentError(absl::StrCat("row has ", row.size(), " values, table \"",
                                                   schema.name, "\" has ", schema.columns.size(),
                                                   " columns"));
  }
  const size_t count = schema.StorageCount();
  // Which column is at each place; those of dropped ones are null.
  constexpr uint32_t kNone = ~uint32_t{0};
  std::vector<uint32_t> column_at;
  if (!schema.storage.empty()) {
    column_at.assign(count, kNone);
    for (uint32_t i = 0; i < row.size(); ++i) column_at[schema.storage[i]] = i;
  }
  std::string out;
  out.push_back(static_cast<char>(count & 0xFF));
  out.push_back(static_cast<char>(count >> 8));
  const size_t bitmap_begin = out.size();
  const size_t ends_begin = bitmap_begin + (count + 7) / 8;
  const size_t data_begin = ends_begin + 4 * count;
  out.resize(data_begin, '\0');
  for (uint32_t place = 0; place < count; ++place) {
    const uint32_t i = column_at.empty() ? place : column_at[place];
    if (i == kNone || IsNull(row[i])) {
      if (i != kNone && schema.columns[i].not_null) {
        return absl::InvalidArgumentError(
            absl::StrCat("null value in column \"", schema.columns[i].name, "\" of table \"",
                         schema.name, "\" violates its NOT NULL constraint"));
      }
      char& bits = out[bitmap_begin + place / 8];
      bits = static_cast<char>(static_cast<uint8_t>(bits) | (1u << (place % 8)));
    } else {
      KYRO_RETURN_IF_ERROR(AppendColumn(schema.columns[i], row[i], &out));
    }
    if (out.size() > kRowBytesMax) {
      return absl::ResourceExhaustedError(absl::StrCat("row of table \"", schema.name,
                                                       "\" is larger than the limit of ",
                                                       kRowBytesMax, " bytes"));
    }
    const uint32_t end = static_cast<uint32_t>(out.size() - data_begin);
    std::memcpy(&out[ends_begin + 4 * place], &end, sizeof(end));
  }
  return out;
}

absl::StatusOr<std::string> EncodeColumn(const ColumnSchema& column, const Value& value) {
  std::string out;
  KYRO_RETURN_IF_ERROR(AppendColumn(column, value, &out));
  return out;
}

absl::StatusOr<Row> DecodeRow(const TableSchema& schema, absl::string_view bytes) {
  KYRO_ASSIGN_OR_RETURN(const RowView view, RowView::Parse(schema, bytes));
  Row row(schema.columns.size());
  for (uint32_t i = 0; i < row.size(); ++i) {
    KYRO_ASSIGN_OR_RETURN(const std::optional<absl::string_view> column, view.Find(schema, i));
    if (!column.has_value()) continue;
    KYRO_ASSIGN_OR_RETURN(row[i], TakeColumn(schema.columns[i], *column));
  }
  return row;
}

absl::StatusOr<Value> DecodeColumn(const TableSchema& schema, absl::string_view bytes,
                                   uint32_t column) {
  KYRO_ASSIGN_OR_RETURN(const RowView view, RowView::Parse(schema, bytes));
  KYRO_ASSIGN_OR_RETURN(const std::optional<absl::string_view> data, view.Find(schema, column));
  if (!data.has_value()) return Value();
  return TakeColumn(schema.columns[column], *data);
}

absl::StatusOr<absl::string_view> VectorColumnBytes(const TableSchema& schema,
                                                    absl::string_view bytes, uint32_t column) {
  KYRO_ASSIGN_OR_RETURN(const RowView view, RowView::ParseNewer(schema, bytes));
  KYRO_ASSIGN_OR_RETURN(const std::optional<absl::string_view> data, view.Find(schema, column));
  if (!data.has_value()) return absl::string_view();
  if (data->size() % sizeof(float) != 0) {
    return absl::DataLossError(absl::StrCat("column \"", schema.columns[column].name, "\" has ",
                                            data->size(), " bytes, not a vector"));
  }
  return *data;
}

}  // namespace kyrodb::engine
