// Feeds arbitrary bytes to both index loaders and searches whatever they accept. The checksum is
// put right first (unless the input says not to), so that the checks behind it are reached.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "engine/base/coding.h"
#include "engine/base/crc32c.h"
#include "vector/flat_index.h"
#include "vector/hnsw_index.h"

namespace kyrodb::vector {
namespace {

class OddLabels final : public LabelFilter {
 public:
  bool Matches(uint64_t label) const override { return label % 2 == 1; }
};

void Use(absl::StatusOr<std::unique_ptr<VectorIndex>> loaded) {
  if (!loaded.ok()) return;
  VectorIndex& index = **loaded;
  const std::vector<float> query(index.dimensions(), 0.5f);
  const OddLabels odd;
  for (const LabelFilter* filter :
       {static_cast<const LabelFilter*>(nullptr), static_cast<const LabelFilter*>(&odd)}) {
    const auto found = index.Search(query, {.k = 3, .ef = 2, .filter = filter});
    if (!found.ok()) std::abort();
    if (filter == nullptr && found->size() != (index.size() < 3 ? index.size() : 3)) std::abort();
  }
  // What was loaded saves and loads again.
  std::string saved;
  const absl::Status status = index.Save([&](absl::string_view piece) {
    saved.append(piece.data(), piece.size());
    return absl::OkStatus();
  });
  if (!status.ok()) std::abort();
  const auto again = index.kind() == "flat" ? LoadFlatIndex(saved) : LoadHnswIndex(saved);
  if (!again.ok() || (*again)->size() != index.size()) std::abort();
  if (!index.Contains(1) && !index.Add(1, query).ok()) std::abort();
}

}  // namespace
}  // namespace kyrodb::vector

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  std::string bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  if (data[0] % 8 != 0) {
    // Most inputs get the magic of one kind, its version and a checksum that fits.
    bytes.insert(0, data[0] % 2 == 0 ? "KYROFLAT" : "KYROHNSW");
    bytes.insert(8, std::string(data[0] % 2 == 0 ? "\1\0\0\0" : "\2\0\0\0", 4));
    kyrodb::PutFixed32(&bytes, kyrodb::Crc32c(bytes));
  }
  kyrodb::vector::Use(kyrodb::vector::LoadFlatIndex(bytes));
  kyrodb::vector::Use(kyrodb::vector::LoadHnswIndex(bytes));
  return 0;
}
