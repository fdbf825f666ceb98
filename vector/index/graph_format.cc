// The file format of the graph index; vector/README.md gives it byte by byte.
#include <algorithm>
#include <utility>

#include "absl/strings/str_format.h"
#include "engine/base/coding.h"
#include "engine/base/status.h"
#include "vector/index/graph_index.h"
#include "vector/index/save_stream.h"

namespace kyrodb::vector::index {
namespace {

constexpr absl::string_view kMagic = "KYROHNSW";
constexpr uint32_t kVersion = 2;

template <typename... Values>
absl::Status Damaged(const absl::FormatSpec<Values...>& format, const Values&... values) {
  return absl::DataLossError("hnsw index: " + absl::StrFormat(format, values...));
}

absl::string_view AsBytes(const uint8_t* bytes, size_t size) {
  return {reinterpret_cast<const char*>(bytes), size};
}
void Append(std::string* out, absl::string_view bytes) { out->append(bytes.data(), bytes.size()); }

}  // namespace

absl::Status GraphIndex::Save(absl::FunctionRef<absl::Status(absl::string_view)> sink) const {
  // Nothing changes while writers are kept out, so searches need not wait for the sink.
  absl::MutexLock writer(&writer_mutex_);
  SaveStream stream(sink, kMagic, kVersion);
  std::string* const out = stream.buffer();
  out->push_back(static_cast<char>(metric()));
  out->push_back(static_cast<char>(options_.quantization));
  out->push_back(static_cast<char>(options_.rescore));
  out->push_back(static_cast<char>(graph_ != nullptr));
  PutFixed32(out, static_cast<uint32_t>(dimensions()));
  PutFixed32(out, static_cast<uint32_t>(options_.m));
  PutFixed32(out, static_cast<uint32_t>(options_.ef_construction));
  PutFixed64(out, options_.seed);
  if (graph_ == nullptr) {
    PutFixed64(out, few_labels_.size());
    for (size_t i = 0; i < few_labels_.size() && stream.ok(); ++i) {
      PutFixed64(out, few_labels_[i]);
      stream.PutFloats({&few_[i * dimensions()], dimensions()});
      stream.FlushIfFull();
    }
    return stream.Finish();
  }
  const VectorCodec::Parameters& parameters = graph_->codec().parameters();
  out->push_back(static_cast<char>(parameters.rotated));
  out->push_back(static_cast<char>(!parameters.mean.empty()));
  stream.PutFloats(parameters.mean);
  {
    absl::ReaderMutexLock lock(&labels_mutex_);
    PutFixed64(out, without_direction_.size());
    for (const auto& [label, vector] : without_direction_) {
      PutFixed64(out, label);
      stream.PutFloats(vector);
      stream.FlushIfFull();
    }
  }
  const uint64_t count = graph_->node_count();
  PutFixed64(out, count);
  PutFixed32(out, graph_->entry_node());
  PutFixed64(out, graph_->mend_cursor());
  const RowBytes& row_bytes = graph_->codec().row_bytes();
  for (uint32_t node = 0; node < count && stream.ok(); ++node) {
    PutFixed64(out, LabelOf(node));
    out->push_back(static_cast<char>(graph_->state(node)));
    Append(out, AsBytes(graph_->WalkRow(node), row_bytes.walk));
    Append(out, AsBytes(graph_->BaseRow(node), row_bytes.base));
    Append(out, AsBytes(graph_->RestRow(node), row_bytes.rest));
    for (int level = 0; level <= graph_->LevelOf(node); ++level) {
      for (const uint32_t link : graph_->List(node, level)) PutFixed32(out, link);
    }
    stream.FlushIfFull();
  }
  return stream.Finish();
}

absl::Status GraphIndex::LoadFew(ByteReader& reader) {
  const uint64_t count = reader.Fixed64();
  if (!reader.ok() || count > kGraphCountMin) return Damaged("%d vectors without a graph", count);
  absl::MutexLock lock(&labels_mutex_);
  few_.resize(count * dimensions());
  for (uint64_t i = 0; i < count; ++i) {
    const uint64_t label = reader.Fixed64();
    if (!ReadFloats(reader, dimensions(), &few_[i * dimensions()])) {
      return Damaged("vector %d of %d is cut short or holds NaN or infinity", i, count);
    }
    if (!nodes_by_label_.emplace(label, static_cast<uint32_t>(i)).second) {
      return Damaged("vector %d has label %d again", i, label);
    }
    few_labels_.push_back(label);
  }
  live_count_.store(count, std::memory_order_release);
  return absl::OkStatus();
}

absl::Status GraphIndex::LoadGraph(ByteReader& reader) {
  VectorCodec::Parameters parameters;
  const uint8_t rotated = reader.Fixed8(), has_mean = reader.Fixed8();
  if (!reader.ok() || rotated > 1 || has_mean > 1) return Damaged("bad header of the codes");
  parameters.rotated = rotated != 0;
  if (has_mean != 0) {
    parameters.mean.resize(dimensions());
    if (!ReadFloats(reader, dimensions(), parameters.mean.data())) {
      return Damaged("the mean is cut short or holds NaN or infinity");
    }
  }
  absl::MutexLock lock(&labels_mutex_);
  const uint64_t pointless = reader.Fixed64();
  std::vector<float> vector(dimensions());
  for (uint64_t i = 0; i < pointless; ++i) {
    const uint64_t label = reader.Fixed64();
    if (!ReadFloats(reader, dimensions(), vector.data()) ||
        !without_direction_.emplace(label, vector).second) {
      return Damaged("vector %d of %d without a direction", i, pointless);
    }
  }
  if (pointless != 0 && metric() != Metric::kCosine) return Damaged("vectors without direction");
  graph_ = std::make_unique<Graph>(
      VectorCodec(metric(), dimensions(), options_, std::move(parameters)), options_);
  const uint64_t count = reader.Fixed64();
  const uint32_t entry_node = reader.Fixed32();
  const uint64_t mend_cursor = reader.Fixed64();
  const RowBytes& row_bytes = graph_->codec().row_bytes();
  const size_t rows_bytes = row_bytes.walk + row_bytes.base + row_bytes.rest;
  const uint64_t node_bytes_min = 9 + rows_bytes + graph_->ListCapacity(0) * sizeof(uint32_t);
  if (!reader.ok() || count > reader.rest().size() / node_bytes_min ||
      count > Graph::kNodeCountMax) {
    return Damaged("%d nodes in %d bytes", count, reader.rest().size());
  }
  const uint64_t capacity = std::max<uint64_t>(count, 2 * kGraphCountMin);
  KYRO_RETURN_IF_ERROR(graph_->Reserve(capacity));
  labels_.reserve(capacity);
  std::vector<uint32_t> lists;
  for (uint32_t node = 0; node < count; ++node) {
    const uint64_t label = reader.Fixed64();
    const uint8_t state = reader.Fixed8();
    const absl::string_view rows = reader.Bytes(rows_bytes);
    lists.resize(graph_->ListCapacity(0) +
                 static_cast<size_t>(graph_->LevelOf(node)) * graph_->ListCapacity(1));
    const absl::string_view links = reader.Bytes(lists.size() * sizeof(uint32_t));
    if (!reader.ok() || state > static_cast<uint8_t>(NodeState::kFree)) {
      return Damaged("node %d of %d is cut short or has a bad state", node, count);
    }
    for (size_t i = 0; i < lists.size(); ++i) lists[i] = LoadFixed32(links.data() + i * 4);
    graph_->RestoreNode(static_cast<NodeState>(state),
                        reinterpret_cast<const uint8_t*>(rows.data()), lists);
    labels_.push_back(label);
    if (state != static_cast<uint8_t>(NodeState::kLive)) continue;
    if (without_direction_.contains(label) || !nodes_by_label_.emplace(label, node).second) {
      return Damaged("node %d has label %d again", node, label);
    }
  }
  if (!graph_->FinishRestore(entry_node, mend_cursor)) {
    return Damaged("a link, the entry node %d or the mark %d leads nowhere among %d nodes",
                   entry_node, mend_cursor, count);
  }
  live_count_.store(nodes_by_label_.size() + without_direction_.size(), std::memory_order_release);
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<GraphIndex>> GraphIndex::Load(absl::string_view bytes) {
  KYRO_ASSIGN_OR_RETURN(const absl::string_view body, OpenEnvelope(bytes, kMagic, kVersion));
  if (const uint32_t version = LoadFixed32(bytes.data() + kMagicBytes); version != kVersion) {
    return Damaged("format version %d is no longer read, build the index again", version);
  }
  ByteReader reader(body);
  const uint8_t metric = reader.Fixed8(), quantization = reader.Fixed8(), rescore = reader.Fixed8();
  const uint8_t has_graph = reader.Fixed8();
  const uint32_t dimensions = reader.Fixed32();
  HnswOptions options;
  options.m = reader.Fixed32();
  options.ef_construction = reader.Fixed32();
  options.seed = reader.Fixed64();
  options.quantization = static_cast<Quantization>(quantization);
  options.rescore = static_cast<Rescore>(rescore);
  if (!reader.ok() || metric > static_cast<uint8_t>(Metric::kCosine) ||
      quantization > static_cast<uint8_t>(Quantization::kRabitq) ||
      rescore > static_cast<uint8_t>(Rescore::kF32) || has_graph > 1 ||
      !CheckHnswOptions(dimensions, options).ok()) {
    return Damaged(
        "header names metric %d, quantization %d, rescore %d, %d dimensions, m %d, "
        "ef_construction %d in %d bytes",
        metric, quantization, rescore, dimensions, options.m, options.ef_construction,
        bytes.size());
  }
  auto index = std::make_unique<GraphIndex>(static_cast<Metric>(metric), dimensions, options);
  KYRO_RETURN_IF_ERROR(has_graph != 0 ? index->LoadGraph(reader) : index->LoadFew(reader));
  if (!reader.rest().empty()) return Damaged("%d bytes follow the end", reader.rest().size());
  return index;
}

}  // namespace kyrodb::vector::index
