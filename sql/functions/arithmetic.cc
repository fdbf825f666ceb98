// Numbers: operators and mathematical functions, with PostgreSQL's overflow errors.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numbers>

#include "sql/functions/function.h"
#include "sql/types/decimal.h"

namespace kyrodb::sql {
namespace {

bool Overflow(FunctionContext& context) {
  return context.Fail(sqlstate::kNumericValueOutOfRange, "value out of range: overflow");
}
bool DivisionByZero(FunctionContext& context) {
  return context.Fail(sqlstate::kDivisionByZero, "division by zero");
}

template <TypeId id>
bool SetInteger(FunctionContext& context, bool overflow, int64_t value, Value* result) {
  if constexpr (id == TypeId::kInteger) {
    if (overflow || value < INT32_MIN || value > INT32_MAX) {
      return context.Fail(sqlstate::kNumericValueOutOfRange, "integer out of range");
    }
  } else if constexpr (id == TypeId::kSmallint) {
    if (overflow || value < INT16_MIN || value > INT16_MAX) {
      return context.Fail(sqlstate::kNumericValueOutOfRange, "smallint out of range");
    }
  } else {
    if (overflow) return context.Fail(sqlstate::kNumericValueOutOfRange, "bigint out of range");
  }
  *result = value;
  return true;
}

constexpr bool IsFloat(TypeId id) { return id == TypeId::kDouble || id == TypeId::kReal; }

// A float result: infinity and zero out of finite, nonzero arguments are errors.
template <TypeId id = TypeId::kDouble>
bool SetDouble(FunctionContext& context, double value, bool may_be_infinite, bool may_be_zero,
               Value* result) {
  if constexpr (id == TypeId::kReal) value = static_cast<double>(static_cast<float>(value));
  if (std::isinf(value) && !may_be_infinite) return Overflow(context);
  if (value == 0 && !may_be_zero) {
    return context.Fail(sqlstate::kNumericValueOutOfRange, "value out of range: underflow");
  }
  *result = value;
  return true;
}

template <TypeId id>
bool Add(FunctionContext& context, Arguments a, Value* result) {
  if constexpr (IsFloat(id)) {
    const double x = AsDouble(a[0]);
    const double y = AsDouble(a[1]);
    return SetDouble<id>(context, x + y, std::isinf(x) || std::isinf(y), true, result);
  } else {
    int64_t sum;
    const bool overflow = __builtin_add_overflow(AsInt(a[0]), AsInt(a[1]), &sum);
    return SetInteger<id>(context, overflow, sum, result);
  }
}

template <TypeId id>
bool Subtract(FunctionContext& context, Arguments a, Value* result) {
  if constexpr (IsFloat(id)) {
    const double x = AsDouble(a[0]);
    const double y = AsDouble(a[1]);
    return SetDouble<id>(context, x - y, std::isinf(x) || std::isinf(y), true, result);
  } else {
    int64_t difference;
    const bool overflow = __builtin_sub_overflow(AsInt(a[0]), AsInt(a[1]), &difference);
    return SetInteger<id>(context, overflow, difference, result);
  }
}

template <TypeId id>
bool Multiply(FunctionContext& context, Arguments a, Value* result) {
  if constexpr (IsFloat(id)) {
    const double x = AsDouble(a[0]);
    const double y = AsDouble(a[1]);
    return SetDouble<id>(context, x * y, std::isinf(x) || std::isinf(y), x == 0 || y == 0, result);
  } else {
    int64_t product;
    const bool overflow = __builtin_mul_overflow(AsInt(a[0]), AsInt(a[1]), &product);
    return SetInteger<id>(context, overflow, product, result);
  }
}

template <TypeId id>
bool Divide(FunctionContext& context, Arguments a, Value* result) {
  if constexpr (IsFloat(id)) {
    const double x = AsDouble(a[0]);
    const double y = AsDouble(a[1]);
    if (y == 0 && !std::isnan(x)) return DivisionByZero(context);
    return SetDouble<id>(context, x / y, std::isinf(x) || std::isinf(y), x == 0 || std::isinf(y),
                         result);
  } else {
    const int64_t x = AsInt(a[0]);
    const int64_t y = AsInt(a[1]);
    if (y == 0) return DivisionByZero(context);
    if (y == -1) {
      int64_t negative;
      const bool overflow = __builtin_sub_overflow(int64_t{0}, x, &negative);
      return SetInteger<id>(context, overflow, negative, result);
    }
    *result = x / y;
    return true;
  }
}

template <TypeId id>
bool Modulo(FunctionContext& context, Arguments a, Value* result) {
  if constexpr (IsFloat(id)) {
    static_assert(!IsFloat(id), "floats have no remainder");
  } else {
    const int64_t y = AsInt(a[1]);
    if (y == 0) return DivisionByZero(context);
    *result = y == -1 ? int64_t{0} : AsInt(a[0]) % y;
  }
  return true;
}

template <TypeId id>
bool Negate(FunctionContext& context, Arguments a, Value* result) {
  if constexpr (IsFloat(id)) {
    *result = -AsDouble(a[0]);
    return true;
  } else {
    int64_t negative;
    const bool overflow = __builtin_sub_overflow(int64_t{0}, AsInt(a[0]), &negative);
    return SetInteger<id>(context, overflow, negative, result);
  }
}

template <TypeId id>
bool Absolute(FunctionContext& context, Arguments a, Value* result) {
  if constexpr (IsFloat(id)) {
    *result = std::fabs(AsDouble(a[0]));
    return true;
  } else {
    if (AsInt(a[0]) < 0) return Negate<id>(context, a, result);
    *result = *a[0];
    return true;
  }
}

bool Identity(FunctionContext&, Arguments a, Value* result) {
  *result = *a[0];
  return true;
}

template <TypeId id>
void AddNumber(std::vector<ScalarFunction>* out) {
  const Type type{id, 0};
  const auto binary = [&](const char* name, Implementation implementation) {
    out->push_back({.name = name,
                    .parameters = {id, id},
                    .result = type,
                    .implementation = implementation,
                    .is_operator = true});
  };
  const auto unary = [&](const char* name, Implementation implementation) {
    out->push_back({.name = name,
                    .parameters = {id},
                    .result = type,
                    .implementation = implementation,
                    .is_operator = true});
  };
  binary("+", &Add<id>);
  binary("-", &Subtract<id>);
  binary("*", &Multiply<id>);
  binary("/", &Divide<id>);
  if constexpr (!IsFloat(id)) binary("%", &Modulo<id>);
  unary("-", &Negate<id>);
  unary("+", &Identity);
  unary("@", &Absolute<id>);
  out->push_back(
      {.name = "abs", .parameters = {id}, .result = type, .implementation = &Absolute<id>});
  if constexpr (!IsFloat(id)) {
    out->push_back(
        {.name = "mod", .parameters = {id, id}, .result = type, .implementation = &Modulo<id>});
  }
}

// One argument of each float: the result is the wider.
void AddMixedFloats(std::vector<ScalarFunction>* out) {
  const auto add = [out](const char* name, Implementation implementation) {
    for (const bool real_first : {true, false}) {
      out->push_back({.name = name,
                      .parameters = {real_first ? TypeId::kReal : TypeId::kDouble,
                                     real_first ? TypeId::kDouble : TypeId::kReal},
                      .result = kDoubleType,
                      .implementation = implementation,
                      .is_operator = true});
    }
  };
  add("+", &Add<TypeId::kDouble>);
  add("-", &Subtract<TypeId::kDouble>);
  add("*", &Multiply<TypeId::kDouble>);
  add("/", &Divide<TypeId::kDouble>);
}

template <TypeId id>
void AddBits(std::vector<ScalarFunction>* out) {
  const Type type{id, 0};
  const auto binary = [&](const char* name, TypeId right, Implementation implementation) {
    out->push_back({.name = name,
                    .parameters = {id, right},
                    .result = type,
                    .implementation = implementation,
                    .is_operator = true});
  };
  binary("&", id, [](FunctionContext&, Arguments a, Value* result) {
    *result = AsInt(a[0]) & AsInt(a[1]);
    return true;
  });
  binary("|", id, [](FunctionContext&, Arguments a, Value* result) {
    *result = AsInt(a[0]) | AsInt(a[1]);
    return true;
  });
  binary("#", id, [](FunctionContext&, Arguments a, Value* result) {
    *result = AsInt(a[0]) ^ AsInt(a[1]);
    return true;
  });
  // Shifts count modulo the width, as the machine does and PostgreSQL lets it.
  binary("<<", TypeId::kInteger, [](FunctionContext&, Arguments a, Value* result) {
    if constexpr (id == TypeId::kInteger) {
      const auto bits = static_cast<uint32_t>(AsInt(a[0])) << (AsInt(a[1]) & 31);
      *result = int64_t{static_cast<int32_t>(bits)};
    } else if constexpr (id == TypeId::kSmallint) {
      const auto bits = static_cast<uint32_t>(AsInt(a[0])) << (AsInt(a[1]) & 31);
      *result = int64_t{static_cast<int16_t>(bits)};
    } else {
      *result = static_cast<int64_t>(static_cast<uint64_t>(AsInt(a[0])) << (AsInt(a[1]) & 63));
    }
    return true;
  });
  binary(">>", TypeId::kInteger, [](FunctionContext&, Arguments a, Value* result) {
    *result = AsInt(a[0]) >> (AsInt(a[1]) & (id == TypeId::kBigint ? 63 : 31));
    return true;
  });
  out->push_back({.name = "~",
                  .parameters = {id},
                  .result = type,
                  .implementation =
                      [](FunctionContext&, Arguments a, Value* result) {
                        *result = ~AsInt(a[0]);
                        return true;
                      },
                  .is_operator = true});
  if constexpr (id == TypeId::kSmallint) return;
  out->push_back({.name = "gcd",
                  .parameters = {id, id},
                  .result = type,
                  .implementation = [](FunctionContext& context, Arguments a, Value* result) {
                    const auto magnitude = [](int64_t x) {
                      return x < 0 ? uint64_t{0} - static_cast<uint64_t>(x)
                                   : static_cast<uint64_t>(x);
                    };
                    uint64_t x = magnitude(AsInt(a[0]));
                    uint64_t y = magnitude(AsInt(a[1]));
                    while (y != 0) {
                      const uint64_t rest = x % y;
                      x = y;
                      y = rest;
                    }
                    return SetInteger<id>(context, x > static_cast<uint64_t>(INT64_MAX),
                                          static_cast<int64_t>(x), result);
                  }});
  out->push_back({.name = "lcm",
                  .parameters = {id, id},
                  .result = type,
                  .implementation = [](FunctionContext& context, Arguments a, Value* result) {
                    const int64_t x = AsInt(a[0]);
                    const int64_t y = AsInt(a[1]);
                    if (x == 0 || y == 0) {
                      *result = int64_t{0};
                      return true;
                    }
                    const Wide wide = static_cast<Wide>(x);
                    Wide u = wide < 0 ? -wide : wide;
                    Wide v = y < 0 ? -static_cast<Wide>(y) : static_cast<Wide>(y);
                    const Wide product = u * v;
                    while (v != 0) {
                      const Wide rest = u % v;
                      u = v;
                      v = rest;
                    }
                    const Wide least = product / u;
                    return SetInteger<id>(context, least > INT64_MAX, static_cast<int64_t>(least),
                                          result);
                  }});
}

bool Power(FunctionContext& context, Arguments a, Value* result) {
  const double x = AsDouble(a[0]);
  const double y = AsDouble(a[1]);
  if (x == 0 && y < 0) {
    return context.Fail("2201F", "zero raised to a negative power is undefined");
  }
  if (x < 0 && std::isfinite(y) && std::floor(y) != y) {
    return context.Fail("2201F",
                        "a negative number raised to a non-integer power yields a complex result");
  }
  const bool infinite = std::isinf(x) || std::isinf(y);
  return SetDouble(context, std::pow(x, y), infinite, x == 0 || infinite, result);
}

bool SquareRoot(FunctionContext& context, Arguments a, Value* result) {
  if (AsDouble(a[0]) < 0) {
    return context.Fail("2201F", "cannot take square root of a negative number");
  }
  *result = std::sqrt(AsDouble(a[0]));
  return true;
}

bool CheckLogarithm(FunctionContext& context, double x) {
  if (x == 0) return context.Fail("2201E", "cannot take logarithm of zero");
  if (x < 0) return context.Fail("2201E", "cannot take logarithm of a negative number");
  return true;
}

}  // namespace

void AddArithmetic(std::vector<ScalarFunction>* out) {
  AddNumber<TypeId::kSmallint>(out);
  AddNumber<TypeId::kInteger>(out);
  AddNumber<TypeId::kBigint>(out);
  AddNumber<TypeId::kReal>(out);
  AddNumber<TypeId::kDouble>(out);
  AddMixedFloats(out);
  AddBits<TypeId::kSmallint>(out);
  AddBits<TypeId::kInteger>(out);
  AddBits<TypeId::kBigint>(out);

  const auto add = [out](std::vector<const char*> names, size_t count,
                         Implementation implementation) {
    for (const char* name : names) {
      const std::string text = name;
      out->push_back({.name = text,
                      .parameters = std::vector<TypeId>(count, TypeId::kDouble),
                      .result = kDoubleType,
                      .implementation = implementation,
                      .is_operator = !(text[0] >= 'a' && text[0] <= 'z')});
    }
  };
  add({"power", "pow", "^"}, 2, &Power);
  add({"sqrt", "|/"}, 1, &SquareRoot);
  add({"cbrt", "||/"}, 1, [](FunctionContext&, Arguments a, Value* r) {
    // The library's result may be off by one unit in the last place for perfect cubes.
    const double root = std::cbrt(AsDouble(a[0]));
    const double whole = std::nearbyint(root);
    *r = whole * whole * whole == AsDouble(a[0]) ? whole : root;
    return true;
  });
  add({"exp"}, 1, [](FunctionContext& context, Arguments a, Value* r) {
    const double x = AsDouble(a[0]);
    return SetDouble(context, std::exp(x), std::isinf(x), std::isinf(x), r);
  });
  add({"ln"}, 1, [](FunctionContext& context, Arguments a, Value* r) {
    if (!CheckLogarithm(context, AsDouble(a[0]))) return false;
    *r = std::log(AsDouble(a[0]));
    return true;
  });
  add({"log", "log10"}, 1, [](FunctionContext& context, Arguments a, Value* r) {
    if (!CheckLogarithm(context, AsDouble(a[0]))) return false;
    *r = std::log10(AsDouble(a[0]));
    return true;
  });
  add({"log"}, 2, [](FunctionContext& context, Arguments a, Value* r) {
    if (!CheckLogarithm(context, AsDouble(a[0])) || !CheckLogarithm(context, AsDouble(a[1]))) {
      return false;
    }
    const double base = std::log(AsDouble(a[0]));
    if (base == 0) return DivisionByZero(context);
    *r = std::log(AsDouble(a[1])) / base;
    return true;
  });
  add({"floor"}, 1, [](FunctionContext&, Arguments a, Value* r) {
    *r = std::floor(AsDouble(a[0]));
    return true;
  });
  add({"ceil", "ceiling"}, 1, [](FunctionContext&, Arguments a, Value* r) {
    *r = std::ceil(AsDouble(a[0]));
    return true;
  });
  add({"round"}, 1, [](FunctionContext&, Arguments a, Value* r) {
    *r = std::nearbyint(AsDouble(a[0]));
    return true;
  });
  add({"trunc"}, 1, [](FunctionContext&, Arguments a, Value* r) {
    *r = std::trunc(AsDouble(a[0]));
    return true;
  });
  add({"sign"}, 1, [](FunctionContext&, Arguments a, Value* r) {
    const double x = AsDouble(a[0]);
    *r = x > 0 ? 1.0 : (x < 0 ? -1.0 : x);
    return true;
  });
  add({"degrees"}, 1, [](FunctionContext& context, Arguments a, Value* r) {
    return SetDouble(context, AsDouble(a[0]) * (180 / std::numbers::pi), std::isinf(AsDouble(a[0])),
                     true, r);
  });
  add({"radians"}, 1, [](FunctionContext&, Arguments a, Value* r) {
    *r = AsDouble(a[0]) * (std::numbers::pi / 180);
    return true;
  });
  add({"sin"}, 1, [](FunctionContext&, Arguments a, Value* r) {
    *r = std::sin(AsDouble(a[0]));
    return true;
  });
  add({"cos"}, 1, [](FunctionContext&, Arguments a, Value* r) {
    *r = std::cos(AsDouble(a[0]));
    return true;
  });
  add({"tan"}, 1, [](FunctionContext&, Arguments a, Value* r) {
    *r = std::tan(AsDouble(a[0]));
    return true;
  });
  add({"asin"}, 1, [](FunctionContext& context, Arguments a, Value* r) {
    if (std::fabs(AsDouble(a[0])) > 1) {
      return context.Fail(sqlstate::kNumericValueOutOfRange, "input is out of range");
    }
    *r = std::asin(AsDouble(a[0]));
    return true;
  });
  add({"acos"}, 1, [](FunctionContext& context, Arguments a, Value* r) {
    if (std::fabs(AsDouble(a[0])) > 1) {
      return context.Fail(sqlstate::kNumericValueOutOfRange, "input is out of range");
    }
    *r = std::acos(AsDouble(a[0]));
    return true;
  });
  add({"atan"}, 1, [](FunctionContext&, Arguments a, Value* r) {
    *r = std::atan(AsDouble(a[0]));
    return true;
  });
  add({"atan2"}, 2, [](FunctionContext&, Arguments a, Value* r) {
    *r = std::atan2(AsDouble(a[0]), AsDouble(a[1]));
    return true;
  });
  add({"sinh"}, 1, [](FunctionContext&, Arguments a, Value* r) {
    *r = std::sinh(AsDouble(a[0]));
    return true;
  });
  add({"cosh"}, 1, [](FunctionContext&, Arguments a, Value* r) {
    *r = std::cosh(AsDouble(a[0]));
    return true;
  });
  add({"tanh"}, 1, [](FunctionContext&, Arguments a, Value* r) {
    *r = std::tanh(AsDouble(a[0]));
    return true;
  });
  add({"cot"}, 1, [](FunctionContext&, Arguments a, Value* r) {
    *r = 1.0 / std::tan(AsDouble(a[0]));
    return true;
  });
  add({"pi"}, 0, [](FunctionContext&, Arguments, Value* r) {
    *r = std::numbers::pi;
    return true;
  });
  out->push_back({.name = "random",
                  .parameters = {},
                  .result = kDoubleType,
                  .implementation =
                      [](FunctionContext& context, Arguments, Value* r) {
                        *r = context.random->Unit();
                        return true;
                      },
                  .volatility = Volatility::kVolatile});
}

}  // namespace kyrodb::sql
