#include "sql/statement/settings.h"

#include <algorithm>
#include <array>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "engine/base/status.h"
#include "sql/bind/binder.h"
#include "sql/error.h"
#include "sql/types/date_time.h"

namespace kyrodb::sql {
namespace {

enum class Kind {
  kSwitch,     // on, off
  kZone,       // a time zone
  kInteger,    // between min and max
  kMillis,     // an integer with a unit of time; milliseconds without one
  kKilobytes,  // an integer with a unit of size; kilobytes without one
  kChoice,     // one of `choices` (separated by |); other values of PostgreSQL's are refused
  kText,
  kReadOnly,
};

struct Definition {
  absl::string_view name;
  Kind kind;
  absl::string_view default_value;
  absl::string_view choices;
  int64_t min;
  int64_t max;
  absl::string_view description;
};

constexpr std::array kDefinitions = {
    Definition{"application_name", Kind::kText, "", "", 0, 0, "Name that the client gives itself."},
    Definition{"bytea_output", Kind::kChoice, "hex", "hex|escape", 0, 0, "Text form of bytea."},
    Definition{"client_encoding", Kind::kChoice, "UTF8", "utf8|utf-8|unicode", 0, 0,
               "Encoding of text."},
    Definition{"client_min_messages", Kind::kChoice, "notice",
               "debug5|debug4|debug3|debug2|debug1|log|notice|warning|error", 0, 0,
               "Least severity of messages that are sent."},
    Definition{"datestyle", Kind::kChoice, "ISO, MDY", "iso|iso, mdy|mdy", 0, 0,
               "Text form of dates."},
    Definition{"default_transaction_isolation", Kind::kChoice, "repeatable read",
               "read committed|repeatable read|read uncommitted|serializable", 0, 0,
               "Isolation of new transactions; each reads one snapshot."},
    Definition{"default_transaction_read_only", Kind::kSwitch, "off", "", 0, 0,
               "Whether new transactions refuse writes."},
    Definition{"enable_indexscan", Kind::kSwitch, "on", "", 0, 0,
               "Whether keys and vector indexes find rows; off scans everything."},
    Definition{"enable_seqscan", Kind::kSwitch, "on", "", 0, 0,
               "Indexes are always preferred to scans, whatever this says."},
    Definition{"extra_float_digits", Kind::kInteger, "1", "", -15, 3,
               "Digits of floats beyond the sure ones; above 0 as many as read back the same."},
    Definition{"hnsw.ef_search", Kind::kInteger, "40", "", 1, 1000,
               "Candidates of a search in an hnsw index."},
    Definition{"hnsw.iterative_scan", Kind::kChoice, "strict_order", "strict_order|relaxed_order",
               0, 0, "A search goes on until LIMIT rows are found, always in order."},
    Definition{"idle_in_transaction_session_timeout", Kind::kMillis, "0", "", 0, INT32_MAX,
               "Longest time that an open transaction may wait for its client; 0 is no limit."},
    Definition{"idle_session_timeout", Kind::kMillis, "0", "", 0, INT32_MAX,
               "Longest time that a client outside of a transaction may be silent; 0 is no limit."},
    Definition{"integer_datetimes", Kind::kReadOnly, "on", "", 0, 0, "Times are integers."},
    Definition{"intervalstyle", Kind::kChoice, "postgres", "postgres", 0, 0,
               "Text form of intervals."},
    Definition{"is_superuser", Kind::kReadOnly, "on", "", 0, 0, "There are no roles yet."},
    Definition{"search_path", Kind::kText, "\"$user\", public", "", 0, 0,
               "Schemas in which names without one are looked for."},
    Definition{"server_encoding", Kind::kReadOnly, "UTF8", "", 0, 0, "Encoding of stored text."},
    Definition{"server_version", Kind::kReadOnly, "15.0", "", 0, 0,
               "The PostgreSQL whose dialect this is."},
    Definition{"server_version_num", Kind::kReadOnly, "150000", "", 0, 0, "The same as a number."},
    Definition{"standard_conforming_strings", Kind::kChoice, "on", "on|true|yes|1", 0, 0,
               "Backslashes in quotes are themselves."},
    Definition{"statement_timeout", Kind::kMillis, "0", "", 0, INT32_MAX,
               "Longest time of a statement; 0 is no limit."},
    Definition{"synchronous_commit", Kind::kChoice, "on", "on|true|yes|1", 0, 0,
               "Commits wait as the database's sync mode says."},
    Definition{"timezone", Kind::kZone, "UTC", "", 0, 0, "Times are printed in this zone."},
    Definition{"transaction_isolation", Kind::kChoice, "repeatable read",
               "read committed|repeatable read|read uncommitted|serializable", 0, 0,
               "Isolation of this transaction; each reads one snapshot."},
    Definition{"transaction_read_only", Kind::kSwitch, "off", "", 0, 0,
               "Whether this transaction refuses writes."},
    Definition{"work_mem", Kind::kKilobytes, "", "", 64, INT64_C(1) << 40,
               "Memory that one statement may use."},
};

const Definition* Find(absl::string_view name) {
  const std::string lower = absl::AsciiStrToLower(name);
  for (const Definition& definition : kDefinitions) {
    if (definition.name == lower) return &definition;
  }
  return nullptr;
}

absl::Status Unknown(absl::string_view name, Position position, const KnobRegistry& knobs) {
  std::vector<std::string> names;
  for (const Definition& definition : kDefinitions) names.emplace_back(definition.name);
  for (const auto& setting : knobs.List())
    names.push_back(absl::StrCat("kyro.", setting.spec.name));
  absl::Status status = Error(sqlstate::kUndefinedObject, position,
                              absl::StrCat("unrecognized configuration parameter \"", name, "\""));
  const std::string near = Nearest(name, names);
  if (!near.empty()) status = WithHint(status, absl::StrCat("Perhaps you meant \"", near, "\"."));
  return status;
}

absl::Status Invalid(absl::string_view name, absl::string_view value, Position position) {
  return Error(sqlstate::kInvalidParameterValue, position,
               absl::StrCat("invalid value for parameter \"", name, "\": \"", value, "\""));
}

// The zone of SET timezone: a name, or hours east of Greenwich as a number.
bool SessionZone(absl::string_view text, absl::TimeZone* zone) {
  double hours = 0;
  if (absl::SimpleAtod(text, &hours) && hours > -168 && hours < 168) {
    *zone = absl::FixedTimeZone(static_cast<int>(hours * 3600));
    return true;
  }
  const std::optional<absl::TimeZone> found = FindZone(text);
  if (found.has_value()) *zone = *found;
  return found.has_value();
}

// A number with a unit after it; each unit is so many of the base unit.
absl::StatusOr<int64_t> WithUnit(const Definition& definition, absl::string_view text,
                                 Position position) {
  size_t digits = 0;
  while (digits < text.size() && (absl::ascii_isdigit(static_cast<unsigned char>(text[digits])) ||
                                  text[digits] == '-' || text[digits] == '.')) {
    ++digits;
  }
  double number = 0;
  if (!absl::SimpleAtod(text.substr(0, digits), &number)) {
    return Invalid(definition.name, text, position);
  }
  const absl::string_view unit = absl::StripAsciiWhitespace(text.substr(digits));
  double factor = 1;
  if (definition.kind == Kind::kMillis) {
    if (unit == "us")
      factor = 0.001;
    else if (unit == "ms" || unit.empty())
      factor = 1;
    else if (unit == "s")
      factor = 1000;
    else if (unit == "min")
      factor = 60000;
    else if (unit == "h")
      factor = 3600000;
    else if (unit == "d")
      factor = 86400000;
    else
      return Invalid(definition.name, text, position);
  } else if (definition.kind == Kind::kKilobytes) {
    if (unit == "B")
      factor = 1.0 / 1024;
    else if (unit == "kB" || unit.empty())
      factor = 1;
    else if (unit == "MB")
      factor = 1024;
    else if (unit == "GB")
      factor = 1024.0 * 1024;
    else if (unit == "TB")
      factor = 1024.0 * 1024 * 1024;
    else
      return Invalid(definition.name, text, position);
  } else if (!unit.empty() || text.find('.') != absl::string_view::npos) {
    return Invalid(definition.name, text, position);
  }
  const double value = number * factor;
  if (!(value >= static_cast<double>(definition.min) &&
        value <= static_cast<double>(definition.max))) {
    return Error(sqlstate::kInvalidParameterValue, position,
                 absl::StrCat(text, " is outside the valid range for parameter \"", definition.name,
                              "\" (", definition.min, " .. ", definition.max, ")"));
  }
  return static_cast<int64_t>(value);
}

absl::StatusOr<std::string> Check(const Definition& definition, const std::string& text,
                                  Position position) {
  switch (definition.kind) {
    case Kind::kReadOnly:
      return Error("55P02", position,
                   absl::StrCat("parameter \"", definition.name, "\" cannot be changed"));
    case Kind::kText:
      return text;
    case Kind::kSwitch: {
      const std::string word = absl::AsciiStrToLower(text);
      for (const char* yes : {"on", "true", "yes", "1", "t", "y"}) {
        if (word == yes) return std::string("on");
      }
      for (const char* no : {"off", "false", "no", "0", "f", "n"}) {
        if (word == no) return std::string("off");
      }
      return Error(sqlstate::kInvalidParameterValue, position,
                   absl::StrCat("parameter \"", definition.name, "\" requires a Boolean value"));
    }
    case Kind::kInteger:
    case Kind::kMillis:
    case Kind::kKilobytes: {
      KYRO_ASSIGN_OR_RETURN(const int64_t number, WithUnit(definition, text, position));
      return absl::StrCat(number);
    }
    case Kind::kZone: {
      absl::TimeZone zone;
      if (!SessionZone(text, &zone)) return Invalid("TimeZone", text, position);
      return text;
    }
    case Kind::kChoice: {
      std::string word = absl::AsciiStrToLower(text);
      // Of an encoding's name letters and digits count; asyncpg says 'utf-8' with its quotes.
      if (definition.name == "client_encoding") {
        word.erase(std::remove(word.begin(), word.end(), '\''), word.end());
      }
      const std::vector<absl::string_view> choices = absl::StrSplit(definition.choices, '|');
      for (const absl::string_view choice : choices) {
        if (word == choice) {
          // Spellings of one value are shown as that value.
          const bool own_words = choices.size() > 1 && definition.name != "client_encoding" &&
                                 definition.name != "datestyle" &&
                                 definition.name != "standard_conforming_strings" &&
                                 definition.name != "synchronous_commit";
          return own_words ? text : std::string(definition.default_value);
        }
      }
      return WithHint(Error(sqlstate::kFeatureNotSupported, position,
                            absl::StrCat("value \"", text, "\" of parameter \"", definition.name,
                                         "\" is not supported")),
                      absl::StrCat("Supported: ", absl::StrJoin(choices, ", "), "."));
    }
  }
  return text;
}

}  // namespace

Settings::Settings(KnobRegistry* knobs, int64_t work_mem_kilobytes, int64_t statement_timeout_ms)
    : knobs_(knobs) {
  for (const Definition& definition : kDefinitions) {
    defaults_[std::string(definition.name)] = std::string(definition.default_value);
  }
  defaults_["work_mem"] = absl::StrCat(work_mem_kilobytes);
  defaults_["statement_timeout"] = absl::StrCat(statement_timeout_ms);
}

std::string Settings::ValueOf(absl::string_view name) const {
  for (const auto* values : {&local_, &values_, &defaults_}) {
    if (const auto found = values->find(std::string(name)); found != values->end()) {
      return found->second;
    }
  }
  return "";
}

int64_t Settings::Number(absl::string_view name) const {
  int64_t number = 0;
  return absl::SimpleAtoi(ValueOf(name), &number) ? number : 0;
}

bool Settings::Switch(absl::string_view name) const { return ValueOf(name) == "on"; }

TextStyle Settings::MakeTextStyle() const {
  TextStyle style;
  SessionZone(ValueOf("timezone"), &style.zone);
  style.bytea_escape = ValueOf("bytea_output") == "escape";
  style.extra_float_digits = static_cast<int>(Number("extra_float_digits"));
  return style;
}

absl::Status Settings::Set(const SetStatement& statement) {
  ++version_;
  const std::string name = absl::AsciiStrToLower(statement.name.name);
  const Position position = statement.name.position;
  if (statement.reset && name == "all") {
    values_.clear();
    local_.clear();
    return absl::OkStatus();
  }
  const bool to_default = statement.reset || statement.to_default;
  std::vector<std::string> words;
  for (const SetValue& value : statement.values) words.push_back(value.text);
  const std::string text = absl::StrJoin(words, ", ");
  const Position value_position =
      statement.values.empty() ? position : statement.values[0].position;
  if (absl::StartsWith(name, "kyro.")) {
    const absl::string_view knob = absl::string_view(name).substr(5);
    const std::vector<KnobRegistry::Setting> all = knobs_->List();
    const auto found = std::find_if(
        all.begin(), all.end(), [knob](const auto& setting) { return setting.spec.name == knob; });
    if (found == all.end()) return Unknown(statement.name.name, position, *knobs_);
    if (statement.scope == SetScope::kLocal && !statement.reset) {
      return Error(sqlstate::kFeatureNotSupported, position,
                   "SET LOCAL of a knob is not supported: knobs belong to the database");
    }
    int64_t value = found->spec.default_value;
    if (!to_default && !absl::SimpleAtoi(text, &value)) {
      return Invalid(name, text, value_position);
    }
    if (value < found->spec.min || value > found->spec.max) {
      return Error(sqlstate::kInvalidParameterValue, value_position,
                   absl::StrCat(value, " is outside the valid range for parameter \"", name, "\" (",
                                found->spec.min, " .. ", found->spec.max, ")"));
    }
    return WithPosition(knobs_->Set(knob, value), value_position);
  }
  const Definition* definition = Find(name);
  if (definition == nullptr) return Unknown(statement.name.name, position, *knobs_);
  std::string value;
  if (to_default) {
    if (definition->kind == Kind::kReadOnly) {
      return Error("55P02", position, absl::StrCat("parameter \"", name, "\" cannot be changed"));
    }
    value = defaults_[std::string(definition->name)];
  } else {
    KYRO_ASSIGN_OR_RETURN(value, Check(*definition, text, value_position));
  }
  if (statement.scope == SetScope::kLocal && !statement.reset) {
    local_[std::string(definition->name)] = value;
  } else {
    local_.erase(std::string(definition->name));
    values_[std::string(definition->name)] = value;
  }
  return absl::OkStatus();
}

absl::Status Settings::SetDefault(absl::string_view name, absl::string_view value) {
  const Definition* definition = Find(name);
  if (definition == nullptr) return Unknown(name, 0, *knobs_);
  KYRO_ASSIGN_OR_RETURN(defaults_[std::string(definition->name)],
                        Check(*definition, std::string(value), 0));
  return absl::OkStatus();
}

absl::StatusOr<std::string> Settings::Show(absl::string_view name, Position position) const {
  const std::string lower = absl::AsciiStrToLower(name);
  if (absl::StartsWith(lower, "kyro.")) {
    absl::StatusOr<int64_t> value = knobs_->Get(absl::string_view(lower).substr(5));
    if (!value.ok()) return Unknown(name, position, *knobs_);
    return absl::StrCat(*value);
  }
  const Definition* definition = Find(lower);
  if (definition == nullptr) return Unknown(name, position, *knobs_);
  std::string value = ValueOf(definition->name);
  if (definition->kind == Kind::kKilobytes) {
    const int64_t number = Number(definition->name);
    if (number % (1024 * 1024) == 0) return absl::StrCat(number / (1024 * 1024), "GB");
    if (number % 1024 == 0) return absl::StrCat(number / 1024, "MB");
    return absl::StrCat(number, "kB");
  }
  if (definition->kind == Kind::kMillis && value != "0") {
    const int64_t number = Number(definition->name);
    if (number % 60000 == 0) return absl::StrCat(number / 60000, "min");
    if (number % 1000 == 0) return absl::StrCat(number / 1000, "s");
    return absl::StrCat(number, "ms");
  }
  return value;
}

std::vector<Settings::Entry> Settings::List() const {
  std::vector<Entry> entries;
  for (const Definition& definition : kDefinitions) {
    absl::StatusOr<std::string> value = Show(definition.name, 0);
    entries.push_back({std::string(definition.name), value.ok() ? *value : "",
                       std::string(definition.description)});
  }
  for (const auto& setting : knobs_->List()) {
    entries.push_back({absl::StrCat("kyro.", setting.spec.name), absl::StrCat(setting.value),
                       setting.spec.description});
  }
  std::sort(entries.begin(), entries.end(),
            [](const Entry& a, const Entry& b) { return a.name < b.name; });
  return entries;
}

void Settings::BeginTransaction() { values_at_begin_ = values_; }

void Settings::EndTransaction(bool committed) {
  if (!committed || !local_.empty()) ++version_;
  local_.clear();
  if (!committed) values_ = values_at_begin_;
}

}  // namespace kyrodb::sql
