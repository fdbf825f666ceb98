#include "engine/core/write_set.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/base/coding.h"
#include "engine/base/status.h"

namespace kyrodb::engine {
namespace {

constexpr uint8_t kRecordVersion = 2;
constexpr uint8_t kPlainRecordVersion = 1;
constexpr char kDelete = 0;
constexpr char kPut = 1;
constexpr char kExpiringPut = 2;

// Of keys and values, with what is pending.
uint64_t SizeOf(const Write& write) {
  uint64_t size = write.value.size();
  if (write.pending == nullptr) return size;
  if (write.pending->expectation.has_value()) size += write.pending->expectation->value.size();
  for (const MergeStep& step : write.pending->merges) size += step.operand.size();
  return size;
}

}  // namespace

SpaceWrites& WriteSet::Writable(ObjectId space) {
  SharedSpaceWrites& writes = spaces_[space];
  if (writes == nullptr) {
    writes = std::make_shared<SpaceWrites>();
  } else if (writes.use_count() > 1) {
    writes = std::make_shared<SpaceWrites>(*writes);
  }
  return *writes;
}

void WriteSet::Put(ObjectId space, absl::string_view key, Write write) {
  SpaceWrites& writes = Writable(space);
  size_bytes_ += SizeOf(write);
  has_pending_ = has_pending_ || write.pending != nullptr;
  auto it = writes.find(key);
  Undo undo{space, std::string(key), it != writes.end(), {}};
  if (undo.existed) {
    size_bytes_ -= SizeOf(it->second);
    undo.before = std::exchange(it->second, std::move(write));
  } else {
    size_bytes_ += key.size();
    // The key is made before: what a full node makes room for must not fail.
    writes.emplace(std::string(undo.key), std::move(write));
  }
  undo_bytes_ += sizeof(Undo) + undo.key.size() + SizeOf(undo.before);
  undo_.push_back(std::move(undo));
}

std::shared_ptr<const SpaceWrites> WriteSet::FindSpace(ObjectId space) const {
  auto it = spaces_.find(space);
  return it == spaces_.end() ? nullptr : it->second;
}

const Write* WriteSet::Find(ObjectId space, absl::string_view key) const {
  auto space_it = spaces_.find(space);
  if (space_it == spaces_.end()) return nullptr;
  auto it = space_it->second->find(key);
  return it == space_it->second->end() ? nullptr : &it->second;
}

void WriteSet::RollbackTo(uint64_t mark) {
  while (undo_.size() > mark) {
    Undo& undo = undo_.back();
    undo_bytes_ -= sizeof(Undo) + undo.key.size() + SizeOf(undo.before);
    SpaceWrites& writes = Writable(undo.space);
    auto it = writes.find(undo.key);
    size_bytes_ -= SizeOf(it->second);
    if (undo.existed) {
      size_bytes_ += SizeOf(undo.before);
      it->second = std::move(undo.before);
    } else {
      size_bytes_ -= undo.key.size();
      writes.erase(it);
      if (writes.empty()) spaces_.erase(undo.space);
    }
    undo_.pop_back();
  }
}

bool WriteSet::FreesSpace() const {
  for (const auto& [space, writes] : spaces_) {
    if (space == kCatalogSpace) continue;
    for (const auto& [key, write] : *writes) {
      if (!write.is_delete) return false;
    }
  }
  return true;
}

std::string WriteSet::EncodeRecord(const ResolvedWrites& resolved) const {
  std::string record;
  record.reserve(size_bytes_ + 64);
  record.push_back(static_cast<char>(kPlainRecordVersion));
  uint64_t count = 0;
  for (const auto& [space, writes] : spaces_) count += writes->size();
  PutVarint64(&record, count);
  for (const auto& [space, writes] : spaces_) {
    for (const auto& [key, own] : *writes) {
      const Write* write = &own;
      if (own.pending != nullptr) {
        if (const auto found = resolved.find(&own); found != resolved.end()) write = &found->second;
        KYRO_CHECK(!write->is_merge());
      }
      record.push_back(write->is_delete ? kDelete : write->expires ? kExpiringPut : kPut);
      if (write->expires) record[0] = static_cast<char>(kRecordVersion);
      PutVarint64(&record, space);
      PutLengthPrefixed(&record, key);
      if (!write->is_delete) PutLengthPrefixed(&record, write->value);
    }
  }
  return record;
}

absl::Status CheckExpectation(const Expectation& expected, std::optional<absl::string_view> found,
                              Lsn lsn) {
  std::string expectation;
  switch (expected.kind) {
    case Expectation::Kind::kAbsent:
      if (!found.has_value()) return absl::OkStatus();
      expectation = "nothing";
      break;
    case Expectation::Kind::kPresent:
      if (found.has_value()) return absl::OkStatus();
      expectation = "a value";
      break;
    case Expectation::Kind::kLsn:
      if (found.has_value() && lsn == expected.lsn) return absl::OkStatus();
      expectation = absl::StrCat("the value of commit ", expected.lsn);
      break;
    case Expectation::Kind::kValue:
      if (found == expected.value) return absl::OkStatus();
      expectation = absl::StrCat("a certain value of ", expected.value.size(), " bytes");
      break;
  }
  return absl::FailedPreconditionError(absl::StrCat(
      "the key holds ",
      !found.has_value() ? std::string("nothing")
      : lsn == 0         ? absl::StrCat("a value of ", found->size(), " bytes of this transaction")
                         : absl::StrCat("a value of ", found->size(), " bytes of commit ", lsn),
      ", expected ", expectation));
}

absl::Status VisitRecord(absl::string_view record,
                         absl::FunctionRef<absl::Status(const RecordOperation&)> visit) {
  ByteReader reader(record);
  const uint8_t version = reader.Fixed8();
  if (reader.ok() && version > kRecordVersion) {
    return absl::UnimplementedError(absl::StrCat("log record has version ", version,
                                                 ", this program reads up to ", kRecordVersion));
  }
  const uint64_t count = reader.Varint64();
  for (uint64_t i = 0; i < count && reader.ok(); ++i) {
    const char kind = static_cast<char>(reader.Fixed8());
    RecordOperation operation{.space = static_cast<ObjectId>(reader.Varint64()),
                              .is_delete = kind == kDelete,
                              .key = reader.LengthPrefixed(),
                              .value = {}};
    if (!operation.is_delete) operation.value = reader.LengthPrefixed();
    operation.expires = kind == kExpiringPut;
    if (!reader.ok() || (kind != kDelete && kind != kPut && kind != kExpiringPut)) break;
    if (operation.expires && (version < 2 || operation.value.size() < kExpiryBytes)) break;
    KYRO_RETURN_IF_ERROR(visit(operation));
    if (i + 1 == count && reader.rest().empty()) return absl::OkStatus();
  }
  if (reader.ok() && count == 0 && reader.rest().empty()) return absl::OkStatus();
  return absl::DataLossError(
      absl::StrCat("log record of ", record.size(), " bytes does not hold ", count, " operations"));
}

}  // namespace kyrodb::engine
