// What a file of the disk in memory holds: bytes that are cheap to copy, and what a power loss
// leaves of them.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace kyrodb::disk {

// The unit that a real disk writes wholly or not at all.
inline constexpr uint64_t kSectorBytes = 512;
// Larger files are refused: offsets from a broken caller must not exhaust memory.
inline constexpr uint64_t kContentBytesMax = uint64_t{1} << 36;

// The bytes of a file in pages, of which copies share what neither wrote since.
//
// Shape:          any size up to `kContentBytesMax`; pages never written take no room.
// Thread-safety:  a content that was copied must not be changed any more (change the copy): then
//                 reading it, and changing its copies, is safe from any thread.
// Cost:           a copy costs one pointer per 8 KiB.
class Content {
 public:
  Content() = default;
  Content(const Content& other);
  Content& operator=(const Content&) = delete;

  uint64_t size_bytes() const { return size_bytes_; }
  // Both need an end within `kContentBytesMax`.
  void Write(uint64_t offset, absl::string_view bytes);
  void Truncate(uint64_t size_bytes);
  // Reads up to `size_bytes`, less only at the end; returns the count.
  size_t Read(uint64_t offset, size_t size_bytes, char* buffer) const;

 private:
  static constexpr uint64_t kPageBytes = 8192;
  using Page = std::array<char, kPageBytes>;
  struct Slot {
    std::shared_ptr<Page> page;  // null: zeros
    bool is_mine = false;        // no other content can have it
  };
  Page& MutablePage(size_t index);

  uint64_t size_bytes_ = 0;
  std::vector<Slot> slots_;
};

// A change of a file that no sync covers yet.
struct Change {
  bool is_truncate = false;
  uint64_t offset = 0;  // of a write; the new size of a truncate
  std::string bytes;    // of a write
};

void ApplyChange(const Change& change, Content* content);

// What a power loss may leave of a file whose synced content is `durable`, after `changes` that
// were not synced. Four kinds of outcome are drawn with the same chance, since a test that only
// ever tossed one coin per sector would all but never see the outcomes that matter most: nothing
// survives; everything does; a prefix of the changes does, the last one torn between two sectors;
// each sector is what it was after any one of the changes that touched it, or before all of them,
// and the size likewise. Sectors that never came are what was there before, or zeros.
std::shared_ptr<const Content> SurvivingContent(std::shared_ptr<const Content> durable,
                                                std::shared_ptr<const Content> current,
                                                const std::vector<Change>& changes, uint64_t seed);

}  // namespace kyrodb::disk
