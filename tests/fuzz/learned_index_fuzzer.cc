// Goal:   no bytes make the reader of position indexes, models or trees, misbehave, and whatever it
//         accepts stays safe to ask.
// Method: the input is decoded twice: as it is, and as the body of an index under a checksum
//         made right, so that the fuzzer gets past the checksum. Probes are taken from the input.

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "engine/base/coding.h"
#include "engine/base/crc32c.h"
#include "engine/base/status.h"
#include "learned_index/position_index.h"

namespace {

void DecodeAndAsk(absl::string_view bytes, const std::vector<uint64_t>& probes) {
  const auto index = kyrodb::learned_index::PositionIndex::Decode(bytes);
  if (!index.ok()) return;
  for (const uint64_t probe : probes) {
    const kyrodb::learned_index::SearchBound bound = index->Find(probe);
    KYRO_CHECK(bound.begin <= bound.end && bound.end <= index->key_count());
  }
  // A model that was accepted is written back as it was read.
  std::string again;
  index->Encode(&again);
  KYRO_CHECK(again == bytes);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::string_view bytes(reinterpret_cast<const char*>(data), size);
  std::vector<uint64_t> probes = {0, 1, uint64_t{1} << 63, ~uint64_t{0}};
  for (size_t at = 0; at + 8 <= size && probes.size() < 256; at += 8) {
    const uint64_t word = kyrodb::LoadFixed64(bytes.data() + at);
    probes.insert(probes.end(), {word - 1, word, word + 1});
  }
  DecodeAndAsk(bytes, probes);
  std::string sealed(bytes);
  kyrodb::PutFixed32(&sealed, kyrodb::Crc32c(sealed));
  DecodeAndAsk(sealed, probes);
  return 0;
}
