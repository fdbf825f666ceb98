// Data sets from a seed, with what makes real ones hard: neighbourhoods of many sizes, dimensions
// that hang together, and queries drawn as the base was.
#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "bench/ann/data_set.h"
#include "engine/base/random.h"

namespace kyrodb::bench {
namespace {

// Histograms of gradients as SIFT takes them, over patches of a drawn picture: 4 x 4 cells of 8
// directions, normalised, clipped at 0.2, and rounded to whole numbers up to 255. The picture is a
// sum of edges and blobs, so near patches have near histograms and many patches look alike.
class Gradients {
 public:
  explicit Gradients(Random& random) : random_(random) {
    for (Shape& shape : shapes_) {
      for (float& value : shape.value) value = static_cast<float>(random_.Normal());
    }
  }
  void Next(float* out) {
    float cells[128] = {};
    // A patch shows a few shapes out of many, shifted and turned a little.
    const size_t count = 1 + random_.Uniform(4);
    for (size_t s = 0; s < count; ++s) {
      // Popular shapes are drawn far more often than rare ones.
      const double unit = random_.Unit();
      const Shape& shape = shapes_[static_cast<size_t>(unit * unit * unit * kShapeCount)];
      const double angle = shape.value[0] * 3 + 0.35 * random_.Normal();
      const double offset = shape.value[1] * 1.5 + 0.4 * random_.Normal();
      const double width = 0.6 + 0.5 * std::abs(static_cast<double>(shape.value[2]));
      const double curve = 0.35 * shape.value[3] + 0.05 * random_.Normal();
      const double strength = std::exp(0.4 * random_.Normal());
      for (int y = 0; y < 16; ++y) {
        for (int x = 0; x < 16; ++x) {
          const double px = (x - 7.5) / 4, py = (y - 7.5) / 4;
          const double across = px * std::cos(angle) + py * std::sin(angle);
          const double along = py * std::cos(angle) - px * std::sin(angle);
          const double at = (across - offset - curve * along * along) / width;
          const double slope = strength * std::exp(-at * at);
          const double turn = angle - std::atan(2 * curve * along);
          const double direction = std::fmod(turn / (2 * M_PI) * 8 + 80, 8.0);
          const int first = static_cast<int>(direction);
          const double rest = direction - first;
          float* const cell = cells + (y / 4 * 4 + x / 4) * 8;
          cell[first % 8] += static_cast<float>(slope * (1 - rest));
          cell[(first + 1) % 8] += static_cast<float>(slope * rest);
        }
      }
    }
    for (float& cell : cells) {
      cell = std::max(0.0f, cell + 0.15f * static_cast<float>(random_.Normal()));
    }
    for (int round = 0; round < 2; ++round) {
      float squared = 1e-9f;
      for (const float cell : cells) squared += cell * cell;
      for (float& cell : cells) cell = std::min(cell / std::sqrt(squared), 0.2f);
    }
    for (size_t i = 0; i < 128; ++i) out[i] = std::min(255.0f, std::floor(512 * cells[i]));
  }

 private:
  static constexpr size_t kShapeCount = 2000;
  struct Shape {
    float value[4];
  };
  Random& random_;
  Shape shapes_[kShapeCount];
};

// Documents as latent semantic analysis sees them: each mixes a few topics of a hierarchy, topics
// are directions whose strength falls off as a power of their rank, as singular values do.
class Topics {
 public:
  static constexpr size_t kDimensions = 256;
  explicit Topics(Random& random) : random_(random) {
    for (size_t i = 0; i < kDimensions; ++i) {
      spectrum_[i] = static_cast<float>(std::pow(static_cast<double>(i + 3), -0.45));
    }
    topics_.resize(kTopicCount * kDimensions);
    for (size_t t = 0; t < kTopicCount; ++t) {
      const size_t parent = t < 40 ? t : random_.Uniform(t);
      for (size_t i = 0; i < kDimensions; ++i) {
        const float fresh = spectrum_[i] * static_cast<float>(random_.Normal());
        topics_[t * kDimensions + i] =
            t < 40 ? fresh : 0.7f * topics_[parent * kDimensions + i] + 0.7f * fresh;
      }
    }
  }
  void Next(float* out) {
    std::fill_n(out, kDimensions, 0.0f);
    const size_t count = 1 + random_.Uniform(5);
    for (size_t s = 0; s < count; ++s) {
      const double unit = random_.Unit();
      const size_t topic = static_cast<size_t>(unit * unit * kTopicCount);
      const float weight = static_cast<float>(std::exp(0.7 * random_.Normal()));
      for (size_t i = 0; i < kDimensions; ++i) out[i] += weight * topics_[topic * kDimensions + i];
    }
    // What is said in words of its own; little in some, much in others.
    const float own = 0.25f + 0.5f * static_cast<float>(random_.Unit());
    for (size_t i = 0; i < kDimensions; ++i) {
      out[i] += own * spectrum_[i] * static_cast<float>(random_.Normal());
    }
  }

 private:
  static constexpr size_t kTopicCount = 6000;
  Random& random_;
  float spectrum_[kDimensions];
  std::vector<float> topics_;
};

template <typename Source>
void Fill(Source& source, size_t dimensions, size_t count, std::vector<float>& out) {
  out.resize(count * dimensions);
  for (size_t i = 0; i < count; ++i) source.Next(&out[i * dimensions]);
}

}  // namespace

absl::StatusOr<DataSet> GenerateDataSet(absl::string_view name, size_t count, uint64_t seed) {
  constexpr size_t kQueries = 1000;
  DataSet data;
  data.name = absl::StrCat(name, "-", count);
  Random random(seed);
  if (name == "sift-like") {
    data.dimensions = 128;
    Gradients gradients(random);
    Fill(gradients, data.dimensions, count, data.base);
    Fill(gradients, data.dimensions, kQueries, data.queries);
  } else if (name == "lsa-like") {
    data.dimensions = Topics::kDimensions;
    data.metric = vector::Metric::kCosine;
    Topics topics(random);
    Fill(topics, data.dimensions, count, data.base);
    Fill(topics, data.dimensions, kQueries, data.queries);
  } else {
    return absl::NotFoundError(
        absl::StrCat("no generated data set \"", name, "\": expected sift-like or lsa-like"));
  }
  FillTruth(data, kQueries);
  return data;
}

}  // namespace kyrodb::bench
