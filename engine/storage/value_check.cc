#include "engine/storage/value_check.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_format.h"
#include "engine/base/status.h"
#include "engine/storage/internal_iterator.h"

namespace kyrodb::engine {
namespace {

// Read from disk at once.
constexpr uint64_t kChunkPages = 32;
// Of the same kind, this much is told one by one.
constexpr uint64_t kFindingsMax = 20;

}  // namespace

absl::Status CheckValueFile(const ValueFileUse& use,
                            std::span<const std::shared_ptr<const Run>> runs,
                            absl::FunctionRef<void(const absl::Status&)> found) {
  const ValueFile& file = *use.file;
  const auto report = [&](uint64_t offset, const std::string& what) {
    found(absl::DataLossError(absl::StrFormat("%s: offset %u: %s", file.path(), offset, what)));
  };
  std::string buffer;
  for (uint64_t page = 0; page < file.checked_page_count(); page += kChunkPages) {
    KYRO_RETURN_IF_ERROR(file.VerifyPages(
        page, std::min(page + kChunkPages, file.checked_page_count()), &buffer, found));
  }
  KYRO_RETURN_IF_ERROR(file.VerifyTail(found));

  std::vector<std::pair<uint64_t, uint64_t>> places;  // offset and end
  for (const auto& run : runs) {
    const std::vector<ValueFileShare>& shares = run->properties().value_files;
    const auto share = std::find_if(shares.begin(), shares.end(), [&](const ValueFileShare& s) {
      return s.file_number == file.file_number();
    });
    if (share == shares.end()) continue;
    const size_t count_before = places.size();
    uint64_t bytes = 0;
    const std::unique_ptr<InternalIterator> versions = run->NewIterator(Run::Access::kSequential);
    for (versions->SeekToFirst(); versions->Valid(); versions->Next()) {
      const ApartValue* const apart = versions->apart();
      if (apart == nullptr || apart->file_number != file.file_number()) continue;
      places.emplace_back(apart->offset, apart->offset + apart->size_bytes);
      bytes += apart->size_bytes;
      if (versions->kind() != EntryKind::kExpiringPut) continue;
      const WallMicros expiry = apart->expiry;
      const uint64_t offset = apart->offset;
      const absl::Status fetched = versions->FetchValue();
      if (absl::IsUnavailable(fetched)) return fetched;
      if (fetched.ok() && ExpiryOf(versions->value()) != expiry) {
        report(offset, absl::StrFormat("a value expires at %d, %s says at %d",
                                       ExpiryOf(versions->value()), run->path(), expiry));
      }
    }
    if (absl::IsUnavailable(versions->status())) return versions->status();
    if (!versions->status().ok()) continue;
    if (places.size() - count_before != share->value_count || bytes != share->value_bytes) {
      report(0, absl::StrFormat("%s refers to %u values of %u bytes, its properties say %u of %u",
                                run->path(), places.size() - count_before, bytes,
                                share->value_count, share->value_bytes));
    }
  }
  std::sort(places.begin(), places.end());
  uint64_t overlap_count = 0;
  for (size_t i = 1; i < places.size(); ++i) {
    if (places[i].first >= places[i - 1].second || ++overlap_count > kFindingsMax) continue;
    report(places[i].first, absl::StrFormat("a value begins within another one, which ends at %u",
                                            places[i - 1].second));
  }
  return absl::OkStatus();
}

}  // namespace kyrodb::engine
