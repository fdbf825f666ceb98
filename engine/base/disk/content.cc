#include "engine/base/disk/content.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "engine/base/random.h"
#include "engine/base/status.h"

namespace kyrodb::disk {
namespace {

// Sectors [begin, end).
struct SectorRange {
  uint64_t begin = 0;
  uint64_t end = 0;
};

// The sectors whose bytes `change` alters in a file that has `size_bytes`.
SectorRange TouchedSectors(const Change& change, uint64_t size_bytes) {
  const uint64_t begin_byte = change.offset;
  const uint64_t end_byte = change.is_truncate ? size_bytes : change.offset + change.bytes.size();
  if (begin_byte >= end_byte) return {};
  return {.begin = begin_byte / kSectorBytes, .end = (end_byte + kSectorBytes - 1) / kSectorBytes};
}

std::shared_ptr<const Content> PrefixSurvives(const Content& durable,
                                              const std::vector<Change>& changes, Random* random) {
  auto result = std::make_shared<Content>(durable);
  const auto whole_count = static_cast<size_t>(random->Uniform(changes.size()));
  for (size_t i = 0; i < whole_count; ++i) ApplyChange(changes[i], result.get());
  const Change& torn = changes[whole_count];
  const SectorRange sectors = TouchedSectors(torn, 0);
  if (torn.is_truncate || sectors.end - sectors.begin < 2) return result;
  // Cut at one of the sector boundaries inside of the write.
  const uint64_t cut =
      (sectors.begin + 1 + random->Uniform(sectors.end - sectors.begin - 1)) * kSectorBytes;
  result->Write(torn.offset,
                absl::string_view(torn.bytes).substr(0, static_cast<size_t>(cut - torn.offset)));
  return result;
}

std::shared_ptr<const Content> EachSectorByItself(const Content& durable,
                                                  const std::vector<Change>& changes,
                                                  Random* random) {
  // First pass: how often each sector is touched, and the sizes that the file had.
  absl::flat_hash_map<uint64_t, uint32_t> touch_counts;
  std::vector<uint64_t> sizes = {durable.size_bytes()};
  for (const Change& change : changes) {
    const SectorRange sectors = TouchedSectors(change, sizes.back());
    for (uint64_t s = sectors.begin; s < sectors.end; ++s) ++touch_counts[s];
    const uint64_t size_bytes =
        change.is_truncate
            ? change.offset
            : std::max(sizes.back(),
                       change.bytes.empty() ? 0 : change.offset + change.bytes.size());
    sizes.push_back(size_bytes);
  }
  const uint64_t surviving_size_bytes = sizes[static_cast<size_t>(random->Uniform(sizes.size()))];
  const uint64_t sector_seed = random->Next();

  // Second pass: play the changes and keep each sector as it is after the touch chosen for it,
  // which depends on the seed and the sector alone.
  auto result = std::make_shared<Content>(durable);
  result->Truncate(*std::max_element(sizes.begin(), sizes.end()));
  Content played(durable);
  absl::flat_hash_map<uint64_t, uint32_t> touched;
  for (const Change& change : changes) {
    const SectorRange sectors = TouchedSectors(change, played.size_bytes());
    ApplyChange(change, &played);
    for (uint64_t s = sectors.begin; s < sectors.end; ++s) {
      const uint64_t chosen =
          SplitMix64(sector_seed ^ (s * 0x9E3779B97F4A7C15u)) % (touch_counts[s] + uint64_t{1});
      if (++touched[s] != chosen) continue;
      char sector[kSectorBytes] = {};
      played.Read(s * kSectorBytes, sizeof(sector), sector);
      const uint64_t room = result->size_bytes() - s * kSectorBytes;
      result->Write(s * kSectorBytes,
                    absl::string_view(sector, static_cast<size_t>(std::min(room, kSectorBytes))));
    }
  }
  result->Truncate(surviving_size_bytes);
  return result;
}

}  // namespace

Content::Content(const Content& other) : size_bytes_(other.size_bytes_), slots_(other.slots_) {
  for (Slot& slot : slots_) slot.is_mine = false;
}

Content::Page& Content::MutablePage(size_t index) {
  Slot& slot = slots_[index];
  if (!slot.is_mine) {
    slot.page = slot.page ? std::make_shared<Page>(*slot.page) : std::make_shared<Page>();
    slot.is_mine = true;
  }
  return *slot.page;
}

void Content::Write(uint64_t offset, absl::string_view bytes) {
  if (bytes.empty()) return;
  const uint64_t end = offset + bytes.size();
  KYRO_CHECK(end >= offset && end <= kContentBytesMax);
  if (end > size_bytes_) Truncate(end);
  while (!bytes.empty()) {
    const uint64_t in_page = offset % kPageBytes;
    const auto part_bytes =
        static_cast<size_t>(std::min<uint64_t>(kPageBytes - in_page, bytes.size()));
    std::memcpy(MutablePage(static_cast<size_t>(offset / kPageBytes)).data() + in_page,
                bytes.data(), part_bytes);
    offset += part_bytes;
    bytes.remove_prefix(part_bytes);
  }
}

void Content::Truncate(uint64_t size_bytes) {
  KYRO_CHECK(size_bytes <= kContentBytesMax);
  slots_.resize(static_cast<size_t>((size_bytes + kPageBytes - 1) / kPageBytes));
  // Bytes past the end are zero, always: growing again must not show what was cut off.
  const uint64_t in_page = size_bytes % kPageBytes;
  if (size_bytes < size_bytes_ && in_page != 0 && slots_.back().page) {
    Page& page = MutablePage(slots_.size() - 1);
    std::memset(page.data() + in_page, 0, static_cast<size_t>(kPageBytes - in_page));
  }
  size_bytes_ = size_bytes;
}

size_t Content::Read(uint64_t offset, size_t size_bytes, char* buffer) const {
  if (offset >= size_bytes_) return 0;
  const auto total = static_cast<size_t>(std::min<uint64_t>(size_bytes, size_bytes_ - offset));
  for (size_t done = 0; done < total;) {
    const uint64_t in_page = offset % kPageBytes;
    const auto part_bytes =
        static_cast<size_t>(std::min<uint64_t>(kPageBytes - in_page, total - done));
    if (const Slot& slot = slots_[static_cast<size_t>(offset / kPageBytes)]; slot.page) {
      std::memcpy(buffer + done, slot.page->data() + in_page, part_bytes);
    } else {
      std::memset(buffer + done, 0, part_bytes);
    }
    done += part_bytes;
    offset += part_bytes;
  }
  return total;
}

void ApplyChange(const Change& change, Content* content) {
  if (change.is_truncate) {
    content->Truncate(change.offset);
  } else {
    content->Write(change.offset, change.bytes);
  }
}

std::shared_ptr<const Content> SurvivingContent(std::shared_ptr<const Content> durable,
                                                std::shared_ptr<const Content> current,
                                                const std::vector<Change>& changes, uint64_t seed) {
  if (changes.empty()) return durable;
  Random random(seed);
  switch (random.Uniform(4)) {
    case 0:
      return durable;
    case 1:
      return current;
    case 2:
      return PrefixSurvives(*durable, changes, &random);
    default:
      return EachSectorByItself(*durable, changes, &random);
  }
}

}  // namespace kyrodb::disk
