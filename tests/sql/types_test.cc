// Goal: of every type, all representations of a value agree: text, binary, bytes in rows, order in
// keys, identity.
// Method: random values of each type through each of them and back; every pair of values compared
// both ways.
#include <cmath>
#include <string>
#include <vector>

#include "engine/array.h"
#include "engine/base/coding.h"
#include "engine/base/random.h"
#include "engine/half.h"
#include "engine/key_codec.h"
#include "engine/row_codec.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "sql/format.h"
#include "sql/types/bits.h"
#include "sql/types/decimal.h"
#include "sql/types/interval.h"
#include "sql/types/type.h"
#include "sql/types/vector_text.h"
#include "sql/wire_format.h"

namespace kyrodb::sql {
namespace {

constexpr uint64_t kSeed = 20261121;

std::string RandomString(Random& random, bool any_byte) {
  std::string out;
  for (uint64_t n = random.Uniform(6); n > 0; --n) {
    out.push_back(any_byte ? static_cast<char>(random.Next()) : "ab \\\"'{},"[random.Uniform(9)]);
  }
  return out;
}

Value RandomValue(Random& random, TypeId id) {
  if (IsArray(id)) {
    std::vector<Value> elements;
    for (uint64_t n = random.Uniform(4); n > 0; --n) {
      elements.push_back(random.OneIn(4) ? Value() : RandomValue(random, ElementOf(id)));
    }
    engine::Array array = engine::MakeArray(std::move(elements));
    if (array.elements.size() == 2 && random.OneIn(3)) array.dimensions = {{2, 1}, {1, 5}};
    return Value(engine::EncodeArray(array));
  }
  const int64_t small = static_cast<int64_t>(random.Uniform(7)) - 3;
  switch (id) {
    case TypeId::kBoolean:
      return Value(random.OneIn(2));
    case TypeId::kSmallint:
      return Value(random.OneIn(2) ? small : int64_t{static_cast<int16_t>(random.Next())});
    case TypeId::kInteger:
      return Value(random.OneIn(2) ? small : int64_t{static_cast<int32_t>(random.Next())});
    case TypeId::kBigint:
      return Value(random.OneIn(2) ? small : static_cast<int64_t>(random.Next()));
    case TypeId::kTimestamp:
    case TypeId::kTimestamptz:
      return Value(small * 86400000000 + static_cast<int64_t>(random.Next() >> 8));
    case TypeId::kDate:
      return Value(random.OneIn(9) ? int64_t{INT32_MAX} : small + int64_t(random.Uniform(90000)));
    case TypeId::kTime:
      return Value(static_cast<int64_t>(random.Uniform(86400000000)));
    case TypeId::kOid:
      return Value(static_cast<int64_t>(random.Next() >> 32));
    case TypeId::kReal:
      return Value(static_cast<double>(static_cast<float>(small) / 3));
    case TypeId::kDouble:
      return Value(random.OneIn(9) ? std::nan("") : static_cast<double>(small) / 3);
    case TypeId::kNumeric: {
      const Decimal number = DivideTo(Decimal(static_cast<int64_t>(random.Next() >> 40) * small),
                                      Decimal(int64_t{1000}), 3, true);
      return Value(number.ToBytes());
    }
    case TypeId::kChar: {
      std::string text = RandomString(random, false);
      text.resize(6, ' ');
      return Value(text);
    }
    case TypeId::kText:
    case TypeId::kVarchar:
    case TypeId::kName:
      return Value(RandomString(random, false));
    case TypeId::kBytea:
      return Value(RandomString(random, true));
    case TypeId::kUuid: {
      std::string bytes;
      for (int i = 0; i < 16; ++i) bytes.push_back(static_cast<char>(random.Uniform(3)));
      return Value(bytes);
    }
    case TypeId::kInterval:
      return Value(EncodeInterval({static_cast<int32_t>(small), static_cast<int32_t>(small * 30),
                                   small * kDayMicros * 30 + small}));
    case TypeId::kJsonb:
      return *ParseValue(kJsonbType, small > 0 ? "{\"a\": [1, null]}" : "[1.50, \"x\"]");
    case TypeId::kBit:
    case TypeId::kVarbit: {
      std::string bits = MakeBits(static_cast<uint32_t>(random.Uniform(20)));
      for (uint32_t i = 0; i < BitCount(bits); ++i) SetBit(&bits, i, random.OneIn(2));
      return Value(bits);
    }
    case TypeId::kVector:
    case TypeId::kHalfvec: {
      std::vector<float> vector(1 + random.Uniform(3));
      for (float& element : vector) {
        element = engine::RoundToHalf(static_cast<float>(random.Uniform(5)) - 2.5f);
      }
      return Value(vector);
    }
    case TypeId::kSparsevec: {
      SparseVector sparse;
      sparse.dimensions = 10;
      for (int32_t i = 0; i < 10; ++i) {
        if (!random.OneIn(3)) continue;
        sparse.indices.push_back(i);
        sparse.values.push_back(static_cast<float>(small) + 0.5f);
      }
      return Value(EncodeSparse(sparse));
    }
    default:
      return Value();
  }
}

std::vector<TypeId> AllIds() {
  std::vector<TypeId> ids = {
      TypeId::kBoolean,     TypeId::kSmallint, TypeId::kInteger, TypeId::kBigint,
      TypeId::kReal,        TypeId::kDouble,   TypeId::kNumeric, TypeId::kText,
      TypeId::kVarchar,     TypeId::kChar,     TypeId::kName,    TypeId::kBytea,
      TypeId::kUuid,        TypeId::kDate,     TypeId::kTime,    TypeId::kTimestamp,
      TypeId::kTimestamptz, TypeId::kInterval, TypeId::kJsonb,   TypeId::kBit,
      TypeId::kVarbit,      TypeId::kVector,   TypeId::kHalfvec, TypeId::kSparsevec,
      TypeId::kOid};
  for (size_t i = 0, n = ids.size(); i < n; ++i) ids.push_back(ArrayOf(ids[i]));
  return ids;
}

int Sign(int order) { return order < 0 ? -1 : (order > 0 ? 1 : 0); }

TEST(TypesTest, RandomValuesSurviveTextBinaryAndRows) {
  Random random(kSeed);
  for (const TypeId id : AllIds()) {
    const Type type{id, 0};
    engine::TableSchema schema;
    schema.name = "t";
    schema.columns.push_back({.name = "v", .type = type});
    for (int i = 0; i < 200; ++i) {
      const Value value = RandomValue(random, id);
      const std::string text = FormatValue(type, value);
      const absl::StatusOr<Value> read = ParseValue(type, text);
      ASSERT_TRUE(read.ok()) << BaseTypeName(id) << " " << text << " " << read.status();
      ASSERT_EQ(CompareValues(id, *read, value), 0) << BaseTypeName(id) << " " << text;
      ASSERT_EQ(FormatValue(type, *read), text);
      const absl::StatusOr<Value> received = FromBinary(type, ToBinary(type, value));
      ASSERT_TRUE(received.ok()) << BaseTypeName(id) << " " << text << " " << received.status();
      ASSERT_EQ(FormatValue(type, *received), text) << BaseTypeName(id);
      const std::vector<Value> row = {value};
      const absl::StatusOr<std::string> bytes = engine::EncodeRow(schema, row);
      ASSERT_TRUE(bytes.ok()) << bytes.status();
      const absl::StatusOr<Row> back = engine::DecodeRow(schema, *bytes);
      ASSERT_TRUE(back.ok()) << back.status();
      ASSERT_EQ(FormatValue(type, (*back)[0]), text) << BaseTypeName(id);
    }
  }
}

TEST(TypesTest, KeysAndIdentitiesAgreeWithTheOrder) {
  Random random(kSeed);
  for (const TypeId id : AllIds()) {
    std::vector<Value> values;
    for (int i = 0; i < 60; ++i) values.push_back(RandomValue(random, id));
    for (const Value& a : values) {
      for (const Value& b : values) {
        const int order = CompareValues(id, a, b);
        ASSERT_EQ(CompareValues(id, b, a), -order);
        std::string identity_a;
        std::string identity_b;
        AppendIdentity(id, a, &identity_a);
        AppendIdentity(id, b, &identity_b);
        ASSERT_EQ(identity_a == identity_b, order == 0)
            << BaseTypeName(id) << " " << FormatValue({id, 0}, a) << " " << FormatValue({id, 0}, b);
        if (!engine::IsKeyType(id)) continue;
        for (const bool last : {true, false}) {
          std::string key_a;
          std::string key_b;
          ASSERT_TRUE(engine::AppendKeyComponent(&key_a, {id, 0}, a, last).ok());
          ASSERT_TRUE(engine::AppendKeyComponent(&key_b, {id, 0}, b, last).ok());
          if (!last) {
            // What follows must not matter unless they are equal.
            key_a.push_back('\xFF');
            key_b.push_back('\0');
            if (order == 0) continue;
          }
          ASSERT_EQ(Sign(key_a.compare(key_b)), order)
              << BaseTypeName(id) << " " << FormatValue({id, 0}, a) << " "
              << FormatValue({id, 0}, b) << (last ? " last" : " inner");
        }
      }
    }
  }
}

TEST(TypesTest, KeysGiveTheirValuesBack) {
  Random random(kSeed);
  for (const TypeId id : AllIds()) {
    if (!engine::IsKeyType(id)) continue;
    engine::TableSchema schema;
    schema.name = "t";
    schema.columns.push_back({.name = "v", .type = {id, 0}, .not_null = true});
    schema.columns.push_back({.name = "w", .type = {id, 0}, .not_null = true});
    schema.primary_key = {0, 1};
    for (int i = 0; i < 100; ++i) {
      const Row row = {RandomValue(random, id), RandomValue(random, id)};
      const absl::StatusOr<std::string> key = engine::EncodeKey(schema, row);
      ASSERT_TRUE(key.ok()) << key.status();
      const absl::StatusOr<Row> back = engine::DecodeKey(schema, *key);
      ASSERT_TRUE(back.ok()) << BaseTypeName(id) << " " << back.status();
      for (size_t c = 0; c < 2; ++c) {
        ASSERT_EQ(CompareValues(id, (*back)[c], row[c]), 0)
            << BaseTypeName(id) << " " << FormatValue({id, 0}, row[c]) << " "
            << FormatValue({id, 0}, (*back)[c]);
      }
    }
  }
}

TEST(TypesTest, RandomBinaryIsReadOrRefusedButNeverCrashes) {
  Random random(kSeed);
  for (const TypeId id : AllIds()) {
    for (int i = 0; i < 500; ++i) {
      std::string bytes = random.OneIn(2) ? ToBinary({id, 0}, RandomValue(random, id)) : "";
      for (uint64_t n = random.Uniform(8); n > 0; --n) {
        const char c = static_cast<char>(random.OneIn(2) ? random.Next() : random.Uniform(3));
        if (bytes.empty() || random.OneIn(3)) {
          bytes.push_back(c);
        } else {
          bytes[random.Uniform(bytes.size())] = c;
        }
      }
      const absl::StatusOr<Value> value = FromBinary({id, 0}, bytes);
      if (!value.ok() || id == TypeId::kNumeric || id == ArrayOf(TypeId::kNumeric)) continue;
      FormatValue({id, 0}, *value);
    }
  }
}

TEST(TypesTest, BinaryIsThatOfPostgres) {
  const auto binary = [](const Type& type, absl::string_view text) {
    const std::string bytes = ToBinary(type, *ParseValue(type, text));
    std::string out;
    for (const char c : bytes) {
      constexpr absl::string_view kDigits = "0123456789abcdef";
      out.push_back(kDigits[static_cast<uint8_t>(c) >> 4]);
      out.push_back(kDigits[static_cast<uint8_t>(c) & 15]);
    }
    return out;
  };
  // What `SELECT encode(numeric_send(…), 'hex')` and its like answer.
  EXPECT_EQ(binary(kNumericType, "12345.678"),
            "000300010000000300010929"
            "1a7c");
  EXPECT_EQ(binary(kNumericType, "-0.05"), "0001ffff4000000201f4");
  EXPECT_EQ(binary(kNumericType, "NaN"), "00000000c0000000");
  EXPECT_EQ(binary(kDateType, "2000-01-02"), "00000001");
  EXPECT_EQ(binary(kTimestampType, "2000-01-01 00:00:01"), "00000000000f4240");
  EXPECT_EQ(binary(kIntervalType, "1 mon 2 days 3 us"),
            "0000000000000003"
            "00000002"
            "00000001");
  EXPECT_EQ(binary(kJsonbType, "{}"), "017b7d");
  EXPECT_EQ(binary(kVarbitType, "101"), "00000003a0");
  EXPECT_EQ(binary({ArrayOf(TypeId::kInteger), 0}, "{1,NULL}"),
            "00000001"
            "00000001"
            "00000017"
            "00000002"
            "00000001"
            "00000004"
            "00000001"
            "ffffffff");
}

TEST(TypesTest, OidsAndModifiersComeBack) {
  for (const TypeInfo& info : AllTypes()) {
    EXPECT_EQ(TypeFromOid(info.oid), (Type{info.id, 0})) << info.name;
    EXPECT_EQ(TypeFromOid(info.array_oid), (Type{ArrayOf(info.id), 0})) << info.name;
    EXPECT_EQ(TypeOid({info.id, 0}), info.oid);
  }
  for (const Type& type :
       {Type{TypeId::kNumeric, MakeNumericModifier(10, 2)}, Type{TypeId::kVarchar, 7},
        Type{TypeId::kTimestamp, 4}, Type{TypeId::kInterval, 1}, Type{TypeId::kVector, 3},
        Type{ArrayOf(TypeId::kChar), 5}}) {
    EXPECT_EQ(TypeFromOid(TypeOid(type), TypeModifier(type)), type) << engine::TypeName(type);
  }
  EXPECT_EQ(TypeModifier({TypeId::kNumeric, MakeNumericModifier(10, 2)}), ((10 << 16) | 2) + 4);
  EXPECT_EQ(TypeFromOid(1), std::nullopt);
}

TEST(TypesTest, HalvesRoundToTheNearestEven) {
  EXPECT_EQ(engine::RoundToHalf(65519.0f), 65504.0f);
  EXPECT_TRUE(std::isinf(engine::RoundToHalf(65520.0f)));
  EXPECT_EQ(engine::RoundToHalf(2049.0f), 2048.0f);
  EXPECT_EQ(engine::RoundToHalf(2051.0f), 2052.0f);
  EXPECT_EQ(engine::RoundToHalf(1e-8f), 0.0f);
  for (uint32_t half = 0; half < 0x7C00; ++half) {
    const float value = engine::HalfToFloat(static_cast<uint16_t>(half));
    ASSERT_EQ(engine::FloatToHalf(value), half);
    ASSERT_EQ(engine::FloatToHalf(-value), half | 0x8000);
  }
}

}  // namespace
}  // namespace kyrodb::sql
