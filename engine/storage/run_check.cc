#include "engine/storage/run_check.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_format.h"
#include "engine/base/crc32c.h"
#include "engine/base/status.h"
#include "engine/storage/key_hash.h"
#include "engine/storage/position_hash.h"
#include "engine/storage/run_reader.h"

namespace kyrodb::engine {
namespace {

// Read from disk at once.
constexpr uint64_t kChunkPages = 32;
// A look-up whose pages leave again before it is done is tried this often.
constexpr int kTriesMax = 100;
// Of a damaged section that holds something for each key, this much is told one by one.
constexpr uint64_t kFindingsPerKindMax = 20;
constexpr size_t kShownKeyBytesMax = 64;

std::string Shown(absl::string_view key) {
  return absl::StrFormat("\"%s\"%s", absl::CHexEscape(key.substr(0, kShownKeyBytesMax)),
                         key.size() > kShownKeyBytesMax ? "…" : "");
}

}  // namespace

// Thread-safety:  one thread at a time.
class RunChecker {
 public:
  RunChecker(const Run& run, BufferPool& pool, absl::FunctionRef<void(const absl::Status&)> found)
      : run_(run), pool_(pool), found_(found), reader_(run, Run::Access::kSequential) {}

  absl::StatusOr<RunCheckCounts> Check() {
    KYRO_RETURN_IF_ERROR(CheckAllPages());
    KYRO_RETURN_IF_ERROR(WalkRecords());
    KYRO_RETURN_IF_ERROR(CheckModel());
    KYRO_RETURN_IF_ERROR(CheckFilter());
    KYRO_RETURN_IF_ERROR(CheckPositionHash());
    return counts_;
  }

  static absl::Status CheckPages(const Run& run, uint64_t begin, uint64_t end, std::string* buffer,
                                 absl::FunctionRef<void(const absl::Status&)> found) {
    buffer->resize((end - begin) * kPageBytes);
    const absl::Status read = run.ReadPages(begin, end, buffer->data());
    if (absl::IsDataLoss(read)) {
      // The file is shorter than it was.
      found(read);
      return absl::OkStatus();
    }
    KYRO_RETURN_IF_ERROR(read);
    for (uint64_t page = begin; page < end; ++page) {
      const absl::Status status = run.CheckPage(page, buffer->data() + (page - begin) * kPageBytes);
      if (!status.ok()) found(status);
    }
    return absl::OkStatus();
  }

  static absl::Status CheckTail(const Run& run,
                                absl::FunctionRef<void(const absl::Status&)> found) {
    const RunFooter& footer = run.footer_;
    const auto check = [&](uint64_t offset, uint64_t size_bytes, uint32_t crc,
                           absl::string_view what) -> absl::Status {
      const absl::StatusOr<std::string> bytes = run.ReadExactly(offset, size_bytes);
      if (!bytes.ok() && !absl::IsDataLoss(bytes.status())) return bytes.status();
      if (!bytes.ok()) {
        found(bytes.status());
      } else if (Crc32c(*bytes) != crc) {
        found(run.Damaged(offset, absl::StrFormat("the %s their checksum", what)));
      }
      return absl::OkStatus();
    };
    KYRO_RETURN_IF_ERROR(check(footer.checksums.offset, footer.checksums.size_bytes,
                               footer.checksums_crc, "page checksums fail"));
    KYRO_RETURN_IF_ERROR(check(footer.properties.offset, footer.properties.size_bytes,
                               footer.properties_crc, "properties fail"));
    const uint64_t tail_offset = run.file_bytes_ - kRunTailBytes;
    const absl::StatusOr<std::string> tail = run.ReadExactly(tail_offset, kRunTailBytes);
    if (!tail.ok() && !absl::IsDataLoss(tail.status())) return tail.status();
    if (!tail.ok()) {
      found(tail.status());
    } else if (*tail != EncodeRunTail(footer)) {
      found(run.Damaged(tail_offset, "footer and trailer are not what they were"));
    }
    return absl::OkStatus();
  }

 private:
  void Report(const absl::Status& status) {
    if (!told_.insert(std::string(status.message())).second) return;
    ++counts_.finding_count;
    found_(status);
  }
  void Report(uint64_t offset, absl::string_view what) { Report(run_.Damaged(offset, what)); }
  // Says it for the first few only; `count` grows.
  void ReportSome(uint64_t* count, uint64_t offset, absl::string_view what) {
    if (++*count <= kFindingsPerKindMax) Report(offset, what);
  }
  // Whether the walk can go on: damage is told, what else fails is the caller's.
  bool Passes(const absl::Status& status, absl::Status* fatal) {
    if (status.ok()) return true;
    if (absl::IsUnavailable(status)) {
      *fatal = status;
    } else {
      Report(status);
    }
    return false;
  }

  absl::Status CheckAllPages() {
    const uint64_t page_count = run_.checked_page_count();
    std::string buffer;
    for (uint64_t page = 0; page < page_count; page += kChunkPages) {
      KYRO_RETURN_IF_ERROR(
          RunChecker::CheckPages(run_, page, std::min(page + kChunkPages, page_count), &buffer,
                                 [this](const absl::Status& status) { Report(status); }));
    }
    counts_.page_count = page_count;
    return absl::OkStatus();
  }

  uint64_t RecordOffsetInFile() const { return run_.footer_.heap.offset + reader_.record_begin_; }

  // Meets every record in order.
  absl::Status WalkRecords() {
    const RunProperties& p = run_.properties_;
    uint64_t version_count = 0, tombstone_count = 0, key_bytes = 0, value_bytes = 0;
    Lsn min_lsn = kLsnMax, max_lsn = 0;
    bool complete = true;
    uint64_t misplaced = 0;
    std::string key, before;
    bool has_before = false;
    absl::Status fatal;
    hashes_.assign(p.entry_count, std::nullopt);
    for (RunPosition position; !reader_.IsEnd(position);) {
      absl::Status row = reader_.LoadRecord(position);
      if (row.ok()) row = reader_.LoadVersions();
      if (Passes(row, &fatal)) {
        const uint64_t offset = RecordOffsetInFile();
        if (position.entry == 0 && reader_.record_begin_ != 0) {
          Report(run_.footer_.heap.offset,
                 absl::StrFormat("the first record begins %u bytes behind the heap's begin",
                                 reader_.record_begin_));
        }
        reader_.BuildKey(&key);
        if (has_before && before >= key) {
          Report(offset, absl::StrFormat("key %s stands behind key %s", Shown(key), Shown(before)));
        }
        if (key < p.smallest_key || key > p.largest_key) {
          Report(offset, absl::StrFormat("key %s is outside of %s to %s, the run's bounds",
                                         Shown(key), Shown(p.smallest_key), Shown(p.largest_key)));
        }
        if (position.entry == 0 && key != p.smallest_key) {
          Report(run_.footer_.properties.offset,
                 absl::StrFormat("the smallest key is %s, the properties say %s", Shown(key),
                                 Shown(p.smallest_key)));
        }
        if (position.entry + 1 == p.entry_count && key != p.largest_key) {
          Report(run_.footer_.properties.offset,
                 absl::StrFormat("the largest key is %s, the properties say %s", Shown(key),
                                 Shown(p.largest_key)));
        }
        const absl::StatusOr<uint64_t> slice = reader_.Slice(position.slice);
        if (!slice.ok()) {
          Passes(slice.status(), &fatal);
        } else if (*slice != KeySlice(absl::string_view(key).substr(p.common_prefix.size()))) {
          ReportSome(&misplaced, offset,
                     absl::StrFormat("key %s does not belong to slice %u, which is %016x",
                                     Shown(key), position.slice, *slice));
        }
        ++counts_.key_count;
        hashes_[position.entry] = KeyHash(key);
        const std::vector<RunVersion>& versions = reader_.versions();
        version_count += versions.size();
        key_bytes += key.size();
        if (versions.front().kind == EntryKind::kDelete) ++tombstone_count;
        max_lsn = std::max(max_lsn, versions.front().lsn);
        min_lsn = std::min(min_lsn, versions.back().lsn);
        for (const RunVersion& version : versions) {
          value_bytes += version.value_bytes;
          const absl::StatusOr<absl::string_view> value = reader_.Value(version);
          if (!Passes(value.status(), &fatal)) continue;
          LookUp(key, version, *value, offset, &fatal);
        }
        before = key;
        has_before = true;
      } else {
        complete = false;
      }
      const absl::StatusOr<RunPosition> next = reader_.Next(position);
      KYRO_RETURN_IF_ERROR(fatal);
      if (!Passes(next.status(), &fatal)) {
        complete = false;
        break;
      }
      position = *next;
    }
    KYRO_RETURN_IF_ERROR(fatal);
    // Sums over what is damaged say nothing.
    if (!complete) return absl::OkStatus();
    const auto equal = [this](absl::string_view what, uint64_t counted, uint64_t claimed) {
      if (counted == claimed) return;
      Report(
          run_.footer_.properties.offset,
          absl::StrFormat("%s: %u in the records, %u in the properties", what, counted, claimed));
    };
    equal("keys", counts_.key_count, p.entry_count);
    equal("versions", version_count, p.version_count);
    equal("deleted keys", tombstone_count, p.tombstone_count);
    equal("bytes of keys", key_bytes, p.key_bytes);
    equal("bytes of values", value_bytes, p.value_bytes);
    if (max_lsn > 0) {
      equal("smallest LSN", min_lsn, p.min_lsn);
      equal("largest LSN", max_lsn, p.max_lsn);
    }
    return absl::OkStatus();
  }

  // A reader at the version's LSN must find just this version.
  void LookUp(const std::string& key, const RunVersion& version, absl::string_view value,
              uint64_t offset, absl::Status* fatal) {
    const KeyProbe probe(key);
    QuickFind find;
    bool is_found = false, is_right = false, ask_carefully = true;
    // Readers ask the filter first, all runs' at once; `TryGet` comes behind that.
    const bool is_denied = !run_.PassesFilter(probe.hash);
    if (is_denied) ask_carefully = false;
    for (int tries = 0; tries < kTriesMax && !is_denied; ++tries) {
      {
        const Epochs::Guard guard = pool_.epochs().Enter();
        run_.TryGet(probe, version.lsn, run_.PrefetchCells(probe), &find);
        is_found = find.outcome == QuickFind::Outcome::kFound;
        is_right =
            is_found && find.lsn == version.lsn && find.kind == version.kind && find.value == value;
      }
      ask_carefully = find.outcome == QuickFind::Outcome::kAskCarefully ||
                      find.outcome == QuickFind::Outcome::kPagesMissing;
      if (find.outcome != QuickFind::Outcome::kPagesMissing) break;
      if (!Passes(run_.LoadMissing(find), fatal)) return;
    }
    if (ask_carefully) {
      const absl::StatusOr<std::optional<FoundVersion>> got = run_.Get(key, version.lsn);
      if (!Passes(got.status(), fatal)) return;
      is_found = got->has_value();
      is_right = is_found && (*got)->lsn == version.lsn && (*got)->kind == version.kind &&
                 (*got)->value == value;
    }
    if (is_right) return;
    ReportSome(&lost_, offset,
               absl::StrFormat("key %s with LSN %u %s", Shown(key), version.lsn,
                               is_found ? "is found with another version or value"
                                        : "is not found by a look-up"));
  }

  // The bound of every slice, and of its neighbours, must lead to where they stand.
  absl::Status CheckModel() {
    absl::Status fatal;
    const uint64_t offset = run_.footer_.model.offset;
    const absl::StatusOr<std::string> bytes = run_.ReadSection(run_.footer_.model);
    if (!Passes(bytes.status(), &fatal)) return fatal;
    const absl::StatusOr<learned_index::PositionIndex> model =
        learned_index::PositionIndex::Decode(*bytes);
    if (!model.ok()) {
      Report(offset, model.status().message());
      return absl::OkStatus();
    }
    const uint64_t slice_count = run_.properties_.slice_count;
    if (model->key_count() != slice_count) {
      Report(offset, absl::StrFormat("the model is for %u slices, there are %u", model->key_count(),
                                     slice_count));
      return absl::OkStatus();
    }
    uint64_t wrong = 0, unordered = 0;
    const auto expect = [&](uint64_t slice, uint64_t position) {
      const learned_index::SearchBound bound = model->Find(slice);
      if (bound.begin <= position && position <= bound.end) return true;
      ReportSome(&wrong, offset,
                 absl::StrFormat("the model sends slice %016x to rows %u to %u, it belongs to %u",
                                 slice, bound.begin, bound.end, position));
      return false;
    };
    uint64_t before = 0;
    bool has_before = false;
    for (uint64_t i = 0; i < slice_count; ++i) {
      const absl::StatusOr<uint64_t> slice = reader_.Slice(i);
      if (!Passes(slice.status(), &fatal)) {
        KYRO_RETURN_IF_ERROR(fatal);
        has_before = false;
        continue;
      }
      if (has_before && before >= *slice) {
        ReportSome(&unordered, run_.footer_.cells.offset + i / 8 * 128,
                   absl::StrFormat("slice %u, %016x, stands behind %016x", i, *slice, before));
      }
      // What is there must be inside of the bound, what is not may be its end.
      if (expect(*slice, i) && model->Find(*slice).end == i) {
        ReportSome(&wrong, offset,
                   absl::StrFormat("the model's rows for slice %016x end before %u", *slice, i));
      }
      if (has_before && before + 1 < *slice) {
        expect(before + 1, i);
        expect(*slice - 1, i);
      }
      before = *slice;
      has_before = true;
    }
    return absl::OkStatus();
  }

  absl::Status CheckFilter() {
    if (run_.properties_.entry_count == 0) return absl::OkStatus();
    absl::Status fatal;
    const uint64_t offset = run_.footer_.filter.offset;
    const absl::StatusOr<std::string> bytes = run_.ReadSection(run_.footer_.filter);
    if (!Passes(bytes.status(), &fatal)) return fatal;
    if (bytes->empty()) {
      Report(offset, "there is no filter");
      return absl::OkStatus();
    }
    WordArray words(bytes->size() / sizeof(uint64_t));
    std::memcpy(words.data(), bytes->data(), bytes->size());
    const FilterView filter(words.span());
    uint64_t missing = 0;
    for (uint64_t entry = 0; entry < hashes_.size(); ++entry) {
      if (!hashes_[entry] || filter.MayContain(*hashes_[entry])) continue;
      ReportSome(&missing, offset, absl::StrFormat("the filter denies the key of row %u", entry));
    }
    return absl::OkStatus();
  }

  // Every row is in the hash once, where a look-up finds it, and nothing else is.
  absl::Status CheckPositionHash() {
    if (run_.footer_.hash.size_bytes == 0) return absl::OkStatus();
    absl::Status fatal;
    const uint64_t section = run_.footer_.hash.offset;
    const absl::StatusOr<std::string> bytes = run_.ReadSection(run_.footer_.hash);
    if (!Passes(bytes.status(), &fatal)) return fatal;
    const uint64_t bucket_count = bytes->size() / kHashBucketBytes;
    std::vector<HashBucket> buckets(bucket_count);
    std::memcpy(buckets.data(), bytes->data(), bytes->size());
    uint64_t place_count = 0;
    for (uint64_t i = 0; i < bucket_count; ++i) {
      if (buckets[i].count > kHashBucketKeys) {
        Report(section + i * kHashBucketBytes,
               absl::StrFormat("a bucket of the position hash has %u keys", buckets[i].count));
      }
      place_count += std::min<uint64_t>(buckets[i].count, kHashBucketKeys);
    }
    if (place_count != run_.properties_.entry_count) {
      Report(section, absl::StrFormat("the position hash has %u rows, there are %u", place_count,
                                      run_.properties_.entry_count));
    }
    uint64_t missing = 0;
    for (uint64_t entry = 0; entry < hashes_.size(); ++entry) {
      if (!hashes_[entry]) continue;
      uint64_t at = HashBucketOf(*hashes_[entry], bucket_count);
      bool is_found = false;
      for (uint64_t step = 0; step < bucket_count && !is_found; ++step) {
        for (uint32_t places = MatchingPlaces(buckets[at], *hashes_[entry]); places != 0;
             places &= places - 1) {
          is_found |= buckets[at].positions[__builtin_ctz(places)] == entry;
        }
        if (buckets[at].went_on == 0) break;
        at = at + 1 == bucket_count ? 0 : at + 1;
      }
      if (!is_found) {
        ReportSome(&missing, section + at * kHashBucketBytes,
                   absl::StrFormat("the position hash does not lead to row %u", entry));
      }
    }
    return absl::OkStatus();
  }

  const Run& run_;
  BufferPool& pool_;
  const absl::FunctionRef<void(const absl::Status&)> found_;
  RunReader reader_;
  RunCheckCounts counts_;
  std::set<std::string> told_;
  uint64_t lost_ = 0;
  // By row; none where the record cannot be read.
  std::vector<std::optional<uint64_t>> hashes_;
};

absl::StatusOr<RunCheckCounts> CheckRun(const Run& run, BufferPool& pool,
                                        absl::FunctionRef<void(const absl::Status&)> found) {
  return RunChecker(run, pool, found).Check();
}

absl::Status CheckPages(const Run& run, uint64_t begin, uint64_t end, std::string* buffer,
                        absl::FunctionRef<void(const absl::Status&)> found) {
  return RunChecker::CheckPages(run, begin, end, buffer, found);
}

absl::Status CheckTail(const Run& run, absl::FunctionRef<void(const absl::Status&)> found) {
  return RunChecker::CheckTail(run, found);
}

}  // namespace kyrodb::engine
