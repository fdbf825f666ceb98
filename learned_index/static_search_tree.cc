#include "learned_index/static_search_tree.h"

#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/str_format.h"
#include "engine/base/coding.h"
#include "engine/base/crc32c.h"
#include "engine/base/status.h"
#include "learned_index/cells.h"

namespace kyrodb::learned_index {
namespace {

constexpr uint32_t kMagic = 0x4552544B;  // "KTRE"
constexpr uint32_t kVersion = 1;
constexpr uint64_t kHeaderBytes = 16;
constexpr uint64_t kChecksumBytes = 4;

absl::Status Damaged(absl::string_view what) {
  return absl::DataLossError(absl::StrFormat("static search tree: %s", what));
}

}  // namespace

void StaticSearchTree::FindBatch(std::span<const uint64_t> keys,
                                 std::span<SearchBound> bounds) const {
  KYRO_CHECK(bounds.size() >= keys.size());
  std::array<uint64_t, 64> counts;
  for (size_t begin = 0; begin < keys.size(); begin += counts.size()) {
    const auto group = keys.subspan(begin, std::min(counts.size(), keys.size() - begin));
    kernels_->count_in_tree_batch(levels_.view(), group, counts);
    for (size_t i = 0; i < group.size(); ++i) bounds[begin + i] = BoundOf(counts[i]);
  }
}

uint64_t StaticSearchTree::bound_width_max() const { return std::min(kCellSlices, key_count_); }

bool StaticSearchTree::IsOneOf(absl::string_view bytes) {
  return bytes.size() >= sizeof(kMagic) && LoadFixed32(bytes.data()) == kMagic;
}

void StaticSearchTree::Encode(std::string* out) const {
  const size_t start = out->size();
  PutFixed32(out, kMagic);
  PutFixed32(out, kVersion);
  PutFixed32(out, static_cast<uint32_t>(key_count_));
  PutFixed32(out, static_cast<uint32_t>(kCellSlices));
  for (uint64_t i = 0; i < cell_count(); ++i) PutFixed64(out, levels_.leaf_key(i));
  PutFixed32(out, Crc32c(absl::string_view(*out).substr(start)));
}

absl::StatusOr<StaticSearchTree> StaticSearchTree::Decode(absl::string_view bytes) {
  if (bytes.size() < kHeaderBytes + kChecksumBytes) {
    return Damaged(absl::StrFormat("%u bytes, a tree has at least %u", bytes.size(),
                                   kHeaderBytes + kChecksumBytes));
  }
  const absl::string_view body = bytes.substr(0, bytes.size() - kChecksumBytes);
  const uint32_t stored = LoadFixed32(bytes.data() + body.size());
  if (const uint32_t computed = Crc32c(body); stored != computed) {
    return Damaged(absl::StrFormat("checksum of %u bytes is %08x, stored is %08x", body.size(),
                                   computed, stored));
  }

  // From here on the bytes are what somebody wrote; whether a tree is in them is another matter.
  ByteReader reader(body);
  if (const uint32_t magic = reader.Fixed32(); magic != kMagic) {
    return Damaged(absl::StrFormat("magic number is %08x, expected %08x", magic, kMagic));
  }
  if (const uint32_t version = reader.Fixed32(); version != kVersion) {
    return absl::UnimplementedError(absl::StrFormat(
        "static search tree has version %u, this program reads version %u", version, kVersion));
  }
  const uint64_t key_count = reader.Fixed32();
  const uint64_t stride = reader.Fixed32();
  if (stride != kCellSlices) {
    return Damaged(absl::StrFormat("cells of %u keys, expected %u", stride, kCellSlices));
  }
  const uint64_t cell_count = (key_count + kCellSlices - 1) / kCellSlices;
  if (reader.rest().size() != cell_count * sizeof(uint64_t)) {
    return Damaged(absl::StrFormat("%u bytes of first keys, %u keys need %u", reader.rest().size(),
                                   key_count, cell_count * sizeof(uint64_t)));
  }
  model::HugePageVector<uint64_t> leaf_keys;
  leaf_keys.reserve(cell_count);
  for (uint64_t i = 0; i < cell_count; ++i) {
    const uint64_t key = reader.Fixed64();
    if (i > 0 && key <= leaf_keys.back()) {
      return Damaged(
          absl::StrFormat("first key %u of cell %u follows %u", key, i, leaf_keys.back()));
    }
    leaf_keys.push_back(key);
  }
  return StaticSearchTree(key_count, model::TreeLevels(leaf_keys));
}

StaticSearchTree StaticSearchTreeBuilder::Finish() {
  return StaticSearchTree(std::exchange(key_count_, 0),
                          model::TreeLevels(std::exchange(leaf_keys_, {})));
}

}  // namespace kyrodb::learned_index
