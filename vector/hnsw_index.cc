#include "vector/hnsw_index.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_format.h"
#include "engine/base/status.h"
#include "vector/index/graph_index.h"

namespace kyrodb::vector {
namespace {

constexpr absl::string_view kQuantizationNames[] = {"none", "f16", "sq8", "sq4", "rabitq"};
constexpr absl::string_view kRescoreNames[] = {"none", "sq12", "f32"};

template <typename Enum, size_t kCount>
std::optional<Enum> Parse(const absl::string_view (&names)[kCount], absl::string_view name) {
  const std::string lower = absl::AsciiStrToLower(name);
  for (size_t i = 0; i < kCount; ++i) {
    if (names[i] == lower) return static_cast<Enum>(i);
  }
  return std::nullopt;
}

}  // namespace

absl::string_view QuantizationName(Quantization quantization) {
  return kQuantizationNames[static_cast<size_t>(quantization)];
}
std::optional<Quantization> ParseQuantization(absl::string_view name) {
  return Parse<Quantization>(kQuantizationNames, name);
}
absl::string_view RescoreName(Rescore rescore) {
  return kRescoreNames[static_cast<size_t>(rescore)];
}
std::optional<Rescore> ParseRescore(absl::string_view name) {
  return Parse<Rescore>(kRescoreNames, name);
}

absl::Status CheckHnswOptions(size_t dimensions, const HnswOptions& options) {
  if (dimensions < 1 || dimensions > kDimensionsMax) {
    return absl::InvalidArgumentError(absl::StrFormat(
        "a vector index of %d dimensions, expected 1 to %d", dimensions, kDimensionsMax));
  }
  if (options.m < 2 || options.m > 100) {
    return absl::InvalidArgumentError(
        absl::StrFormat("option m is %d, expected 2 to 100", options.m));
  }
  if (options.ef_construction < std::max<size_t>(4, 2 * options.m) ||
      options.ef_construction > 1000) {
    return absl::InvalidArgumentError(
        absl::StrFormat("option ef_construction is %d, expected %d (twice m, at least 4) to 1000",
                        options.ef_construction, std::max<size_t>(4, 2 * options.m)));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<VectorIndex>> CreateHnswIndex(Metric metric, size_t dimensions,
                                                             const HnswOptions& options) {
  KYRO_RETURN_IF_ERROR(CheckHnswOptions(dimensions, options));
  return std::make_unique<index::GraphIndex>(metric, dimensions, options);
}

absl::StatusOr<std::unique_ptr<VectorIndex>> LoadHnswIndex(absl::string_view bytes) {
  return index::GraphIndex::Load(bytes);
}

}  // namespace kyrodb::vector
