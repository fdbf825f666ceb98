#include "engine/core/load_record.h"

#include "absl/strings/str_cat.h"
#include "engine/base/coding.h"

namespace kyrodb::engine {
namespace {

constexpr char kTag = 'L';
constexpr uint64_t kVersion = 1;

}  // namespace

bool IsLoadRecord(absl::string_view record) { return !record.empty() && record.front() == kTag; }

std::string EncodeLoadRecord(const LoadRecord& load) {
  std::string record(1, kTag);
  PutVarint64(&record, kVersion);
  PutVarint64(&record, load.space);
  PutVarint64(&record, load.file_number);
  PutVarint64(&record, load.row_count);
  PutLengthPrefixed(&record, load.first_key);
  PutLengthPrefixed(&record, load.last_key);
  return record;
}

absl::StatusOr<LoadRecord> DecodeLoadRecord(absl::string_view record) {
  ByteReader reader(record);
  const uint8_t tag = reader.Fixed8();
  const uint64_t version = reader.Varint64();
  if (reader.ok() && tag == kTag && version > kVersion) {
    return absl::UnimplementedError(absl::StrCat("bulk load record has version ", version,
                                                 ", this program reads up to ", kVersion));
  }
  LoadRecord load;
  const uint64_t space = reader.Varint64();
  load.space = static_cast<ObjectId>(space);
  load.file_number = reader.Varint64();
  load.row_count = reader.Varint64();
  load.first_key = std::string(reader.LengthPrefixed());
  load.last_key = std::string(reader.LengthPrefixed());
  if (!reader.ok() || !reader.rest().empty() || tag != kTag || space != load.space ||
      load.row_count == 0 || load.first_key > load.last_key) {
    return absl::DataLossError(
        absl::StrCat("bulk load record of ", record.size(), " bytes is damaged"));
  }
  return load;
}

}  // namespace kyrodb::engine
