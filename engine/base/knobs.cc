#include "engine/base/knobs.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "engine/base/status.h"

namespace kyrodb {
namespace {

using KnobMap = absl::btree_map<std::string, std::unique_ptr<Knob>>;

absl::Status UnknownKnob(absl::string_view name, const KnobMap& knobs) {
  return absl::NotFoundError(absl::StrCat(
      "no knob is named \"", name,
      "\"; there are: ", absl::StrJoin(knobs, ", ", [](std::string* out, const auto& entry) {
        *out += entry.first;
      })));
}

}  // namespace

Knob& KnobRegistry::Define(KnobSpec spec, std::function<void(int64_t)> on_change) {
  KYRO_CHECK(!spec.name.empty());
  KYRO_CHECK(spec.min <= spec.default_value && spec.default_value <= spec.max);
  auto knob = std::make_unique<Knob>(std::move(spec));
  knob->on_change_ = std::move(on_change);
  Knob& result = *knob;
  absl::MutexLock lock(&mutex_);
  const bool is_new = knobs_.emplace(result.spec_.name, std::move(knob)).second;
  KYRO_CHECK(is_new);
  return result;
}

absl::Status KnobRegistry::Set(absl::string_view name, int64_t value) {
  Knob* knob = nullptr;
  {
    absl::MutexLock lock(&mutex_);
    const auto found = knobs_.find(name);
    if (found == knobs_.end()) return UnknownKnob(name, knobs_);
    knob = found->second.get();
  }
  const KnobSpec& spec = knob->spec_;
  if (value < spec.min || value > spec.max) {
    return absl::InvalidArgumentError(absl::StrCat("knob \"", spec.name, "\" takes ", spec.min,
                                                   " to ", spec.max, " ", spec.unit, ", got ",
                                                   value));
  }
  // One setter of a knob at a time, so that the last call of `on_change` has the value that stays.
  absl::MutexLock lock(&knob->set_mutex_);
  const int64_t before = knob->value_.exchange(value, std::memory_order_relaxed);
  if (before != value && knob->on_change_) knob->on_change_(value);
  return absl::OkStatus();
}

absl::StatusOr<int64_t> KnobRegistry::Get(absl::string_view name) const {
  absl::MutexLock lock(&mutex_);
  const auto found = knobs_.find(name);
  if (found == knobs_.end()) return UnknownKnob(name, knobs_);
  return found->second->value();
}

std::vector<KnobRegistry::Setting> KnobRegistry::List() const {
  absl::MutexLock lock(&mutex_);
  std::vector<Setting> result;
  result.reserve(knobs_.size());
  for (const auto& [name, knob] : knobs_) {
    result.push_back({.spec = knob->spec(), .value = knob->value()});
  }
  return result;
}

}  // namespace kyrodb
