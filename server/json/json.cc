#include "server/json/json.h"

#include <boost/json/basic_parser_impl.hpp>
#include <cmath>
#include <limits>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "engine/array.h"
#include "sql/format.h"

namespace kyrodb::server {
namespace {

namespace json = boost::json;
using ErrorCode = json::error_code;

// Builds a `Json` from the events of Boost.JSON's parser; `problem` says why it stopped.
struct Builder {
  static constexpr size_t max_object_size = std::numeric_limits<size_t>::max();
  static constexpr size_t max_array_size = std::numeric_limits<size_t>::max();
  static constexpr size_t max_key_size = std::numeric_limits<size_t>::max();
  static constexpr size_t max_string_size = std::numeric_limits<size_t>::max();

  struct Level {
    Json container;
    std::string key;
  };
  std::vector<Level> open;
  Json result;
  std::string text;
  std::string problem;

  bool Fail(ErrorCode& error, std::string why) {
    problem = std::move(why);
    error = json::error::syntax;
    return false;
  }
  void Place(Json json_value) {
    if (open.empty()) {
      result = std::move(json_value);
    } else if (auto* array = std::get_if<Json::Array>(&open.back().container.value)) {
      array->push_back(std::move(json_value));
    } else {
      std::get<Json::Object>(open.back().container.value)
          .emplace_back(std::move(open.back().key), std::move(json_value));
      open.back().key.clear();
    }
  }
  bool Close() {
    Json container = std::move(open.back().container);
    open.pop_back();
    Place(std::move(container));
    return true;
  }

  bool on_document_begin(ErrorCode&) { return true; }
  bool on_document_end(ErrorCode&) { return true; }
  bool on_object_begin(ErrorCode&) {
    open.push_back({.container = {.value = Json::Object()}, .key = {}});
    return true;
  }
  bool on_object_end(size_t, ErrorCode&) { return Close(); }
  bool on_array_begin(ErrorCode&) {
    open.push_back({.container = {.value = Json::Array()}, .key = {}});
    return true;
  }
  bool on_array_end(size_t, ErrorCode&) { return Close(); }
  bool on_key_part(json::string_view part, size_t, ErrorCode&) {
    text.append(part.data(), part.size());
    return true;
  }
  bool on_key(json::string_view part, size_t, ErrorCode& error) {
    text.append(part.data(), part.size());
    // Small objects only are searched; a large one would take quadratic time.
    const auto& members = std::get<Json::Object>(open.back().container.value);
    if (members.size() < 256) {
      for (const auto& member : members) {
        if (member.first == text) {
          return Fail(error, absl::StrCat("member \"", absl::CHexEscape(text), "\" appears twice"));
        }
      }
    }
    open.back().key = std::move(text);
    text.clear();
    return true;
  }
  bool on_string_part(json::string_view part, size_t, ErrorCode&) {
    text.append(part.data(), part.size());
    return true;
  }
  bool on_string(json::string_view part, size_t, ErrorCode&) {
    text.append(part.data(), part.size());
    Place({.value = std::move(text)});
    text.clear();
    return true;
  }
  bool on_number_part(json::string_view, ErrorCode&) { return true; }
  bool on_int64(int64_t number, json::string_view, ErrorCode&) {
    Place({.value = number});
    return true;
  }
  bool on_uint64(uint64_t number, json::string_view, ErrorCode&) {
    if (number <= static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) {
      Place({.value = static_cast<int64_t>(number)});
    } else {
      Place({.value = static_cast<double>(number)});
    }
    return true;
  }
  bool on_double(double number, json::string_view, ErrorCode& error) {
    if (!std::isfinite(number))
      return Fail(error, "number is out of the range of double precision");
    Place({.value = number});
    return true;
  }
  bool on_bool(bool truth, ErrorCode&) {
    Place({.value = truth});
    return true;
  }
  bool on_null(ErrorCode&) {
    Place({});
    return true;
  }
  bool on_comment_part(json::string_view, ErrorCode&) { return true; }
  bool on_comment(json::string_view, ErrorCode&) { return true; }
};

}  // namespace

double Json::number() const {
  if (const auto* integer = get<int64_t>()) return static_cast<double>(*integer);
  if (const auto* real = get<double>()) return *real;
  return 0;
}

absl::string_view Json::kind() const {
  constexpr absl::string_view kKinds[] = {"null",     "a boolean", "a number", "a number",
                                          "a string", "an array",  "an object"};
  return kKinds[value.index()];
}

const Json* Json::Find(absl::string_view name) const {
  const auto* object = get<Object>();
  if (object == nullptr) return nullptr;
  for (const auto& member : *object) {
    if (member.first == name) return &member.second;
  }
  return nullptr;
}

absl::StatusOr<Json> ParseJson(absl::string_view text) {
  json::parse_options options;
  options.max_depth = kJsonDepthMax;
  json::basic_parser<Builder> parser(options);
  ErrorCode error;
  const size_t read = parser.write_some(false, text.data(), text.size(), error);
  if (!error && read < text.size()) {
    return absl::InvalidArgumentError(
        absl::StrCat("JSON ends at byte ", read, ", but more text follows"));
  }
  if (error) {
    std::string why = parser.handler().problem;
    if (why.empty()) why = error == json::error::incomplete ? "it ends too early" : error.message();
    return absl::InvalidArgumentError(absl::StrCat(
        "malformed JSON at byte ", read + 1, ": ", why,
        error == json::error::too_deep ? absl::StrCat(" (at most ", kJsonDepthMax, " levels)")
                                       : ""));
  }
  return std::move(parser.handler().result);
}

void AppendJsonString(std::string* out, absl::string_view text) {
  out->push_back('"');
  for (size_t i = 0; i < text.size();) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte < 0x80) {
      switch (byte) {
        case '"':
          out->append("\\\"");
          break;
        case '\\':
          out->append("\\\\");
          break;
        case '\n':
          out->append("\\n");
          break;
        case '\r':
          out->append("\\r");
          break;
        case '\t':
          out->append("\\t");
          break;
        default:
          if (byte < 0x20 || byte == 0x7f) {
            absl::StrAppendFormat(out, "\\u%04x", byte);
          } else {
            out->push_back(static_cast<char>(byte));
          }
      }
      ++i;
      continue;
    }
    size_t length = byte >= 0xc2 && byte < 0xe0   ? 2
                    : byte >= 0xe0 && byte < 0xf0 ? 3
                    : byte >= 0xf0 && byte < 0xf5 ? 4
                                                  : 0;
    if (i + length > text.size()) length = 0;
    for (size_t k = 1; k < length; ++k) {
      if ((static_cast<unsigned char>(text[i + k]) & 0xc0) != 0x80) length = 0;
    }
    if (length == 0) {
      out->append("\xef\xbf\xbd");
      ++i;
    } else {
      out->append(text.data() + i, length);
      i += length;
    }
  }
  out->push_back('"');
}

void AppendJsonNumber(std::string* out, double number) {
  const std::string text = sql::FormatDouble(number);
  if (std::isfinite(number)) {
    out->append(text);
  } else {
    AppendJsonString(out, text);
  }
}

void AppendJson(std::string* out, const Json& json_value) {
  struct Visitor {
    std::string* out;
    void operator()(std::nullptr_t) const { out->append("null"); }
    void operator()(bool truth) const { out->append(truth ? "true" : "false"); }
    void operator()(int64_t number) const { absl::StrAppend(out, number); }
    void operator()(double number) const { AppendJsonNumber(out, number); }
    void operator()(const std::string& text) const { AppendJsonString(out, text); }
    void operator()(const Json::Array& array) const {
      out->push_back('[');
      for (size_t i = 0; i < array.size(); ++i) {
        if (i > 0) out->push_back(',');
        AppendJson(out, array[i]);
      }
      out->push_back(']');
    }
    void operator()(const Json::Object& object) const {
      out->push_back('{');
      for (size_t i = 0; i < object.size(); ++i) {
        if (i > 0) out->push_back(',');
        AppendJsonString(out, object[i].first);
        out->push_back(':');
        AppendJson(out, object[i].second);
      }
      out->push_back('}');
    }
  };
  std::visit(Visitor{out}, json_value.value);
}

std::string JsonText(const Json& json_value) {
  std::string out;
  AppendJson(&out, json_value);
  return out;
}

namespace {

void AppendLevel(std::string* out, engine::TypeId element, const engine::Array& array, size_t depth,
                 size_t* next) {
  out->push_back('[');
  for (int32_t i = 0; i < array.dimensions[depth].length; ++i) {
    if (i > 0) out->push_back(',');
    if (depth + 1 < array.dimensions.size()) {
      AppendLevel(out, element, array, depth + 1, next);
    } else {
      AppendJsonValue(out, engine::Type{element, 0}, array.elements[(*next)++]);
    }
  }
  out->push_back(']');
}

void AppendArray(std::string* out, engine::TypeId element, const engine::Value& value) {
  const absl::StatusOr<engine::Array> array =
      engine::DecodeArray(element, std::get<std::string>(value));
  if (!array.ok() || array->dimensions.empty()) {
    out->append("[]");
    return;
  }
  size_t next = 0;
  AppendLevel(out, element, *array, 0, &next);
}

}  // namespace

void AppendJsonValue(std::string* out, const engine::Type& type, const engine::Value& value) {
  if (engine::IsNull(value)) {
    out->append("null");
    return;
  }
  if (engine::IsArray(type.id)) {
    AppendArray(out, engine::ElementOf(type.id), value);
    return;
  }
  switch (type.id) {
    case engine::TypeId::kJsonb:
    case engine::TypeId::kJson:
      out->append(std::get<std::string>(value));
      return;
    case engine::TypeId::kNumeric: {
      // A JSON number holds all its digits; what is none of them is text.
      const std::string text = sql::FormatValue(type, value);
      if (text.find_first_of("NI") == std::string::npos) {
        out->append(text);
      } else {
        AppendJsonString(out, text);
      }
      return;
    }
    case engine::TypeId::kSmallint:
    case engine::TypeId::kInteger:
    case engine::TypeId::kBigint:
    case engine::TypeId::kOid:
      absl::StrAppend(out, std::get<int64_t>(value));
      return;
    case engine::TypeId::kReal:
      if (const double number = std::get<double>(value); std::isfinite(number)) {
        out->append(sql::FormatFloat(static_cast<float>(number)));
        return;
      }
      AppendJsonNumber(out, std::get<double>(value));
      return;
    case engine::TypeId::kDouble:
      AppendJsonNumber(out, std::get<double>(value));
      return;
    case engine::TypeId::kBoolean:
      out->append(std::get<bool>(value) ? "true" : "false");
      return;
    case engine::TypeId::kVector:
    case engine::TypeId::kHalfvec: {
      out->push_back('[');
      bool first = true;
      for (const float element : std::get<std::vector<float>>(value)) {
        if (!first) out->push_back(',');
        first = false;
        out->append(sql::FormatFloat(element));
      }
      out->push_back(']');
      return;
    }
    default:
      AppendJsonString(out, sql::FormatValue(type, value));
      return;
  }
}

}  // namespace kyrodb::server
