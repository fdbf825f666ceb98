// The state of sequences: what was given last. Values are taken outside of transactions, some at a
// time: the log says how far they may have gone, so that none comes twice after a crash.
//
// State:  in the key space of the sequence's id, one key "v": 8 bytes, the last value that may have
//         been given, and a byte, whether any was. No key: none was.
#pragma once

#include <cstdint>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "engine/schema.h"
#include "engine/transaction.h"

namespace kyrodb::engine {

struct TransactionContext;

inline constexpr absl::string_view kSequenceStateKey = "v";

std::string EncodeSequenceState(const SequenceState& state);
absl::StatusOr<SequenceState> DecodeSequenceState(absl::string_view bytes);

// The value after `state`, `steps` calls on. `OutOfRange` when the sequence has come to its end and
// does not cycle.
absl::StatusOr<int64_t> SequenceStep(const ObjectSchema& sequence, const SequenceState& state);

// Thread-safety:  all methods may be called from any thread.
class Sequences {
 public:
  // `context` must outlive it.
  explicit Sequences(const TransactionContext* context) : context_(context) {}

  absl::StatusOr<int64_t> Next(const ObjectSchema& sequence);
  absl::Status Set(const ObjectSchema& sequence, const SequenceState& state);
  absl::StatusOr<SequenceState> Last(const ObjectSchema& sequence);

  // Writes what was really given, so that nothing is left out after an orderly end.
  void Settle();

 private:
  struct Cached {
    SequenceState state;
    uint64_t logged_count = 0;  // values that may still be given without writing
    uint64_t version = 0;       // of the definition
  };
  absl::StatusOr<Cached*> Load(const ObjectSchema& sequence) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status Write(ObjectId sequence, const SequenceState& state)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const TransactionContext* const context_;
  absl::Mutex mutex_;
  absl::flat_hash_map<ObjectId, Cached> cache_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace kyrodb::engine
