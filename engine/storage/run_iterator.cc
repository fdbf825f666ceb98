#include <cstddef>
#include <optional>
#include <string>
#include <utility>

#include "engine/storage/run.h"
#include "engine/storage/run_reader.h"

namespace kyrodb::engine {

class RunIterator : public InternalIterator {
 public:
  RunIterator(std::shared_ptr<const Run> run, Run::Access access)
      : run_(std::move(run)), reader_(*run_, access), position_(reader_.end_position()) {}

  void Seek(absl::string_view key) override {
    Reset();
    MoveTo(reader_.LowerBound(key));
  }
  void SeekToFirst() override {
    Reset();
    MoveTo(RunPosition{});
  }
  void SeekBefore(std::optional<absl::string_view> bound) override {
    Reset();
    MoveBefore(bound ? reader_.LowerBound(*bound) : reader_.end_position());
  }
  bool Valid() const override { return valid_; }
  void PrevKey() override { MoveBefore(position_); }
  void Next() override {
    if (version_ + 1 < reader_.versions().size()) {
      ++version_;
      LoadValue();
    } else {
      MoveTo(reader_.Next(position_));
    }
  }
  absl::string_view key() const override { return key_; }
  Lsn lsn() const override { return reader_.versions()[version_].lsn; }
  EntryKind kind() const override { return reader_.versions()[version_].kind; }
  absl::string_view value() const override { return value_; }
  const ApartValue* apart() const override { return apart_ ? &*apart_ : nullptr; }
  absl::Status FetchValue() override {
    if (!apart_) return absl::OkStatus();
    const absl::StatusOr<absl::string_view> value = reader_.Value(reader_.versions()[version_]);
    if (!value.ok()) return value.status();
    value_ = *value;
    apart_.reset();
    return absl::OkStatus();
  }
  absl::Status status() const override { return status_; }

 private:
  void Reset() {
    status_ = absl::OkStatus();
    valid_ = false;
  }

  void MoveTo(const absl::StatusOr<RunPosition>& position) {
    valid_ = false;
    status_ = position.status();
    if (!status_.ok()) return;
    position_ = *position;
    if (reader_.IsEnd(position_)) return;
    status_ = LoadRow();
    version_ = 0;
    if (status_.ok()) LoadValue();
  }

  void MoveBefore(const absl::StatusOr<RunPosition>& position) {
    const bool has_before = !position.ok() || position->entry > 0;
    valid_ = false;
    if (has_before) MoveTo(position.ok() ? reader_.Previous(*position) : position);
  }

  absl::Status LoadRow() {
    if (absl::Status status = reader_.LoadRecord(position_); !status.ok()) return status;
    reader_.BuildKey(&key_);
    return reader_.LoadVersions();
  }

  void LoadValue() {
    const RunVersion& version = reader_.versions()[version_];
    apart_.reset();
    if (version.is_apart) {
      const absl::StatusOr<ApartValue> apart = reader_.Apart(version);
      status_ = apart.status();
      valid_ = status_.ok();
      value_ = {};
      if (valid_) apart_ = *apart;
      return;
    }
    absl::StatusOr<absl::string_view> value = reader_.Value(version);
    status_ = value.status();
    valid_ = status_.ok();
    if (valid_) value_ = *value;
  }

  const std::shared_ptr<const Run> run_;
  RunReader reader_;
  RunPosition position_;
  size_t version_ = 0;
  std::string key_;
  absl::string_view value_;
  std::optional<ApartValue> apart_;
  bool valid_ = false;
  absl::Status status_;
};

std::unique_ptr<InternalIterator> Run::NewIterator(Access access) const {
  return std::make_unique<RunIterator>(shared_from_this(), access);
}

}  // namespace kyrodb::engine
