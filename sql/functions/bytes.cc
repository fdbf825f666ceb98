// Bytes, bits and uuids.
// Source: PostgreSQL 15 documentation, sections 9.5, 9.6 and 9.14.
#include <algorithm>
#include <bit>

#include "absl/strings/str_cat.h"
#include "sql/functions/function.h"
#include "sql/functions/sha2.h"
#include "sql/types/bits.h"

namespace kyrodb::sql {
namespace {

constexpr TypeId kB = TypeId::kBytea;
constexpr TypeId kI = TypeId::kInteger;
constexpr TypeId kBit = TypeId::kBit;
constexpr TypeId kVar = TypeId::kVarbit;

bool IndexOutOfRange(FunctionContext& context, int64_t index, int64_t count) {
  return context.Fail("2202E", absl::StrCat(count == 0 ? "index " : "index ", index,
                                            " out of valid range, 0..", count - 1));
}

// [begin, end) of substring(x FROM from [FOR count]) within `size` units.
bool Range(FunctionContext& context, Arguments a, int64_t size, int64_t* begin, int64_t* end) {
  const int64_t from = AsInt(a[1]);
  *end = size;
  if (a.size() > 2) {
    if (AsInt(a[2]) < 0) {
      return context.Fail("22011", "negative substring length not allowed");
    }
    *end = std::clamp<int64_t>(from - 1 + AsInt(a[2]), 0, size);
  }
  *begin = std::clamp<int64_t>(from - 1, 0, size);
  *end = std::max(*begin, *end);
  return true;
}

bool SubBytes(FunctionContext& context, Arguments a, Value* result) {
  const std::string& bytes = AsText(a[0]);
  int64_t begin = 0;
  int64_t end = 0;
  if (!Range(context, a, static_cast<int64_t>(bytes.size()), &begin, &end)) return false;
  *result = bytes.substr(static_cast<size_t>(begin), static_cast<size_t>(end - begin));
  return true;
}

std::string SliceBits(const std::string& bits, int64_t begin, int64_t end) {
  std::string out = MakeBits(static_cast<uint32_t>(end - begin));
  for (int64_t i = begin; i < end; ++i) {
    if (GetBit(bits, static_cast<uint32_t>(i)))
      SetBit(&out, static_cast<uint32_t>(i - begin), true);
  }
  return out;
}

bool SubBits(FunctionContext& context, Arguments a, Value* result) {
  const std::string& bits = AsText(a[0]);
  int64_t begin = 0;
  int64_t end = 0;
  if (!Range(context, a, BitCount(bits), &begin, &end)) return false;
  *result = SliceBits(bits, begin, end);
  return true;
}

template <typename Operation>
bool Bitwise(FunctionContext& context, Arguments a, absl::string_view name, Value* result,
             Operation operation) {
  const std::string& x = AsText(a[0]);
  const std::string& y = AsText(a[1]);
  if (BitCount(x) != BitCount(y)) {
    return context.Fail("22026", absl::StrCat("cannot ", name, " bit strings of different sizes"));
  }
  std::string out = x;
  for (size_t i = 4; i < out.size() && i < y.size(); ++i) {
    out[i] = static_cast<char>(operation(static_cast<uint8_t>(out[i]), static_cast<uint8_t>(y[i])));
  }
  *result = std::move(out);
  return true;
}

bool ConcatenateBits(FunctionContext&, Arguments a, Value* result) {
  const std::string& x = AsText(a[0]);
  const std::string& y = AsText(a[1]);
  std::string out = ResizeBits(x, BitCount(x) + BitCount(y));
  for (uint32_t i = 0; i < BitCount(y); ++i) {
    if (GetBit(y, i)) SetBit(&out, BitCount(x) + i, true);
  }
  *result = std::move(out);
  return true;
}

bool Invert(FunctionContext&, Arguments a, Value* result) {
  const std::string& x = AsText(a[0]);
  std::string out = MakeBits(BitCount(x));
  for (uint32_t i = 0; i < BitCount(x); ++i) SetBit(&out, i, !GetBit(x, i));
  *result = std::move(out);
  return true;
}

template <int direction>
bool ShiftBits(FunctionContext&, Arguments a, Value* result) {
  const std::string& x = AsText(a[0]);
  const int64_t by = direction * AsInt(a[1]);
  const int64_t count = BitCount(x);
  std::string out = MakeBits(static_cast<uint32_t>(count));
  for (int64_t i = 0; i < count; ++i) {
    const int64_t from = i + by;
    if (from >= 0 && from < count && GetBit(x, static_cast<uint32_t>(from))) {
      SetBit(&out, static_cast<uint32_t>(i), true);
    }
  }
  *result = std::move(out);
  return true;
}

int64_t CountOnes(absl::string_view bytes) {
  int64_t count = 0;
  for (const char c : bytes) count += std::popcount(static_cast<uint8_t>(c));
  return count;
}

template <bool digits>
bool RandomUuid(FunctionContext& context, Arguments, Value* result) {
  std::string bytes;
  for (int half = 0; half < 2; ++half) {
    const uint64_t bits = context.random->Next();
    for (int shift = 56; shift >= 0; shift -= 8) {
      bytes.push_back(static_cast<char>((bits >> shift) & 0xFF));
    }
  }
  // Version 4, the variant of RFC 4122.
  bytes[6] = static_cast<char>((static_cast<uint8_t>(bytes[6]) & 0x0F) | 0x40);
  bytes[8] = static_cast<char>((static_cast<uint8_t>(bytes[8]) & 0x3F) | 0x80);
  *result = std::move(bytes);
  return true;
}

template <bool left, bool right>
bool TrimBytes(FunctionContext&, Arguments a, Value* result) {
  const std::string& bytes = AsText(a[0]);
  const std::string& set = AsText(a[1]);
  size_t begin = 0;
  size_t end = bytes.size();
  if (left) {
    while (begin < end && set.find(bytes[begin]) != std::string::npos) ++begin;
  }
  if (right) {
    while (end > begin && set.find(bytes[end - 1]) != std::string::npos) --end;
  }
  *result = bytes.substr(begin, end - begin);
  return true;
}

}  // namespace

void AddBytes(std::vector<ScalarFunction>* out) {
  const auto add = [out](std::vector<const char*> names, std::vector<TypeId> parameters,
                         const Type& result, Implementation implementation) {
    for (const char* name : names) {
      out->push_back({.name = name,
                      .parameters = parameters,
                      .result = result,
                      .implementation = implementation,
                      .is_operator = !(name[0] >= 'a' && name[0] <= 'z')});
    }
  };
  add({"substr", "substring"}, {kB, kI}, kByteaType, &SubBytes);
  add({"substr", "substring"}, {kB, kI, kI}, kByteaType, &SubBytes);
  add({"position"}, {kB, kB}, kIntegerType, [](FunctionContext&, Arguments a, Value* r) {
    const size_t found = AsText(a[0]).find(AsText(a[1]));
    *r = found == std::string::npos ? int64_t{0} : static_cast<int64_t>(found) + 1;
    return true;
  });
  add({"btrim"}, {kB, kB}, kByteaType, &TrimBytes<true, true>);
  add({"ltrim"}, {kB, kB}, kByteaType, &TrimBytes<true, false>);
  add({"rtrim"}, {kB, kB}, kByteaType, &TrimBytes<false, true>);
  add({"get_byte"}, {kB, kI}, kIntegerType, [](FunctionContext& context, Arguments a, Value* r) {
    const auto count = static_cast<int64_t>(AsText(a[0]).size());
    const int64_t index = AsInt(a[1]);
    if (index < 0 || index >= count) return IndexOutOfRange(context, index, count);
    *r = int64_t{static_cast<uint8_t>(AsText(a[0])[static_cast<size_t>(index)])};
    return true;
  });
  add({"set_byte"}, {kB, kI, kI}, kByteaType, [](FunctionContext& context, Arguments a, Value* r) {
    std::string bytes = AsText(a[0]);
    const auto count = static_cast<int64_t>(bytes.size());
    const int64_t index = AsInt(a[1]);
    if (index < 0 || index >= count) return IndexOutOfRange(context, index, count);
    bytes[static_cast<size_t>(index)] = static_cast<char>(AsInt(a[2]) & 0xFF);
    *r = std::move(bytes);
    return true;
  });
  add({"bit_count"}, {kB}, kBigintType, [](FunctionContext&, Arguments a, Value* r) {
    *r = CountOnes(AsText(a[0]));
    return true;
  });
  for (const int bits : {224, 256, 384, 512}) {
    static constexpr Implementation kHashes[] = {[](FunctionContext&, Arguments a, Value* r) {
                                                   *r = Sha2(AsText(a[0]), 224);
                                                   return true;
                                                 },
                                                 [](FunctionContext&, Arguments a, Value* r) {
                                                   *r = Sha2(AsText(a[0]), 256);
                                                   return true;
                                                 },
                                                 [](FunctionContext&, Arguments a, Value* r) {
                                                   *r = Sha2(AsText(a[0]), 384);
                                                   return true;
                                                 },
                                                 [](FunctionContext&, Arguments a, Value* r) {
                                                   *r = Sha2(AsText(a[0]), 512);
                                                   return true;
                                                 }};
    const size_t at = bits == 224 ? 0 : bits == 256 ? 1 : bits == 384 ? 2 : 3;
    add({absl::StrCat("sha", bits).c_str()}, {kB}, kByteaType, kHashes[at]);
  }
  out->push_back({.name = "gen_random_uuid",
                  .parameters = {},
                  .result = kUuidType,
                  .implementation = &RandomUuid<false>,
                  .volatility = Volatility::kVolatile});
  for (const TypeId id : {kBit, kVar}) {
    const Type type{id, 0};
    add({"&"}, {id, id}, type, [](FunctionContext& context, Arguments a, Value* r) {
      return Bitwise(context, a, "AND", r, [](uint8_t x, uint8_t y) { return x & y; });
    });
    add({"|"}, {id, id}, type, [](FunctionContext& context, Arguments a, Value* r) {
      return Bitwise(context, a, "OR", r, [](uint8_t x, uint8_t y) { return x | y; });
    });
    add({"#"}, {id, id}, type, [](FunctionContext& context, Arguments a, Value* r) {
      return Bitwise(context, a, "XOR", r, [](uint8_t x, uint8_t y) { return x ^ y; });
    });
    add({"~"}, {id}, type, &Invert);
    add({"<<"}, {id, kI}, type, &ShiftBits<1>);
    add({">>"}, {id, kI}, type, &ShiftBits<-1>);
    add({"substring"}, {id, kI}, type, &SubBits);
    add({"substring"}, {id, kI, kI}, type, &SubBits);
    add({"length", "bit_length"}, {id}, kIntegerType, [](FunctionContext&, Arguments a, Value* r) {
      *r = int64_t{BitCount(AsText(a[0]))};
      return true;
    });
    add({"octet_length"}, {id}, kIntegerType, [](FunctionContext&, Arguments a, Value* r) {
      *r = static_cast<int64_t>(BitBytes(AsText(a[0])).size());
      return true;
    });
    add({"bit_count"}, {id}, kBigintType, [](FunctionContext&, Arguments a, Value* r) {
      *r = CountOnes(BitBytes(AsText(a[0])));
      return true;
    });
    add({"get_bit"}, {id, kI}, kIntegerType, [](FunctionContext& context, Arguments a, Value* r) {
      const int64_t index = AsInt(a[1]);
      const int64_t count = BitCount(AsText(a[0]));
      if (index < 0 || index >= count) {
        return context.Fail(
            "2202E", absl::StrCat("bit index ", index, " out of valid range (0..", count - 1, ")"));
      }
      *r = int64_t{GetBit(AsText(a[0]), static_cast<uint32_t>(index)) ? 1 : 0};
      return true;
    });
    add({"set_bit"}, {id, kI, kI}, type, [](FunctionContext& context, Arguments a, Value* r) {
      const int64_t index = AsInt(a[1]);
      std::string bits = AsText(a[0]);
      const int64_t count = BitCount(bits);
      if (index < 0 || index >= count) {
        return context.Fail(
            "2202E", absl::StrCat("bit index ", index, " out of valid range (0..", count - 1, ")"));
      }
      if (AsInt(a[2]) != 0 && AsInt(a[2]) != 1) {
        return context.Fail(sqlstate::kInvalidParameterValue, "new bit must be 0 or 1");
      }
      SetBit(&bits, static_cast<uint32_t>(index), AsInt(a[2]) == 1);
      *r = std::move(bits);
      return true;
    });
  }
  add({"||"}, {kVar, kVar}, kVarbitType, &ConcatenateBits);
}

}  // namespace kyrodb::sql
