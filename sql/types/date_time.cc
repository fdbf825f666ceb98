#include "sql/types/date_time.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "engine/base/status.h"
#include "sql/error.h"
#include "sql/types/interval.h"
#include "sql/types/text_style.h"

namespace kyrodb::sql {
namespace {

const absl::CivilDay kEpochDay(1970, 1, 1);
// From 4714 BC (Julian day 0) as PostgreSQL; to the end of 294246, which is what 64 bits reach from
// 1970 (PostgreSQL counts from 2000 and ends in 294276).
const absl::CivilDay kDayMin(-4713, 11, 24);
const int64_t kTimestampDaysEnd = absl::CivilDay(294247, 1, 1) - kEpochDay;
const int64_t kDateDaysEnd = absl::CivilDay(5874898, 1, 1) - kEpochDay;
constexpr int64_t kJulianOfEpoch = 2440588;

int64_t FloorDivide(int64_t a, int64_t b) {
  return a / b - ((a % b != 0 && (a % b < 0) != (b < 0)) ? 1 : 0);
}

bool IsDigit(char c) { return absl::ascii_isdigit(static_cast<unsigned char>(c)); }
bool IsLetter(char c) { return absl::ascii_isalpha(static_cast<unsigned char>(c)); }

absl::Status BadSyntax(absl::string_view type, absl::string_view text) {
  return Error(sqlstate::kInvalidDatetimeFormat, 0,
               absl::StrCat("invalid input syntax for type ", type, ": \"", text, "\""));
}
absl::Status FieldOutOfRange(absl::string_view text) {
  return Error(sqlstate::kDatetimeFieldOverflow, 0,
               absl::StrCat("date/time field value out of range: \"", text, "\""));
}

int MonthOf(absl::string_view word) {
  static constexpr const char* kMonths[] = {"january",   "february", "march",    "april",
                                            "may",       "june",     "july",     "august",
                                            "september", "october",  "november", "december"};
  if (word == "sept") return 9;
  for (int i = 0; i < 12; ++i) {
    if (word == kMonths[i] || (word.size() == 3 && absl::StartsWith(kMonths[i], word))) {
      return i + 1;
    }
  }
  return 0;
}

bool IsWeekday(absl::string_view word) {
  static constexpr const char* kDays[] = {"monday", "tuesday",  "wednesday", "thursday",
                                          "friday", "saturday", "sunday"};
  for (const absl::string_view day : kDays) {
    if (word == day || (word.size() == 3 && absl::StartsWith(day, word))) return true;
  }
  return word == "tues" || word == "wednes" || word == "weds" || word == "thur" || word == "thurs";
}

struct Abbreviation {
  const char* name;
  int hours4;  // quarters of an hour east
};
constexpr Abbreviation kAbbreviations[] = {
    {"z", 0},     {"zulu", 0},  {"utc", 0},    {"gmt", 0},    {"ut", 0},    {"uct", 0},
    {"wet", 0},   {"west", 4},  {"bst", 4},    {"cet", 4},    {"cest", 8},  {"met", 4},
    {"mest", 8},  {"eet", 8},   {"eest", 12},  {"msk", 12},   {"msd", 16},  {"ist", 8},
    {"est", -20}, {"edt", -16}, {"cst", -24},  {"cdt", -20},  {"mst", -28}, {"mdt", -24},
    {"pst", -32}, {"pdt", -28}, {"akst", -36}, {"akdt", -32}, {"hst", -40}, {"ast", -16},
    {"adt", -12}, {"nst", -14}, {"ndt", -10},  {"jst", 36},   {"kst", 36},  {"sgt", 32},
    {"hkt", 32},  {"pkt", 20},  {"npt", 23},   {"aest", 40},  {"aedt", 44}, {"acst", 38},
    {"acdt", 42}, {"awst", 32}, {"nzst", 48},  {"nzdt", 52},  {"brt", -12}, {"art", -12},
};

// Seconds east of an abbreviation.
std::optional<int> AbbreviatedOffset(absl::string_view lower) {
  for (const Abbreviation& one : kAbbreviations) {
    if (lower == one.name) return one.hours4 * 900;
  }
  return std::nullopt;
}

// "+2", "-03:30", "+053000", with its sign; nothing when it is none or too far.
std::optional<int> ParseOffset(absl::string_view text) {
  if (text.size() < 2 || (text[0] != '+' && text[0] != '-')) return std::nullopt;
  const int sign = text[0] == '-' ? -1 : 1;
  text.remove_prefix(1);
  int parts[3] = {0, 0, 0};
  size_t count = 0;
  if (text.find(':') == absl::string_view::npos) {
    // Digits in a row: h, hh, hmm, hhmm, hhmmss.
    for (const char c : text) {
      if (!IsDigit(c)) return std::nullopt;
    }
    int number = 0;
    if (text.size() > 6 || !absl::SimpleAtoi(text, &number)) return std::nullopt;
    if (text.size() <= 2) {
      parts[0] = number;
    } else if (text.size() <= 4) {
      parts[0] = number / 100;
      parts[1] = number % 100;
    } else {
      parts[0] = number / 10000;
      parts[1] = number / 100 % 100;
      parts[2] = number % 100;
    }
  } else {
    while (count < 3) {
      size_t digits = 0;
      while (digits < text.size() && digits < 2 && IsDigit(text[digits])) ++digits;
      if (digits == 0 || !absl::SimpleAtoi(text.substr(0, digits), &parts[count++])) {
        return std::nullopt;
      }
      text.remove_prefix(digits);
      if (text.empty()) break;
      if (text[0] != ':') return std::nullopt;
      text.remove_prefix(1);
    }
    if (!text.empty()) return std::nullopt;
  }
  if (parts[0] > 15 || parts[1] > 59 || parts[2] > 59) return std::nullopt;
  return sign * (parts[0] * 3600 + parts[1] * 60 + parts[2]);
}

// What a text says, field by field.
struct Fields {
  enum class Special {
    kNone,
    kInfinity,
    kMinusInfinity,
    kEpoch,
    kNow,
    kToday,
    kTomorrow,
    kYesterday
  };
  Special special = Special::kNone;
  bool has_date = false;
  bool has_time = false;
  int64_t year = 0;
  int month = 0;
  int day = 0;
  int64_t micros = 0;
  std::optional<int> offset;
  std::optional<absl::TimeZone> zone;
};

class Reader {
 public:
  Reader(absl::string_view type, absl::string_view text, bool time_only)
      : type_(type), text_(text), time_only_(time_only), rest_(absl::StripAsciiWhitespace(text)) {}

  absl::StatusOr<Fields> Read() {
    if (rest_.empty()) return BadSyntax(type_, text_);
    while (true) {
      while (!rest_.empty() &&
             (absl::ascii_isspace(static_cast<unsigned char>(rest_[0])) || rest_[0] == ',')) {
        rest_.remove_prefix(1);
      }
      if (rest_.empty()) break;
      KYRO_RETURN_IF_ERROR(Take());
    }
    return Finish();
  }

 private:
  absl::Status Bad() const { return BadSyntax(type_, text_); }

  absl::Status Take() {
    if (IsDigit(rest_[0])) return TakeNumeric();
    if (rest_[0] == '+' || rest_[0] == '-') {
      if (absl::EqualsIgnoreCase(rest_, "-infinity")) {
        rest_ = absl::string_view();
        return SetSpecial(Fields::Special::kMinusInfinity);
      }
      return TakeOffset();
    }
    if (IsLetter(rest_[0])) return TakeWord();
    return Bad();
  }

  absl::Status TakeOffset() {
    size_t end = 1;
    while (end < rest_.size() && (IsDigit(rest_[end]) || rest_[end] == ':')) ++end;
    const absl::string_view token = rest_.substr(0, end);
    // A date never has an offset alone.
    if (!fields_.has_time && !time_only_) return Bad();
    const std::optional<int> offset = ParseOffset(token);
    if (!offset.has_value()) {
      if (token.size() < 2) return Bad();
      return Error("22009", 0,
                   absl::StrCat("time zone displacement out of range: \"", text_, "\""));
    }
    if (fields_.offset.has_value() || fields_.zone.has_value()) return Bad();
    fields_.offset = offset;
    rest_.remove_prefix(end);
    return absl::OkStatus();
  }

  absl::Status SetSpecial(Fields::Special special) {
    if (fields_.special != Fields::Special::kNone || fields_.has_date) return Bad();
    fields_.special = special;
    return absl::OkStatus();
  }

  absl::Status TakeWord() {
    size_t end = 0;
    while (end < rest_.size() &&
           (IsLetter(rest_[end]) || rest_[end] == '/' || rest_[end] == '_' ||
            (rest_[end] == '-' && end + 1 < rest_.size() && IsLetter(rest_[end + 1]) &&
             rest_.substr(0, end).find('/') != absl::string_view::npos) ||
            (rest_[end] == '.' && end <= 4))) {
      ++end;
    }
    const absl::string_view original = rest_.substr(0, end);
    std::string word = absl::AsciiStrToLower(original);
    // T between date and time; J before a Julian day.
    if (word == "t" && fields_.has_date && end < rest_.size() && IsDigit(rest_[end])) {
      rest_.remove_prefix(1);
      return absl::OkStatus();
    }
    if ((word == "j" || word == "julian") && end < rest_.size() && IsDigit(rest_[end])) {
      rest_.remove_prefix(end);
      return TakeJulian();
    }
    if (!word.empty() && word.back() == '.') word.pop_back();
    rest_.remove_prefix(end);
    if (word == "infinity") return SetSpecial(Fields::Special::kInfinity);
    if (word == "epoch") return SetSpecial(Fields::Special::kEpoch);
    if (word == "now") return SetSpecial(Fields::Special::kNow);
    if (word == "today") return SetSpecial(Fields::Special::kToday);
    if (word == "tomorrow") return SetSpecial(Fields::Special::kTomorrow);
    if (word == "yesterday") return SetSpecial(Fields::Special::kYesterday);
    if (word == "allballs") {
      fields_.has_time = true;
      fields_.micros = 0;
      fields_.offset = 0;
      return absl::OkStatus();
    }
    if (word == "am" || word == "pm") {
      if (!fields_.has_time || meridiem_ != 0) return Bad();
      meridiem_ = word == "am" ? 1 : 2;
      return absl::OkStatus();
    }
    if (word == "bc" || word == "ad") {
      if (!fields_.has_date && month_name_ == 0) return Bad();
      before_christ_ = word == "bc";
      return absl::OkStatus();
    }
    if (const int month = MonthOf(word); month != 0 && !fields_.has_date && month_name_ == 0) {
      month_name_ = month;
      // "Jan-08-1999", "08-Jan-1999".
      if (!rest_.empty() && rest_[0] == '-') rest_.remove_prefix(1);
      return MaybeNamedDate();
    }
    if (IsWeekday(word)) return absl::OkStatus();
    if (word == "dst") return absl::OkStatus();
    if (fields_.offset.has_value() || fields_.zone.has_value()) return Bad();
    if (const std::optional<int> offset = AbbreviatedOffset(word); offset.has_value()) {
      fields_.offset = offset;
      return absl::OkStatus();
    }
    // A zone may go on with digits: Etc/GMT+5.
    size_t more = 0;
    while (more < rest_.size() && original.find('/') != absl::string_view::npos &&
           (IsDigit(rest_[more]) || rest_[more] == '+' || rest_[more] == '-')) {
      ++more;
    }
    const std::string zone_name = absl::StrCat(original, rest_.substr(0, more));
    rest_.remove_prefix(more);
    fields_.zone = FindZone(zone_name);
    if (fields_.zone.has_value()) return absl::OkStatus();
    if (zone_name.find('/') != std::string::npos) {
      return Error(sqlstate::kInvalidParameterValue, 0,
                   absl::StrCat("time zone \"", zone_name, "\" not recognized"));
    }
    return Bad();
  }

  absl::Status TakeJulian() {
    int64_t julian = 0;
    size_t digits = 0;
    while (digits < rest_.size() && IsDigit(rest_[digits])) {
      if (julian < int64_t{1} << 40) julian = julian * 10 + (rest_[digits] - '0');
      ++digits;
    }
    rest_.remove_prefix(digits);
    if (fields_.has_date) return Bad();
    if (julian > kJulianOfEpoch + kDateDaysEnd) return FieldOutOfRange(text_);
    const absl::CivilDay day = kEpochDay + (julian - kJulianOfEpoch);
    fields_.has_date = true;
    fields_.year = day.year();
    fields_.month = day.month();
    fields_.day = day.day();
    return absl::OkStatus();
  }

  // Digits at the front: how many, and their number.
  size_t TakeDigits(int64_t* value) {
    size_t count = 0;
    *value = 0;
    while (!rest_.empty() && IsDigit(rest_[0])) {
      if (*value < int64_t{1} << 50) *value = *value * 10 + (rest_[0] - '0');
      rest_.remove_prefix(1);
      ++count;
    }
    return count;
  }

  // The fraction after a point as microseconds, rounded.
  int64_t TakeFraction() {
    std::string digits = "0.";
    while (!rest_.empty() && IsDigit(rest_[0])) {
      digits.push_back(rest_[0]);
      rest_.remove_prefix(1);
    }
    return std::llrint(std::strtod(digits.c_str(), nullptr) * 1e6);
  }

  absl::Status TakeNumeric() {
    int64_t number = 0;
    const size_t count = TakeDigits(&number);
    const char next = rest_.empty() ? '\0' : rest_[0];
    if (next == ':') return TakeClock(number);
    if (fields_.has_date || time_only_) {
      // A clock without colons: 040506, 0405.
      if (!fields_.has_time && (count == 4 || count == 6)) {
        fields_.has_time = true;
        const int64_t hms = count == 4 ? number * 100 : number;
        int64_t fraction = 0;
        if (next == '.' && count == 6) {
          rest_.remove_prefix(1);
          fraction = TakeFraction();
        }
        return SetClock(hms / 10000, hms / 100 % 100, hms % 100, fraction);
      }
      if (!fields_.has_time && count <= 2) {
        // "8 PM".
        absl::string_view ahead = absl::StripLeadingAsciiWhitespace(rest_);
        if (absl::StartsWithIgnoreCase(ahead, "am") || absl::StartsWithIgnoreCase(ahead, "pm")) {
          fields_.has_time = true;
          return SetClock(number, 0, 0, 0);
        }
      }
      if (!time_only_ || next == '\0' || next == ' ') return Bad();
    }
    if ((next == '-' || next == '/' || next == '.') && rest_.size() > 1) {
      return TakeDate(number, count, next);
    }
    if (month_name_ != 0) {
      named_numbers_.push_back({number, count});
      return MaybeNamedDate();
    }
    if (count == 8 || count == 6) {
      // yyyymmdd, yymmdd.
      if (count == 6) number += (number / 10000 < 70 ? 2000 : 1900) * int64_t{10000};
      fields_.has_date = true;
      fields_.year = number / 10000;
      fields_.month = static_cast<int>(number / 100 % 100);
      fields_.day = static_cast<int>(number % 100);
      return absl::OkStatus();
    }
    if (count <= 2 || count == 4 || count == 5) {
      // "8 January 1999", "1999 Jan 8".
      absl::string_view ahead = absl::StripLeadingAsciiWhitespace(rest_);
      size_t end = 0;
      while (end < ahead.size() && IsLetter(ahead[end])) ++end;
      if (MonthOf(absl::AsciiStrToLower(ahead.substr(0, end))) != 0) {
        named_numbers_.push_back({number, count});
        return absl::OkStatus();
      }
    }
    return Bad();
  }

  // Year from one of two digits.
  static int64_t FullYear(int64_t year, size_t digits) {
    if (digits > 2) return year;
    return year < 70 ? year + 2000 : year + 1900;
  }

  absl::Status TakeDate(int64_t first, size_t first_digits, char separator) {
    if (fields_.has_date) return Bad();
    rest_.remove_prefix(1);
    if (IsLetter(rest_[0])) {
      // 08-Jan-1999, 1999-Jan-08.
      size_t end = 0;
      while (end < rest_.size() && IsLetter(rest_[end])) ++end;
      month_name_ = MonthOf(absl::AsciiStrToLower(rest_.substr(0, end)));
      if (month_name_ == 0) return Bad();
      rest_.remove_prefix(end);
      named_numbers_.push_back({first, first_digits});
      if (!rest_.empty() && rest_[0] == separator) rest_.remove_prefix(1);
      return absl::OkStatus();
    }
    int64_t second = 0;
    const size_t second_digits = TakeDigits(&second);
    if (second_digits == 0) return Bad();
    if (rest_.empty() || rest_[0] != separator) {
      // yyyy-ddd: the day of the year.
      if (separator == '.' && second_digits == 3) {
        fields_.has_date = true;
        const absl::CivilDay day = absl::CivilDay(first, 1, 1) + (second - 1);
        fields_.year = day.year();
        fields_.month = day.month();
        fields_.day = day.day();
        return absl::OkStatus();
      }
      return Bad();
    }
    rest_.remove_prefix(1);
    int64_t third = 0;
    const size_t third_digits = TakeDigits(&third);
    if (third_digits == 0) return Bad();
    fields_.has_date = true;
    if (first_digits >= 3) {
      fields_.year = first;
      fields_.month = static_cast<int>(std::min<int64_t>(second, 1000));
      fields_.day = static_cast<int>(std::min<int64_t>(third, 1000));
    } else {
      fields_.month = static_cast<int>(first);
      fields_.day = static_cast<int>(std::min<int64_t>(second, 1000));
      fields_.year = FullYear(third, third_digits);
    }
    return absl::OkStatus();
  }

  // With a month's name and two numbers the date is whole.
  absl::Status MaybeNamedDate() {
    if (month_name_ == 0 || named_numbers_.size() < 2) return absl::OkStatus();
    auto [a, a_digits] = named_numbers_[0];
    auto [b, b_digits] = named_numbers_[1];
    if (a_digits > 2) {
      std::swap(a, b);
      std::swap(a_digits, b_digits);
    }
    fields_.has_date = true;
    fields_.month = month_name_;
    fields_.day = static_cast<int>(std::min<int64_t>(a, 1000));
    fields_.year = FullYear(b, b_digits);
    named_numbers_.clear();
    return absl::OkStatus();
  }

  absl::Status TakeClock(int64_t hour) {
    if (fields_.has_time) return Bad();
    fields_.has_time = true;
    rest_.remove_prefix(1);
    int64_t minute = 0;
    int64_t second = 0;
    int64_t fraction = 0;
    if (TakeDigits(&minute) == 0) return Bad();
    if (!rest_.empty() && rest_[0] == ':') {
      rest_.remove_prefix(1);
      if (TakeDigits(&second) == 0) return Bad();
      if (!rest_.empty() && rest_[0] == '.') {
        rest_.remove_prefix(1);
        fraction = TakeFraction();
      }
    }
    return SetClock(hour, minute, second, fraction);
  }

  absl::Status SetClock(int64_t hour, int64_t minute, int64_t second, int64_t fraction) {
    if (hour > 24 || minute > 59 || second > 60 ||
        (hour == 24 && (minute > 0 || second > 0 || fraction > 0))) {
      return FieldOutOfRange(text_);
    }
    hour_ = hour;
    fields_.micros =
        hour * kHourMicros + minute * kMinuteMicros + second * kSecondMicros + fraction;
    return absl::OkStatus();
  }

  absl::StatusOr<Fields> Finish() {
    if (!named_numbers_.empty() || (month_name_ != 0 && !fields_.has_date)) return Bad();
    if (meridiem_ != 0) {
      if (hour_ > 12 || hour_ == 0) return FieldOutOfRange(text_);
      if (meridiem_ == 1 && hour_ == 12) fields_.micros -= 12 * kHourMicros;
      if (meridiem_ == 2 && hour_ != 12) fields_.micros += 12 * kHourMicros;
    }
    if (fields_.special != Fields::Special::kNone) {
      const bool fixed = fields_.special == Fields::Special::kInfinity ||
                         fields_.special == Fields::Special::kMinusInfinity ||
                         fields_.special == Fields::Special::kEpoch ||
                         fields_.special == Fields::Special::kNow;
      if (fields_.has_date || (fixed && fields_.has_time)) return Bad();
      return fields_;
    }
    if (!fields_.has_date) return fields_;
    if (before_christ_) {
      if (fields_.year <= 0) return FieldOutOfRange(text_);
      fields_.year = 1 - fields_.year;
    } else if (fields_.year == 0) {
      return FieldOutOfRange(text_);
    }
    if (fields_.month < 1 || fields_.month > 12 || fields_.day < 1 || fields_.day > 31) {
      absl::Status status = FieldOutOfRange(text_);
      if (fields_.month > 12 && fields_.day <= 12) {
        status = WithHint(status, "Perhaps you need a different \"datestyle\" setting.");
      }
      return status;
    }
    if (fields_.year > 10'000'000) return FieldOutOfRange(text_);
    const absl::CivilDay civil(fields_.year, fields_.month, fields_.day);
    // A civil day normalises 30 February into March.
    if (civil.month() != fields_.month || civil.day() != fields_.day) {
      return FieldOutOfRange(text_);
    }
    return fields_;
  }

  absl::string_view type_;
  absl::string_view text_;
  bool time_only_;
  absl::string_view rest_;
  Fields fields_;
  int month_name_ = 0;
  std::vector<std::pair<int64_t, size_t>> named_numbers_;
  bool before_christ_ = false;
  int meridiem_ = 0;
  int64_t hour_ = 0;
};

// Local midnight of today and its neighbours.
absl::CivilDay SpecialDay(Fields::Special special) {
  const TextStyle& style = CurrentTextStyle();
  absl::CivilDay day = ToCivil(ToLocal(style.transaction_micros, style.zone)).day;
  if (special == Fields::Special::kTomorrow) day += 1;
  if (special == Fields::Special::kYesterday) day -= 1;
  return day;
}

absl::StatusOr<int64_t> ParsePoint(absl::string_view type, absl::string_view text, bool has_zone) {
  KYRO_ASSIGN_OR_RETURN(const Fields fields, Reader(type, text, false).Read());
  const TextStyle& style = CurrentTextStyle();
  absl::CivilDay day;
  switch (fields.special) {
    case Fields::Special::kInfinity:
      return kTimestampInfinity;
    case Fields::Special::kMinusInfinity:
      return kTimestampMinusInfinity;
    case Fields::Special::kEpoch:
      return has_zone ? int64_t{0} : int64_t{0};
    case Fields::Special::kNow:
      return has_zone ? style.transaction_micros : ToLocal(style.transaction_micros, style.zone);
    case Fields::Special::kNone:
      if (!fields.has_date) return BadSyntax(type, text);
      day = absl::CivilDay(fields.year, fields.month, fields.day);
      break;
    default:
      day = SpecialDay(fields.special);
      break;
  }
  if (!IsTimestampDay(day)) {
    return Error(sqlstate::kDatetimeFieldOverflow, 0,
                 absl::StrCat("timestamp out of range: \"", text, "\""));
  }
  const int64_t local = FromCivil(day, fields.micros);
  if (!has_zone) return local;
  if (fields.offset.has_value()) return local - *fields.offset * kSecondMicros;
  return FromLocal(local, fields.zone.has_value() ? *fields.zone : style.zone);
}

std::string FormatDay(absl::CivilDay day) {
  const int64_t year = day.year();
  return absl::StrFormat("%04d-%02d-%02d", year > 0 ? year : 1 - year, day.month(), day.day());
}

std::string FormatClock(int64_t micros) {
  const int64_t seconds = micros / kSecondMicros;
  std::string out =
      absl::StrFormat("%02d:%02d:%02d", seconds / 3600, seconds / 60 % 60, seconds % 60);
  if (const int64_t fraction = micros % kSecondMicros; fraction != 0) {
    absl::StrAppendFormat(&out, ".%06d", fraction);
    while (out.back() == '0') out.pop_back();
  }
  return out;
}

}  // namespace

Civil ToCivil(int64_t micros) {
  const int64_t days = FloorDivide(micros, kDayMicros);
  return {kEpochDay + days, micros - days * kDayMicros};
}
int64_t FromCivil(absl::CivilDay day, int64_t micros_of_day) {
  return (day - kEpochDay) * kDayMicros + micros_of_day;
}
int64_t DaysOf(absl::CivilDay day) { return day - kEpochDay; }
absl::CivilDay DayOf(int64_t days) { return kEpochDay + days; }
bool IsTimestampDay(absl::CivilDay day) {
  return day >= kDayMin && day - kEpochDay < kTimestampDaysEnd;
}

std::optional<absl::TimeZone> FindZone(absl::string_view name) {
  const std::string lower = absl::AsciiStrToLower(absl::StripAsciiWhitespace(name));
  if (lower.empty() || lower.find("..") != std::string::npos || lower[0] == '/') {
    return std::nullopt;
  }
  if (lower == "utc" || lower == "gmt" || lower == "z" || lower == "zulu") {
    return absl::UTCTimeZone();
  }
  // Of a zone's name the sign is POSIX's, west is positive; of a number it is ISO's.
  if (const std::optional<int> offset = ParseOffset(lower); offset.has_value()) {
    return absl::FixedTimeZone(-*offset);
  }
  absl::TimeZone zone;
  if (absl::LoadTimeZone(std::string(absl::StripAsciiWhitespace(name)), &zone)) return zone;
  // Names do not care about case.
  std::string title = lower;
  bool start = true;
  for (char& c : title) {
    if (start) c = absl::ascii_toupper(static_cast<unsigned char>(c));
    start = c == '/' || c == '_' || c == '-';
  }
  if (absl::LoadTimeZone(title, &zone)) return zone;
  if (const std::optional<int> offset = AbbreviatedOffset(lower); offset.has_value()) {
    return absl::FixedTimeZone(*offset);
  }
  return std::nullopt;
}

int OffsetAt(int64_t micros, const absl::TimeZone& zone) {
  return zone.At(absl::FromUnixMicros(micros)).offset;
}

int64_t ToLocal(int64_t micros, const absl::TimeZone& zone) {
  if (IsInfiniteTimestamp(micros)) return micros;
  return micros + OffsetAt(micros, zone) * kSecondMicros;
}

int64_t FromLocal(int64_t local_micros, const absl::TimeZone& zone) {
  if (IsInfiniteTimestamp(local_micros)) return local_micros;
  const Civil civil = ToCivil(local_micros);
  const absl::CivilSecond second = absl::CivilSecond(civil.day) + civil.micros / kSecondMicros;
  const absl::TimeZone::TimeInfo info = zone.At(second);
  // In an overlap PostgreSQL takes standard time, the later; in a gap the offset before it.
  const absl::Time time = info.kind == absl::TimeZone::TimeInfo::REPEATED ? info.post : info.pre;
  return absl::ToUnixMicros(time) + civil.micros % kSecondMicros;
}

absl::StatusOr<int64_t> ParseTimestamptz(absl::string_view text) {
  return ParsePoint("timestamp with time zone", text, true);
}
absl::StatusOr<int64_t> ParseTimestamp(absl::string_view text) {
  return ParsePoint("timestamp", text, false);
}

absl::StatusOr<int64_t> ParseDate(absl::string_view text) {
  KYRO_ASSIGN_OR_RETURN(const Fields fields, Reader("date", text, false).Read());
  absl::CivilDay day;
  switch (fields.special) {
    case Fields::Special::kInfinity:
      return kDateInfinity;
    case Fields::Special::kMinusInfinity:
      return kDateMinusInfinity;
    case Fields::Special::kEpoch:
      return int64_t{0};
    case Fields::Special::kNone:
      if (!fields.has_date) return BadSyntax("date", text);
      day = absl::CivilDay(fields.year, fields.month, fields.day);
      break;
    default:
      return DaysOf(SpecialDay(fields.special));
  }
  if (day < kDayMin || day - kEpochDay >= kDateDaysEnd) {
    return Error(sqlstate::kDatetimeFieldOverflow, 0,
                 absl::StrCat("date out of range: \"", text, "\""));
  }
  return DaysOf(day);
}

absl::StatusOr<int64_t> ParseTime(absl::string_view text) {
  KYRO_ASSIGN_OR_RETURN(const Fields fields, Reader("time", text, true).Read());
  if (fields.special == Fields::Special::kNow) {
    const TextStyle& style = CurrentTextStyle();
    return ToCivil(ToLocal(style.transaction_micros, style.zone)).micros;
  }
  if (fields.special != Fields::Special::kNone || !fields.has_time) return BadSyntax("time", text);
  return fields.micros;
}

std::string FormatOffset(int seconds) {
  const int magnitude = std::abs(seconds);
  std::string out = absl::StrFormat("%c%02d", seconds < 0 ? '-' : '+', magnitude / 3600);
  if (magnitude % 3600 != 0) absl::StrAppendFormat(&out, ":%02d", magnitude / 60 % 60);
  if (magnitude % 60 != 0) absl::StrAppendFormat(&out, ":%02d", magnitude % 60);
  return out;
}

std::string FormatTimestamp(int64_t micros) {
  if (micros == kTimestampInfinity) return "infinity";
  if (micros == kTimestampMinusInfinity) return "-infinity";
  const Civil civil = ToCivil(micros);
  return absl::StrCat(FormatDay(civil.day), " ", FormatClock(civil.micros),
                      civil.day.year() <= 0 ? " BC" : "");
}

std::string FormatTimestamptz(int64_t micros) {
  if (IsInfiniteTimestamp(micros)) return FormatTimestamp(micros);
  const int offset = OffsetAt(micros, CurrentTextStyle().zone);
  const Civil civil = ToCivil(micros + offset * kSecondMicros);
  return absl::StrCat(FormatDay(civil.day), " ", FormatClock(civil.micros), FormatOffset(offset),
                      civil.day.year() <= 0 ? " BC" : "");
}

std::string FormatDate(int64_t days) {
  if (days == kDateInfinity) return "infinity";
  if (days == kDateMinusInfinity) return "-infinity";
  const absl::CivilDay day = DayOf(days);
  return absl::StrCat(FormatDay(day), day.year() <= 0 ? " BC" : "");
}

std::string FormatTime(int64_t micros) { return FormatClock(micros); }

int64_t RoundMicros(int64_t micros, int digits) {
  if (IsInfiniteTimestamp(micros)) return micros;
  int64_t unit = 1;
  for (int i = digits; i < 6; ++i) unit *= 10;
  if (unit == 1) return micros;
  return micros >= 0 ? (micros + unit / 2) / unit * unit : -((-micros + unit / 2) / unit * unit);
}

}  // namespace kyrodb::sql
