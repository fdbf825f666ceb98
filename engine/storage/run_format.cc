#include "engine/storage/run_format.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_format.h"
#include "engine/base/coding.h"
#include "engine/base/crc32c.h"
#include "engine/base/status.h"
#include "engine/storage/blocked_filter.h"
#include "engine/storage/page_region.h"
#include "engine/storage/position_hash.h"
#include "learned_index/cells.h"

namespace kyrodb::engine {
namespace {

template <typename Footer>
auto Sections(Footer& footer) {
  return std::array{&footer.heap,   &footer.cells, &footer.offsets,   &footer.hash,
                    &footer.filter, &footer.model, &footer.checksums, &footer.properties};
}

constexpr const char* kSectionNames[] = {"heap",   "cells", "offsets",   "hash",
                                         "filter", "model", "checksums", "properties"};
constexpr size_t kPagedSectionCount = 6;

absl::Status DamagedAt(uint64_t offset, absl::string_view what) {
  return absl::DataLossError(absl::StrFormat("offset %u: %s", offset, what));
}

}  // namespace

void EncodeRunProperties(const RunProperties& properties, std::string* out) {
  PutFixed64(out, properties.file_number);
  PutFixed64(out, properties.entry_count);
  PutFixed64(out, properties.version_count);
  PutFixed64(out, properties.tombstone_count);
  PutFixed64(out, properties.slice_count);
  PutFixed64(out, properties.key_bytes);
  PutFixed64(out, properties.value_bytes);
  PutFixed64(out, properties.min_lsn);
  PutFixed64(out, properties.max_lsn);
  PutLengthPrefixed(out, properties.common_prefix);
  PutLengthPrefixed(out, properties.smallest_key);
  PutLengthPrefixed(out, properties.largest_key);
  PutVarint64(out, 0);  // of range deletes
  PutVarint64(out, properties.value_files.size());
  for (const ValueFileShare& share : properties.value_files) {
    PutVarint64(out, share.file_number);
    PutVarint64(out, share.value_count);
    PutVarint64(out, share.value_bytes);
  }
}

absl::StatusOr<RunProperties> DecodeRunProperties(absl::string_view bytes, uint32_t version) {
  ByteReader reader(bytes);
  RunProperties properties;
  properties.file_number = reader.Fixed64();
  properties.entry_count = reader.Fixed64();
  properties.version_count = reader.Fixed64();
  properties.tombstone_count = reader.Fixed64();
  properties.slice_count = reader.Fixed64();
  properties.key_bytes = reader.Fixed64();
  properties.value_bytes = reader.Fixed64();
  properties.min_lsn = reader.Fixed64();
  properties.max_lsn = reader.Fixed64();
  properties.common_prefix = std::string(reader.LengthPrefixed());
  properties.smallest_key = std::string(reader.LengthPrefixed());
  properties.largest_key = std::string(reader.LengthPrefixed());
  // Passing them by would bring deleted keys back.
  if (const uint64_t count = reader.Varint64(); reader.ok() && count > 0) {
    return absl::DataLossError(
        absl::StrFormat("the run properties announce %u deletes of ranges, expected 0", count));
  }
  const uint64_t value_file_count = version >= 3 ? reader.Varint64() : 0;
  uint64_t apart_count = 0, apart_bytes = 0;
  std::set<uint64_t> numbers;
  for (uint64_t i = 0; i < value_file_count && reader.ok(); ++i) {
    ValueFileShare share;
    share.file_number = reader.Varint64();
    share.value_count = reader.Varint64();
    share.value_bytes = reader.Varint64();
    if (!numbers.insert(share.file_number).second ||
        share.value_count > properties.version_count - apart_count ||
        share.value_bytes > properties.value_bytes - apart_bytes) {
      return absl::DataLossError(
          absl::StrFormat("the run properties say that %u values of %u bytes lie in value file %u, "
                          "which cannot be",
                          share.value_count, share.value_bytes, share.file_number));
    }
    apart_count += share.value_count;
    apart_bytes += share.value_bytes;
    properties.value_files.push_back(share);
  }
  if (!reader.ok() || !reader.rest().empty()) {
    return absl::DataLossError(
        absl::StrFormat("run properties of %u bytes do not end where they should", bytes.size()));
  }
  const RunProperties& p = properties;
  if (p.slice_count > p.entry_count || p.entry_count > p.version_count ||
      (p.slice_count == 0) != (p.version_count == 0) || p.tombstone_count > p.entry_count ||
      p.min_lsn > p.max_lsn || p.smallest_key > p.largest_key ||
      (p.entry_count > 0 && (!absl::StartsWith(p.smallest_key, p.common_prefix) ||
                             !absl::StartsWith(p.largest_key, p.common_prefix)))) {
    return absl::DataLossError(
        absl::StrFormat("run properties contradict each other: %u slices, %u entries, %u versions",
                        p.slice_count, p.entry_count, p.version_count));
  }
  return properties;
}

std::string EncodeRunTail(const RunFooter& footer) {
  std::string out;
  for (const RunSection* section : Sections(footer)) {
    PutFixed64(&out, section->offset);
    PutFixed64(&out, section->size_bytes);
  }
  PutFixed32(&out, footer.checksums_crc);
  PutFixed32(&out, footer.properties_crc);
  PutFixed32(&out, Crc32c(out));

  std::string identity;
  PutFixed32(&identity, footer.version);
  PutFixed64(&identity, kRunMagic);
  PutFixed32(&out, footer.version);
  PutFixed32(&out, Crc32c(identity));
  PutFixed64(&out, kRunMagic);
  KYRO_CHECK(out.size() == kRunTailBytes);
  return out;
}

absl::StatusOr<RunFooter> DecodeRunTail(absl::string_view tail, uint64_t file_bytes) {
  if (tail.size() < kRunTrailerBytes) {
    return DamagedAt(0, absl::StrFormat("%u bytes are too few for a run file", file_bytes));
  }
  // The trailer first: it alone says whether the rest may be read as this version has it.
  const uint64_t trailer_offset = file_bytes - kRunTrailerBytes;
  ByteReader trailer(tail.substr(tail.size() - kRunTrailerBytes));
  const uint32_t version = trailer.Fixed32();
  const uint32_t trailer_crc = trailer.Fixed32();
  const uint64_t magic = trailer.Fixed64();
  std::string identity;
  PutFixed32(&identity, version);
  PutFixed64(&identity, magic);
  if (magic != kRunMagic || trailer_crc != Crc32c(identity)) {
    return DamagedAt(trailer_offset, "this is not the end of a run file");
  }
  if (version > kRunFormatVersion) {
    return absl::UnimplementedError(
        absl::StrFormat("run format has version %u, this program reads up to version %u", version,
                        kRunFormatVersion));
  }
  if (version < kRunFormatVersionMin || tail.size() < kRunTailBytes) {
    return DamagedAt(trailer_offset, absl::StrFormat("format version %u in a file of %u bytes",
                                                     version, file_bytes));
  }

  const absl::string_view bytes = tail.substr(tail.size() - kRunTailBytes, kRunFooterBytes);
  const uint64_t footer_offset = file_bytes - kRunTailBytes;
  if (LoadFixed32(bytes.data() + kRunFooterBytes - 4) !=
      Crc32c(bytes.substr(0, kRunFooterBytes - 4))) {
    return DamagedAt(footer_offset, "the footer fails its checksum");
  }
  ByteReader reader(bytes);
  RunFooter footer;
  footer.version = version;
  for (RunSection* section : Sections(footer)) {
    section->offset = reader.Fixed64();
    section->size_bytes = reader.Fixed64();
  }
  footer.checksums_crc = reader.Fixed32();
  footer.properties_crc = reader.Fixed32();

  // Every section begins where the one before ends, on a page among the first six.
  uint64_t expected = 0;
  size_t index = 0;
  for (const RunSection* section : Sections(footer)) {
    if (section->offset != expected || section->size_bytes > footer_offset - expected) {
      return DamagedAt(
          footer_offset,
          absl::StrFormat("section %s at %u with %u bytes, expected at %u", kSectionNames[index],
                          section->offset, section->size_bytes, expected));
    }
    expected += section->size_bytes;
    if (++index <= kPagedSectionCount) {
      expected = (expected + kPageBytes - 1) / kPageBytes * kPageBytes;
      if (expected > footer_offset) {
        return DamagedAt(footer_offset, "the pages reach into the footer");
      }
    }
  }
  if (expected != footer_offset) {
    return DamagedAt(footer_offset,
                     absl::StrFormat("the sections end at offset %u, not here", expected));
  }
  if (footer.checksums.size_bytes != footer.checksums.offset / kPageBytes * 4 ||
      footer.cells.size_bytes % learned_index::kCellBytes != 0 ||
      footer.offsets.size_bytes % 8 != 0 || footer.hash.size_bytes % kHashBucketBytes != 0 ||
      footer.filter.size_bytes % (8 * kFilterBlockWords) != 0) {
    return DamagedAt(footer_offset, "a section's size is impossible");
  }
  return footer;
}

uint64_t KeySlice(absl::string_view rest) {
  uint64_t bytes = 0;
  std::memcpy(&bytes, rest.data(), std::min<size_t>(rest.size(), 8));
  return __builtin_bswap64(bytes);
}

}  // namespace kyrodb::engine
