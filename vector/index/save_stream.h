// Writing and opening the envelope that all index formats share:
//
//   magic (8 bytes) | version (fixed32) | body | CRC-32C of everything before it (fixed32)
//
// Rationale: an index is derived data, read whole and rebuilt when damaged, so one checksum over
// everything is enough; it comes last so that saving can stream.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "engine/base/coding.h"

namespace kyrodb::vector::index {

inline constexpr size_t kMagicBytes = 8;

// Collects pieces of about 1 MiB for a sink. The first error of the sink sticks.
class SaveStream {
 public:
  SaveStream(absl::FunctionRef<absl::Status(absl::string_view)> sink, absl::string_view magic,
             uint32_t version);

  // Where the caller appends with `PutFixed32` and friends; call `FlushIfFull` between items.
  std::string* buffer() { return &buffer_; }
  void PutFloats(std::span<const float> values);
  void FlushIfFull() {
    if (buffer_.size() >= kPieceBytes) Flush();
  }
  bool ok() const { return status_.ok(); }
  // Writes what is left and the checksum.
  absl::Status Finish();

 private:
  static constexpr size_t kPieceBytes = 1 << 20;
  void Flush();

  absl::FunctionRef<absl::Status(absl::string_view)> sink_;
  std::string buffer_;
  uint32_t crc_ = 0;
  absl::Status status_;
};

// Checks magic, version and checksum and returns the body. `DataLoss` or `FailedPrecondition`.
absl::StatusOr<absl::string_view> OpenEnvelope(absl::string_view bytes, absl::string_view magic,
                                               uint32_t version);

// Copies `size` floats from the reader; false when they are not there or not all finite.
bool ReadFloats(ByteReader& reader, size_t size, float* out);

}  // namespace kyrodb::vector::index
