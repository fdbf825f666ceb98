// The bytes of a model. The format is described, with its reasons and history, in README.md.

#include <bit>
#include <cmath>
#include <cstring>
#include <utility>

#include "absl/strings/str_format.h"
#include "engine/base/coding.h"
#include "engine/base/crc32c.h"
#include "engine/base/status.h"
#include "learned_index/recursive_model_index.h"

namespace kyrodb::learned_index {
namespace {

constexpr uint32_t kMagic = 0x494D524B;  // "KRMI"
constexpr uint32_t kVersion = 1;
constexpr uint64_t kHeaderBytes = 32;
constexpr uint64_t kSegmentBytes = 16;
constexpr uint64_t kChecksumBytes = 4;

absl::Status Damaged(absl::string_view what) {
  return absl::DataLossError(absl::StrFormat("learned index model: %s", what));
}

}  // namespace

void RecursiveModelIndex::Encode(std::string* out) const {
  const size_t start = out->size();
  PutFixed32(out, kMagic);
  PutFixed32(out, kVersion);
  PutFixed32(out, static_cast<uint32_t>(key_count_));
  PutFixed32(out, segments_.size());
  PutFixed32(out, epsilon_);
  PutFixed32(out, segments_.over());
  PutFixed32(out, segments_.under());
  PutFixed32(out, 0);
  for (uint32_t i = 0; i < segments_.size(); ++i) {
    const model::Line& line = segments_.lines()[i];
    PutFixed64(out, segments_.first_keys()[i]);
    PutFixed32(out, line.position);
    PutFixed32(out, std::bit_cast<uint32_t>(line.slope));
  }
  PutFixed32(out, Crc32c(absl::string_view(*out).substr(start)));
}

absl::StatusOr<RecursiveModelIndex> RecursiveModelIndex::Decode(absl::string_view bytes) {
  if (bytes.size() < kHeaderBytes + kChecksumBytes) {
    return Damaged(absl::StrFormat("%u bytes, a model has at least %u", bytes.size(),
                                   kHeaderBytes + kChecksumBytes));
  }
  const absl::string_view body = bytes.substr(0, bytes.size() - kChecksumBytes);
  const uint32_t stored = LoadFixed32(bytes.data() + body.size());
  if (const uint32_t computed = Crc32c(body); stored != computed) {
    return Damaged(absl::StrFormat("checksum of %u bytes is %08x, stored is %08x", body.size(),
                                   computed, stored));
  }

  // From here on the bytes are what somebody wrote; whether a model is in them is another matter.
  ByteReader reader(body);
  if (const uint32_t magic = reader.Fixed32(); magic != kMagic) {
    return Damaged(absl::StrFormat("magic number is %08x, expected %08x", magic, kMagic));
  }
  if (const uint32_t version = reader.Fixed32(); version != kVersion) {
    return absl::UnimplementedError(absl::StrFormat(
        "learned index model has version %u, this program reads version %u", version, kVersion));
  }
  const uint32_t key_count = reader.Fixed32();
  const uint32_t segment_count = reader.Fixed32();
  const uint32_t epsilon = reader.Fixed32();
  const uint32_t over = reader.Fixed32();
  const uint32_t under = reader.Fixed32();
  const uint32_t reserved = reader.Fixed32();
  if (reader.rest().size() != segment_count * kSegmentBytes) {
    return Damaged(absl::StrFormat("%u bytes of segments, %u segments need %u",
                                   reader.rest().size(), segment_count,
                                   segment_count * kSegmentBytes));
  }
  if (segment_count > key_count || (segment_count == 0) != (key_count == 0) || reserved != 0 ||
      segment_count > model::Router::kSegmentCountMax) {
    return Damaged(absl::StrFormat("%u segments for %u keys", segment_count, key_count));
  }
  if (epsilon < 1 || epsilon > kEpsilonMax || over > epsilon || under >= epsilon) {
    return Damaged(absl::StrFormat("epsilon %u with errors +%u and -%u", epsilon, over, under));
  }

  model::SegmentTable segments;
  segments.Clear();
  uint64_t previous_key = 0;
  uint32_t previous_position = 0;
  for (uint32_t i = 0; i < segment_count; ++i) {
    const uint64_t first_key = reader.Fixed64();
    const uint32_t position = reader.Fixed32();
    const auto slope = std::bit_cast<float>(reader.Fixed32());
    const bool in_order =
        i == 0 ? position == 0 : first_key > previous_key && position > previous_position;
    if (!in_order || position >= key_count || !std::isfinite(slope) || std::signbit(slope)) {
      return Damaged(
          absl::StrFormat("segment %u is impossible: first key %u, position %u, slope %g", i,
                          first_key, position, slope));
    }
    segments.Append(first_key, {.slope = slope, .position = position});
    previous_key = first_key;
    previous_position = position;
  }
  segments.set_error(over, under);
  segments.Seal(key_count);
  return RecursiveModelIndex(epsilon, std::move(segments));
}

}  // namespace kyrodb::learned_index
