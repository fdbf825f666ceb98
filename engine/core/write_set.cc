#include "engine/core/write_set.h"

#include "absl/strings/str_cat.h"
#include "engine/base/coding.h"
#include "engine/base/status.h"

namespace kyrodb::engine {
namespace {

constexpr uint8_t kRecordVersion = 1;
constexpr char kDelete = 0;
constexpr char kPut = 1;

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
  size_bytes_ += write.value.size();
  auto it = writes.find(key);
  Undo undo{space, std::string(key), it != writes.end(), {}};
  if (undo.existed) {
    size_bytes_ -= it->second.value.size();
    undo.before = std::exchange(it->second, std::move(write));
  } else {
    size_bytes_ += key.size();
    writes.emplace(undo.key, std::move(write));
  }
  undo_bytes_ += sizeof(Undo) + undo.key.size() + undo.before.value.size();
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
    undo_bytes_ -= sizeof(Undo) + undo.key.size() + undo.before.value.size();
    SpaceWrites& writes = Writable(undo.space);
    auto it = writes.find(undo.key);
    size_bytes_ -= it->second.value.size();
    if (undo.existed) {
      size_bytes_ += undo.before.value.size();
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

std::string WriteSet::EncodeRecord() const {
  std::string record;
  record.reserve(size_bytes_ + 64);
  record.push_back(static_cast<char>(kRecordVersion));
  uint64_t count = 0;
  for (const auto& [space, writes] : spaces_) count += writes->size();
  PutVarint64(&record, count);
  for (const auto& [space, writes] : spaces_) {
    for (const auto& [key, write] : *writes) {
      record.push_back(write.is_delete ? kDelete : kPut);
      PutVarint64(&record, space);
      PutLengthPrefixed(&record, key);
      if (!write.is_delete) PutLengthPrefixed(&record, write.value);
    }
  }
  return record;
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
    if (!reader.ok() || (kind != kDelete && kind != kPut)) break;
    KYRO_RETURN_IF_ERROR(visit(operation));
    if (i + 1 == count && reader.rest().empty()) return absl::OkStatus();
  }
  if (reader.ok() && count == 0 && reader.rest().empty()) return absl::OkStatus();
  return absl::DataLossError(
      absl::StrCat("log record of ", record.size(), " bytes does not hold ", count, " operations"));
}

}  // namespace kyrodb::engine
