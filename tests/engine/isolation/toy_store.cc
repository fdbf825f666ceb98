#include "tests/engine/isolation/toy_store.h"

#include <atomic>
#include <set>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace kyrodb::engine {
namespace {

class ToyStore : public Store {
 public:
  explicit ToyStore(ToyBug bug) : bug_(bug) {}
  std::unique_ptr<StoreTransaction> Begin(bool serializable) override;

  // The newest version at or below `snapshot`.
  std::optional<std::string> Find(const std::string& key, uint64_t snapshot,
                                  uint64_t odd_snapshot) {
    absl::MutexLock lock(&mutex_);
    return FindLocked(key, snapshot, odd_snapshot);
  }
  std::vector<std::string> Keys(absl::string_view begin, absl::string_view end) {
    absl::MutexLock lock(&mutex_);
    std::vector<std::string> keys;
    for (auto it = versions_.lower_bound(std::string(begin));
         it != versions_.end() && it->first < end; ++it) {
      keys.push_back(it->first);
    }
    return keys;
  }

  absl::Status Commit(uint64_t snapshot, const std::map<std::string, std::string>& writes,
                      const std::set<std::string>& reads,
                      const std::vector<std::pair<std::string, std::string>>& ranges)
      ABSL_NO_THREAD_SAFETY_ANALYSIS {
    absl::MutexLock lock(&mutex_);
    bool conflict = false;
    for (const auto& [key, value] : writes) {
      conflict |= bug_ != ToyBug::kSkipConflictCheck && ChangedSince(key, snapshot);
    }
    for (const std::string& key : reads) {
      conflict |= bug_ != ToyBug::kLooseKeyReads && ChangedSince(key, snapshot);
    }
    for (const auto& [begin, end] : ranges) {
      if (bug_ == ToyBug::kLooseRangeReads) break;
      for (auto it = versions_.lower_bound(begin); it != versions_.end() && it->first < end; ++it) {
        conflict |= ChangedSince(it->first, snapshot);
      }
    }
    if (conflict && bug_ != ToyBug::kAbortedWritesStay) return absl::AbortedError("conflict");
    const uint64_t lsn = newest_.load() + 1;
    if (bug_ == ToyBug::kPublishBeforeApply) newest_.store(lsn);
    size_t written = 0;
    for (const auto& [key, value] : writes) {
      if (bug_ == ToyBug::kForgetOneWrite && ++written > 1 && lsn % 64 == 0) continue;
      versions_[key][lsn] = value;
      if (bug_ != ToyBug::kPublishBeforeApply) continue;
      mutex_.Unlock();
      std::this_thread::yield();
      mutex_.Lock();
    }
    newest_.store(lsn);
    if (conflict) return absl::AbortedError("conflict");
    return absl::OkStatus();
  }

  const ToyBug bug_;
  std::atomic<uint64_t> newest_{0};
  std::atomic<uint64_t> begun_{0};

 private:
  bool ChangedSince(const std::string& key, uint64_t snapshot)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    const auto found = versions_.find(key);
    return found != versions_.end() && found->second.rbegin()->first > snapshot;
  }
  std::optional<std::string> FindLocked(const std::string& key, uint64_t snapshot,
                                        uint64_t odd_snapshot)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    const auto found = versions_.find(key);
    if (found == versions_.end()) return std::nullopt;
    for (auto version = found->second.rbegin(); version != found->second.rend(); ++version) {
      if (version->first <= (version->first % 2 == 0 ? snapshot : odd_snapshot)) {
        return version->second;
      }
    }
    return std::nullopt;
  }

  absl::Mutex mutex_;
  std::map<std::string, std::map<uint64_t, std::string>> versions_ ABSL_GUARDED_BY(mutex_);
};

class ToyTransaction : public StoreTransaction {
 public:
  ToyTransaction(ToyStore* store, bool serializable)
      : store_(store), serializable_(serializable), snapshot_(store->newest_.load()) {
    const uint64_t number = store->begun_.fetch_add(1);
    if (store->bug_ == ToyBug::kStaleSnapshot && snapshot_ > 2 && number % 16 == 0) snapshot_ -= 2;
    odd_snapshot_ = snapshot_;
    if (store->bug_ == ToyBug::kOutOfOrderVisibility && snapshot_ > 4) {
      // One reader misses the newest even commits, the next the newest odd ones.
      (number % 2 == 0 ? snapshot_ : odd_snapshot_) -= 4;
    }
  }

  absl::StatusOr<std::optional<std::string>> Get(absl::string_view key) override {
    reads_.emplace(key);
    return Look(std::string(key));
  }
  absl::StatusOr<std::map<std::string, std::string>> Scan(absl::string_view begin,
                                                          absl::string_view end, bool) override {
    ranges_.emplace_back(begin, end);
    std::map<std::string, std::string> found;
    for (const std::string& key : store_->Keys(begin, end)) {
      if (std::optional<std::string> value = Look(key)) found[key] = *std::move(value);
    }
    for (const auto& [key, value] : writes_) {
      if (key >= begin && key < end) found[key] = value;
    }
    if (store_->bug_ == ToyBug::kLooseRangeReads) {
      for (const auto& [key, value] : found) reads_.insert(key);
    }
    return found;
  }
  absl::Status Put(absl::string_view key, absl::string_view value) override {
    writes_[std::string(key)] = std::string(value);
    return absl::OkStatus();
  }
  absl::Status Commit() override {
    if (writes_.empty()) return absl::OkStatus();
    if (!serializable_) {
      reads_.clear();
      ranges_.clear();
    }
    return store_->Commit(std::min(snapshot_, odd_snapshot_), writes_, reads_, ranges_);
  }

 private:
  std::optional<std::string> Look(const std::string& key) {
    if (const auto own = writes_.find(key); own != writes_.end()) return own->second;
    if (store_->bug_ == ToyBug::kReadNewest) return store_->Find(key, ~uint64_t{0}, ~uint64_t{0});
    return store_->Find(key, snapshot_, odd_snapshot_);
  }

  ToyStore* const store_;
  const bool serializable_;
  uint64_t snapshot_;
  uint64_t odd_snapshot_;
  std::map<std::string, std::string> writes_;
  std::set<std::string> reads_;
  std::vector<std::pair<std::string, std::string>> ranges_;
};

std::unique_ptr<StoreTransaction> ToyStore::Begin(bool serializable) {
  return std::make_unique<ToyTransaction>(this, serializable);
}

}  // namespace

std::unique_ptr<Store> NewToyStore(ToyBug bug) { return std::make_unique<ToyStore>(bug); }

}  // namespace kyrodb::engine
