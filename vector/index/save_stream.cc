#include "vector/index/save_stream.h"

#include <cmath>
#include <cstring>

#include "absl/strings/str_format.h"
#include "engine/base/crc32c.h"
#include "engine/base/status.h"

namespace kyrodb::vector::index {

SaveStream::SaveStream(absl::FunctionRef<absl::Status(absl::string_view)> sink,
                       absl::string_view magic, uint32_t version)
    : sink_(sink) {
  KYRO_CHECK(magic.size() == kMagicBytes);
  buffer_.append(magic.data(), magic.size());
  PutFixed32(&buffer_, version);
}

void SaveStream::PutFloats(std::span<const float> values) {
  buffer_.append(reinterpret_cast<const char*>(values.data()), values.size_bytes());
}

void SaveStream::Flush() {
  if (status_.ok() && !buffer_.empty()) {
    crc_ = ExtendCrc32c(crc_, buffer_);
    status_ = sink_(buffer_);
  }
  buffer_.clear();
}

absl::Status SaveStream::Finish() {
  Flush();
  KYRO_RETURN_IF_ERROR(status_);
  std::string trailer;
  PutFixed32(&trailer, crc_);
  return sink_(trailer);
}

absl::StatusOr<absl::string_view> OpenEnvelope(absl::string_view bytes, absl::string_view magic,
                                               uint32_t version) {
  constexpr size_t kHeaderBytes = kMagicBytes + 4, kTrailerBytes = 4;
  if (bytes.size() < kHeaderBytes + kTrailerBytes) {
    return absl::DataLossError(
        absl::StrFormat("vector index has %d bytes, fewer than its header", bytes.size()));
  }
  if (bytes.substr(0, kMagicBytes) != magic) {
    return absl::DataLossError(
        absl::StrFormat("vector index does not begin with the magic \"%s\"", magic));
  }
  const uint32_t found_version = LoadFixed32(bytes.data() + kMagicBytes);
  const size_t covered = bytes.size() - kTrailerBytes;
  const uint32_t expected = LoadFixed32(bytes.data() + covered);
  const uint32_t crc = Crc32c(bytes.substr(0, covered));
  if (crc != expected) {
    return absl::DataLossError(absl::StrFormat(
        "vector index of %d bytes has checksum %08x, computed %08x", bytes.size(), expected, crc));
  }
  if (found_version > version) {
    return absl::FailedPreconditionError(absl::StrFormat(
        "vector index has format version %d, this program reads up to %d", found_version, version));
  }
  if (found_version == 0) return absl::DataLossError("vector index has format version 0");
  return bytes.substr(kHeaderBytes, covered - kHeaderBytes);
}

bool ReadFloats(ByteReader& reader, size_t size, float* out) {
  const absl::string_view bytes = reader.Bytes(size * sizeof(float));
  if (!reader.ok()) return false;
  std::memcpy(out, bytes.data(), bytes.size());
  bool finite = true;
  for (size_t i = 0; i < size; ++i) finite &= static_cast<bool>(std::isfinite(out[i]));
  return finite;
}

}  // namespace kyrodb::vector::index
