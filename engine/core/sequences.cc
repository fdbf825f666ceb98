#include "engine/core/sequences.h"

#include "absl/strings/str_cat.h"
#include "engine/base/coding.h"
#include "engine/base/status.h"
#include "engine/core/transaction_impl.h"

namespace kyrodb::engine {
namespace {

constexpr uint64_t kValuesAhead = 32;  // as PostgreSQL

}  // namespace

std::string EncodeSequenceState(const SequenceState& state) {
  std::string bytes;
  PutFixed64(&bytes, static_cast<uint64_t>(state.last));
  bytes.push_back(state.is_called ? '\x01' : '\0');
  return bytes;
}

absl::StatusOr<SequenceState> DecodeSequenceState(absl::string_view bytes) {
  if (bytes.size() != 9) return absl::DataLossError("state of a sequence is damaged");
  return SequenceState{.last = static_cast<int64_t>(LoadFixed64(bytes.data())),
                       .is_called = bytes[8] != '\0'};
}

absl::StatusOr<int64_t> SequenceStep(const ObjectSchema& sequence, const SequenceState& state) {
  if (!state.is_called) return state.last;
  const SequenceOptions& options = sequence.sequence;
  int64_t next;
  const bool overflow = __builtin_add_overflow(state.last, options.increment, &next);
  if (!overflow && next >= options.min && next <= options.max) return next;
  if (options.cycle) return options.increment > 0 ? options.min : options.max;
  return absl::OutOfRangeError(options.increment > 0
                                   ? absl::StrCat("nextval: reached maximum value of sequence \"",
                                                  sequence.name, "\" (", options.max, ")")
                                   : absl::StrCat("nextval: reached minimum value of sequence \"",
                                                  sequence.name, "\" (", options.min, ")"));
}

absl::StatusOr<Sequences::Cached*> Sequences::Load(const ObjectSchema& sequence) {
  Cached& cached = cache_[sequence.id];
  if (cached.version == sequence.version) return &cached;
  if (cached.version == 0) {
    TransactionImpl transaction(context_, IsolationLevel::kSnapshot);
    KYRO_ASSIGN_OR_RETURN(const std::optional<std::string> stored,
                          transaction.Get(sequence.id, kSequenceStateKey));
    cached.state = {.last = sequence.sequence.start, .is_called = false};
    if (stored.has_value()) {
      KYRO_ASSIGN_OR_RETURN(cached.state, DecodeSequenceState(*stored));
    }
  }
  // What was written ahead under another definition does not count.
  cached.logged_count = 0;
  cached.version = sequence.version;
  return &cached;
}

absl::Status Sequences::Write(ObjectId sequence, const SequenceState& state) {
  TransactionImpl transaction(context_, IsolationLevel::kSnapshot);
  KYRO_RETURN_IF_ERROR(transaction.PutSequenceState(sequence, state));
  return transaction.Commit().status();
}

absl::StatusOr<int64_t> Sequences::Next(const ObjectSchema& sequence) {
  absl::MutexLock lock(&mutex_);
  KYRO_ASSIGN_OR_RETURN(Cached * cached, Load(sequence));
  KYRO_ASSIGN_OR_RETURN(const int64_t value, SequenceStep(sequence, cached->state));
  if (cached->logged_count == 0) {
    SequenceState ahead{.last = value, .is_called = true};
    uint64_t count = 0;
    for (; count < kValuesAhead; ++count) {
      const absl::StatusOr<int64_t> next = SequenceStep(sequence, ahead);
      if (!next.ok()) break;
      ahead.last = *next;
    }
    KYRO_RETURN_IF_ERROR(Write(sequence.id, ahead));
    cached->logged_count = count + 1;
  }
  --cached->logged_count;
  cached->state = {.last = value, .is_called = true};
  return value;
}

absl::Status Sequences::Set(const ObjectSchema& sequence, const SequenceState& state) {
  absl::MutexLock lock(&mutex_);
  KYRO_ASSIGN_OR_RETURN(Cached * cached, Load(sequence));
  KYRO_RETURN_IF_ERROR(Write(sequence.id, state));
  cached->state = state;
  cached->logged_count = 0;
  return absl::OkStatus();
}

absl::StatusOr<SequenceState> Sequences::Last(const ObjectSchema& sequence) {
  absl::MutexLock lock(&mutex_);
  KYRO_ASSIGN_OR_RETURN(const Cached* cached, Load(sequence));
  return cached->state;
}

void Sequences::Settle() {
  absl::MutexLock lock(&mutex_);
  for (auto& [id, cached] : cache_) {
    if (cached.logged_count == 0) continue;
    // A sequence that is dropped has no state any more; what fails leaves a gap in the numbers.
    if (Write(id, cached.state).ok()) cached.logged_count = 0;
  }
}

}  // namespace kyrodb::engine
