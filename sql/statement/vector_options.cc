#include "sql/statement/vector_options.h"

#include <cmath>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "sql/error.h"

namespace kyrodb::sql {
namespace {

absl::Status Invalid(const Option& option, absl::string_view kind, absl::string_view expected) {
  return WithDetail(Error(sqlstate::kInvalidParameterValue,
                          option.value.has_value() ? option.value_position : option.name.position,
                          absl::StrCat("invalid value for ", kind, " option \"", option.name.name,
                                       "\": ", option.value.value_or(""))),
                    absl::StrCat("Valid values are ", expected, "."));
}

}  // namespace

absl::StatusOr<bool> TakeVectorOption(const Option& option, engine::IndexSchema& index) {
  const std::string value = option.value.value_or("");
  if (option.name.name == "quantization") {
    const auto quantization = engine::ParseQuantization(value);
    if (!quantization.has_value()) {
      return Invalid(option, "enum", "\"none\", \"f16\", \"sq8\", \"sq4\" and \"rabitq\"");
    }
    index.quantization = *quantization;
    return true;
  }
  if (option.name.name == "rescore") {
    const auto rescore = engine::ParseRescore(value);
    if (!rescore.has_value()) {
      return Invalid(option, "enum", "\"none\", \"sq12\" and \"f32\"");
    }
    index.rescore = *rescore;
    return true;
  }
  if (option.name.name == "recall_target") {
    double target = 0;
    if (!absl::SimpleAtod(value, &target) || !(target >= 0.5 && target <= 0.999)) {
      return Invalid(option, "floating point", "between \"0.5\" and \"0.999\"");
    }
    index.recall_target_permille = static_cast<uint32_t>(std::lround(target * 1000));
    return true;
  }
  return false;
}

}  // namespace kyrodb::sql
