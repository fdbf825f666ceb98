#include "vector/index/vector_codec.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <utility>

#include "engine/base/status.h"
#include "vector/kernels.h"
#include "vector/kernels/formula.h"

namespace kyrodb::vector::index {
namespace {

constexpr uint64_t kRotationSeed = 0x6B79726F64623031u;
// A code of 12 bits c stands for step * (c - kCenter12): so its high 8 bits h for 16 * step *
// (h - 128), as the mean over what the low 4 bits may be.
constexpr float kCenter12 = 2055.5f;
constexpr float kReach12 = 2039.0f;
// Rotate when that leaves less than this share of the error.
constexpr double kRotationGain = 0.8;
constexpr size_t kErrorSampleSize = 200;
// The error of one-bit codes falls with the root of the dimensions: over fewer, a walk compares
// the bytes.
constexpr size_t kBitDimensionsMin = 64;

struct Header {
  float factor;
  float bias;
};

Header LoadHeader(const uint8_t* row) {
  Header header;
  std::memcpy(&header, row, sizeof(header));
  return header;
}
void StoreHeader(uint8_t* row, float factor, float bias) {
  const Header header = {factor, bias};
  std::memcpy(row, &header, sizeof(header));
}
const float* FloatsOf(const uint8_t* row) {
  return reinterpret_cast<const float*>(row + kCodeHeaderBytes);
}

// NaN becomes `low`.
int ClampToInt(float value, float low, float high) {
  return static_cast<int>(value > low ? (value < high ? value : high) : low);
}

// Rows of plain floats: the header holds the inverse of the length under kCosine.
template <Metric kMetric>
void ScoreFloats(const CodeQuery& query, const CodeRows& table, const uint32_t* rows, size_t count,
                 float* out) {
  const Kernels& kernels = BestKernels();
  const auto row_of = [&](size_t i) { return table.base + size_t{rows[i]} * table.stride; };
  for (size_t i = 0; i < count; ++i) {
    if (i + 1 < count) {
      const uint8_t* const next = row_of(i + 1);
      for (size_t at = 0; at < table.stride; at += 64) __builtin_prefetch(next + at);
    }
    const uint8_t* const row = row_of(i);
    if constexpr (kMetric == Metric::kL2) {
      out[i] = kernels.squared_l2(query.floats, FloatsOf(row), query.size);
    } else {
      const float dot = kernels.dot(query.floats, FloatsOf(row), query.size);
      out[i] =
          kMetric == Metric::kInnerProduct ? -dot : 1 + LoadHeader(row).factor * query.scale * dot;
    }
  }
}

CodeKernels::Score FloatScore(Metric metric) {
  switch (metric) {
    case Metric::kL2:
      return ScoreFloats<Metric::kL2>;
    case Metric::kInnerProduct:
      return ScoreFloats<Metric::kInnerProduct>;
    case Metric::kCosine:
      break;
  }
  return ScoreFloats<Metric::kCosine>;
}

size_t RoundUp(size_t bytes, size_t unit) { return (bytes + unit - 1) / unit * unit; }

// The squared error that scalar codes of `bits` leave, scaled by the largest element.
double CodeError(std::span<const float> values, size_t bits) {
  float largest = 0;
  for (const float value : values) largest = std::max(largest, std::abs(value));
  if (!(largest > 0) || !std::isfinite(largest)) return 0;
  const double step = 2.0 * static_cast<double>(largest) / static_cast<double>((1 << bits) - 1);
  double error = 0;
  for (const float value : values) {
    const double rest = static_cast<double>(value) / step;
    const double off = (rest - std::nearbyint(rest)) * step;
    error += off * off;
  }
  return error;
}

}  // namespace

VectorCodec::Parameters VectorCodec::Train(Metric metric, size_t dimensions,
                                           const HnswOptions& options,
                                           std::span<const float* const> sample) {
  Parameters parameters;
  if (options.quantization == Quantization::kNone || sample.empty()) return parameters;
  std::vector<double> sums(dimensions, 0);
  uint64_t count = 0;
  // Rows as they will be coded: of length one under kCosine.
  std::vector<std::vector<float>> rows;
  for (const float* const floats : sample) {
    std::vector<float> row(floats, floats + dimensions);
    const float squared = BestKernels().dot(floats, floats, dimensions);
    if (!std::isnormal(squared)) continue;
    if (metric == Metric::kCosine) {
      for (float& value : row) value /= std::sqrt(squared);
    }
    for (size_t i = 0; i < dimensions; ++i) sums[i] += static_cast<double>(row[i]);
    ++count;
    if (rows.size() < kErrorSampleSize) rows.push_back(std::move(row));
  }
  if (count == 0) return parameters;
  parameters.mean.resize(dimensions);
  for (size_t i = 0; i < dimensions; ++i) {
    const double mean = sums[i] / static_cast<double>(count);
    parameters.mean[i] = std::isfinite(static_cast<float>(mean)) ? static_cast<float>(mean) : 0;
  }
  if (options.quantization == Quantization::kF16) return parameters;
  // The sign of an element says little unless all elements weigh alike.
  if (options.quantization == Quantization::kRabitq) {
    parameters.rotated = true;
    return parameters;
  }
  const Rotation rotation(dimensions, kRotationSeed);
  const size_t bits = options.quantization == Quantization::kSq4 ? 4 : 8;
  double plain = 0, rotated = 0;
  for (std::vector<float>& row : rows) {
    for (size_t i = 0; i < dimensions; ++i) row[i] -= parameters.mean[i];
    plain += CodeError(row, bits);
    rotation.Apply(row.data());
    rotated += CodeError(row, bits);
  }
  parameters.rotated = rotated < kRotationGain * plain;
  return parameters;
}

VectorCodec::VectorCodec(Metric metric, size_t dimensions, const HnswOptions& options,
                         Parameters parameters)
    : metric_(metric),
      dimensions_(dimensions),
      quantization_(options.quantization),
      parameters_(std::move(parameters)) {
  if (parameters_.rotated) rotation_ = std::make_unique<Rotation>(dimensions, kRotationSeed);
  const CodeKernels& kernels = BestCodeKernels();
  const auto row_bytes = [&](size_t bits) {
    return RoundUp(kCodeHeaderBytes + CodeBytes(dimensions, bits), 8);
  };
  rest_is_floats_ = options.rescore == Rescore::kF32 && options.quantization != Quantization::kNone;
  exact_ = rest_is_floats_ || options.quantization == Quantization::kNone;
  if (rest_is_floats_) row_bytes_.rest = dimensions * sizeof(float);
  switch (quantization_) {
    case Quantization::kNone:
      row_bytes_.base = row_bytes(32);
      score_base_ = FloatScore(metric);
      return;
    case Quantization::kF16:
      row_bytes_.base = row_bytes(16);
      score_base_ = kernels.score_half;
      return;
    case Quantization::kSq8:
      break;
    case Quantization::kSq4:
      row_bytes_.walk = row_bytes(4);
      score_walk_ = kernels.score_u4;
      break;
    case Quantization::kRabitq:
      if (dimensions < kBitDimensionsMin) break;
      row_bytes_.walk = row_bytes(1);
      score_walk_ = kernels.score_u1;
      break;
  }
  row_bytes_.base = row_bytes(8);
  score_base_ = kernels.score_u8;
  if (options.rescore == Rescore::kSq12) {
    row_bytes_.rest = RoundUp(sizeof(float) + CodeBytes(dimensions, 4), 4);
  }
}

bool VectorCodec::HasDirection(std::span<const float> vector) const {
  if (metric_ != Metric::kCosine) return true;
  const float squared = BestKernels().dot(vector.data(), vector.data(), vector.size());
  return std::isnormal(squared) && std::isnormal(1 / std::sqrt(squared));
}

void VectorCodec::Transform(std::span<const float> vector, bool is_query, float* out) const {
  float scale = 1;
  if (metric_ == Metric::kCosine) {
    scale = 1 / std::sqrt(BestKernels().dot(vector.data(), vector.data(), vector.size()));
  }
  const bool center = !parameters_.mean.empty() && !(is_query && metric_ == Metric::kInnerProduct);
  if (center) {
    const float* const mean = parameters_.mean.data();
    for (size_t i = 0; i < dimensions_; ++i) out[i] = vector[i] * scale - mean[i];
  } else {
    for (size_t i = 0; i < dimensions_; ++i) out[i] = vector[i] * scale;
  }
  if (rotation_ != nullptr) rotation_->Apply(out);
}

void VectorCodec::EncodeBytes(const float* values, float squared_length, uint8_t* base,
                              uint8_t* rest) const {
  float largest = 0;
  for (size_t i = 0; i < dimensions_; ++i) largest = std::max(largest, std::abs(values[i]));
  const float step = largest / kReach12;
  const float inverse = largest > 0 ? kReach12 / largest : 0;
  const bool has_low = rest != nullptr && !rest_is_floats_;
  if (has_low) std::memset(rest, 0, row_bytes_.rest);
  uint8_t* const high = base + kCodeHeaderBytes;
  double product = 0;
  for (size_t i = 0; i < dimensions_; ++i) {
    const int code = ClampToInt(values[i] * inverse + (kCenter12 + 0.5f), 0, 4095);
    high[i] = static_cast<uint8_t>(code >> 4);
    product += static_cast<double>((code >> 4) - 128) * static_cast<double>(values[i]);
    if (has_low) {
      uint8_t& byte = rest[sizeof(float) + i / 2];
      byte = static_cast<uint8_t>(byte | (code & 15) << (i % 2 * 4));
    }
  }
  if (has_low) std::memcpy(rest, &step, sizeof(step));
  const float factor =
      product > 0 ? static_cast<float>(static_cast<double>(squared_length) / product) : 0;
  StoreHeader(base, factor, metric_ == Metric::kInnerProduct ? 0 : squared_length);
}

void VectorCodec::EncodeWalk(const float* values, float squared_length, uint8_t* walk) const {
  std::memset(walk, 0, row_bytes_.walk);
  uint8_t* const code = walk + kCodeHeaderBytes;
  double product = 0;
  if (quantization_ == Quantization::kRabitq) {
    for (size_t i = 0; i < dimensions_; ++i) {
      code[i / 8] = static_cast<uint8_t>(code[i / 8] | (values[i] > 0 ? 1 : 0) << (i % 8));
      product += static_cast<double>(std::abs(values[i]));
    }
  } else {
    float largest = 0;
    for (size_t i = 0; i < dimensions_; ++i) largest = std::max(largest, std::abs(values[i]));
    // Cutting off the largest elements leaves finer steps to the others: the cut that points
    // nearest to the vector's own direction is taken.
    const auto code_of = [&](float value, float inverse) {
      return ClampToInt(value * inverse + 8, 0, 15);
    };
    float best_inverse = 0;
    double best = -1;
    for (const float cut : {1.0f, 0.85f, 0.7f, 0.55f, 0.42f}) {
      const float inverse = largest > 0 ? 7.5f / (cut * largest) : 0;
      double dot = 0, squared = 0;
      for (size_t i = 0; i < dimensions_; ++i) {
        const double c = code_of(values[i], inverse) - 7.5;
        dot += c * static_cast<double>(values[i]);
        squared += c * c;
      }
      const double cosine = dot / std::sqrt(squared);
      if (cosine > best) {
        best = cosine;
        best_inverse = inverse;
        product = dot;
      }
    }
    for (size_t i = 0; i < dimensions_; ++i) {
      code[i / 2] =
          static_cast<uint8_t>(code[i / 2] | code_of(values[i], best_inverse) << (i % 2 * 4));
    }
  }
  const float factor =
      product > 0 ? static_cast<float>(static_cast<double>(squared_length) / product) : 0;
  StoreHeader(walk, factor, metric_ == Metric::kInnerProduct ? 0 : squared_length);
}

void VectorCodec::Encode(std::span<const float> vector, uint8_t* walk, uint8_t* base,
                         uint8_t* rest) const {
  if (rest_is_floats_) std::memcpy(rest, vector.data(), vector.size_bytes());
  if (quantization_ == Quantization::kNone) {
    const float squared = BestKernels().dot(vector.data(), vector.data(), vector.size());
    StoreHeader(base, metric_ == Metric::kCosine ? 1 / std::sqrt(squared) : 1, squared);
    std::memcpy(base + kCodeHeaderBytes, vector.data(), vector.size_bytes());
    return;
  }
  std::vector<float> values(dimensions_);
  Transform(vector, false, values.data());
  const float squared = BestKernels().dot(values.data(), values.data(), dimensions_);
  if (quantization_ == Quantization::kF16) {
    // Scaled to at most one, so that nothing is too large for a half float.
    float largest = 0;
    for (const float value : values) largest = std::max(largest, std::abs(value));
    const float scale = largest > 0 && std::isfinite(largest)
                            ? std::ldexp(1.0f, std::clamp(std::ilogb(largest) + 1, -120, 120))
                            : 1;
    for (float& value : values) value /= scale;
    StoreHeader(base, scale, metric_ == Metric::kInnerProduct ? 0 : squared);
    BestCodeKernels().to_half(values.data(), dimensions_,
                              reinterpret_cast<uint16_t*>(base + kCodeHeaderBytes));
    return;
  }
  EncodeBytes(values.data(), squared, base, rest);
  if (row_bytes_.walk != 0) EncodeWalk(values.data(), squared, walk);
}

// The rank of a row is its squared length minus twice the product (kInnerProduct: minus the
// product), and the product is the row's factor times the query times the sum over codes, put right
// by where the codes have their zero.
void VectorCodec::PrepareCodes(PreparedQuery& query, float factor) const {
  int32_t total = 0;
  for (const int8_t value : query.values) total += value;
  const float sum = static_cast<float>(total);
  const float sign = (metric_ == Metric::kInnerProduct ? -1.0f : -2.0f) * factor;
  query.base = {query.values.data(), query.floats.data(), dimensions_, sign, -128 * sum * sign};
  if (quantization_ == Quantization::kSq4) {
    query.walk = {query.values.data(), nullptr, dimensions_, sign, -7.5f * sum * sign};
  } else if (quantization_ == Quantization::kRabitq) {
    query.walk = {query.values.data(), nullptr, dimensions_, 2 * sign, -sum * sign};
  }
}

void VectorCodec::Prepare(std::span<const float> vector, PreparedQuery& query) const {
  if (exact_) {
    query.original.assign(vector.begin(), vector.end());
    query.squared_length = metric_ == Metric::kCosine
                               ? BestKernels().dot(vector.data(), vector.data(), vector.size())
                               : 0;
  }
  if (quantization_ == Quantization::kNone) {
    query.base = {nullptr, query.original.data(), dimensions_,
                  metric_ == Metric::kCosine ? -1 / std::sqrt(query.squared_length) : 0, 0};
    query.offset = 0;
    return;
  }
  query.floats.resize(dimensions_);
  Transform(vector, true, query.floats.data());
  if (metric_ == Metric::kInnerProduct && !parameters_.mean.empty()) {
    query.mean_product =
        static_cast<double>(BestKernels().dot(vector.data(), parameters_.mean.data(), dimensions_));
  }
  FinishQuery(query);
}

void VectorCodec::FinishQuery(PreparedQuery& query) const {
  query.offset = metric_ == Metric::kInnerProduct
                     ? 0
                     : BestKernels().dot(query.floats.data(), query.floats.data(), dimensions_);
  if (quantization_ == Quantization::kF16) {
    query.base = {nullptr, query.floats.data(), dimensions_,
                  metric_ == Metric::kInnerProduct ? -1.0f : -2.0f, 0};
    return;
  }
  float largest = 0;
  for (const float value : query.floats) largest = std::max(largest, std::abs(value));
  const float inverse = largest > 0 ? 127 / largest : 0;
  query.values.resize(dimensions_);
  for (size_t i = 0; i < dimensions_; ++i) {
    query.values[i] =
        static_cast<int8_t>(ClampToInt(query.floats[i] * inverse + 128.5f, 1, 255) - 128);
  }
  PrepareCodes(query, largest / 127);
}

void VectorCodec::PrepareNear(const uint8_t* base, const uint8_t* rest, float radius,
                              std::span<const float> noise, PreparedQuery& query) const {
  std::vector<float> values(dimensions_);
  if (exact_) {
    // The floats themselves are at hand; under kCosine the radius counts in their length.
    const float* const floats =
        rest_is_floats_ ? reinterpret_cast<const float*>(rest) : FloatsOf(base);
    float scale = radius;
    if (metric_ == Metric::kCosine) {
      scale *= std::sqrt(BestKernels().dot(floats, floats, dimensions_));
    }
    for (size_t i = 0; i < dimensions_; ++i) values[i] = floats[i] + scale * noise[i];
    Prepare(values, query);
    return;
  }
  Decode(base, rest, values.data());
  query.floats.resize(dimensions_);
  for (size_t i = 0; i < dimensions_; ++i) query.floats[i] = values[i] + radius * noise[i];
  query.mean_product = 0;  // the same for all it is compared with
  FinishQuery(query);
}

void VectorCodec::Decode(const uint8_t* base, const uint8_t* rest, float* values) const {
  const float factor = LoadHeader(base).factor;
  const uint8_t* const code = base + kCodeHeaderBytes;
  if (quantization_ == Quantization::kF16) {
    BestCodeKernels().from_half(reinterpret_cast<const uint16_t*>(code), dimensions_, values);
    for (size_t i = 0; i < dimensions_; ++i) values[i] *= factor;
  } else if (row_bytes_.rest != 0) {
    float step;
    std::memcpy(&step, rest, sizeof(step));
    BestCodeKernels().join(code, rest + sizeof(step), step, dimensions_, values);
  } else {
    BestCodeKernels().join(code, nullptr, factor, dimensions_, values);
  }
}

void VectorCodec::PrepareStored(const uint8_t* base, PreparedQuery& query) const {
  const Header header = LoadHeader(base);
  if (quantization_ == Quantization::kNone) {
    query.base = {nullptr, FloatsOf(base), dimensions_,
                  metric_ == Metric::kCosine ? -header.factor : 0, 0};
    query.offset = 0;
    return;
  }
  query.offset = header.bias;
  if (quantization_ == Quantization::kF16) {
    query.floats.resize(dimensions_);
    BestCodeKernels().from_half(reinterpret_cast<const uint16_t*>(base + kCodeHeaderBytes),
                                dimensions_, query.floats.data());
    query.base = {nullptr, query.floats.data(), dimensions_,
                  (metric_ == Metric::kInnerProduct ? -1.0f : -2.0f) * header.factor, 0};
    return;
  }
  query.values.resize(dimensions_);
  const uint8_t* const code = base + kCodeHeaderBytes;
  for (size_t i = 0; i < dimensions_; ++i) query.values[i] = static_cast<int8_t>(code[i] ^ 0x80);
  PrepareCodes(query, header.factor);
}

double VectorCodec::Distance(PreparedQuery& query, const uint8_t* base, const uint8_t* rest) const {
  const Kernels& kernels = BestKernels();
  if (exact_) {
    const float* const floats =
        rest_is_floats_ ? reinterpret_cast<const float*>(rest) : FloatsOf(base);
    const float sum = metric_ == Metric::kL2
                          ? kernels.squared_l2(query.original.data(), floats, dimensions_)
                          : kernels.dot(query.original.data(), floats, dimensions_);
    const float squared = metric_ == Metric::kCosine ? kernels.dot(floats, floats, dimensions_) : 0;
    return kernels::DistanceFromSum(metric_, sum, query.squared_length, squared);
  }
  query.scratch.resize(dimensions_);
  float* const values = query.scratch.data();
  Decode(base, rest, values);
  if (metric_ == Metric::kInnerProduct) {
    return -(query.mean_product +
             static_cast<double>(kernels.dot(query.floats.data(), values, dimensions_)));
  }
  const double squared =
      static_cast<double>(kernels.squared_l2(query.floats.data(), values, dimensions_));
  return metric_ == Metric::kL2 ? std::sqrt(squared) : std::min(squared / 2, 2.0);
}

}  // namespace kyrodb::vector::index
