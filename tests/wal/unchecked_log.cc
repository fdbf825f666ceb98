#include "tests/wal/unchecked_log.h"

#include "wal/frames/frame.h"

namespace kyrodb::wal {

std::string WithoutChecksums(std::string bytes) {
  std::optional<uint64_t> changed_hash;
  for (uint64_t at = 0; at + kFramePrefixBytes <= bytes.size();) {
    uint16_t version = 0;
    uint32_t payload_bytes = 0;
    const absl::string_view rest = absl::string_view(bytes).substr(at);
    if (DecodeFramePrefix(rest, &version, &payload_bytes) != FramePrefix::kKnown) break;
    std::string frame(rest.substr(0, kFramePrefixBytes + payload_bytes));
    frame.resize(kFramePrefixBytes + payload_bytes);  // what was torn off reads as zeros
    FrameHeader header = DecodeFrameHeader(frame);
    if (changed_hash || !FrameChecksumMatches(frame)) {
      if (changed_hash) header.prev_hash = *changed_hash;
      changed_hash = SealFrame(header, &frame);
      if (bytes.size() < at + frame.size()) bytes.resize(at + frame.size());
      bytes.replace(at, frame.size(), frame);
    }
    at += frame.size();
  }
  return bytes;
}

std::optional<uint64_t> SegmentIdOf(absl::string_view name) {
  uint64_t id = 0;
  if (!ParseSegmentName(name, &id)) return std::nullopt;
  return id;
}

}  // namespace kyrodb::wal
