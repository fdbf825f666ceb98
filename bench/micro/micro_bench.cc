// Single functions under Google Benchmark: for before-and-after runs while working on one of them.
// Claims about speed come from the comparing benchmarks beside this folder, not from here.
#include <benchmark/benchmark.h>

#include <string>
#include <vector>

#include "engine/base/crc32c.h"
#include "engine/base/random.h"
#include "engine/key_codec.h"
#include "engine/row_codec.h"
#include "vector/hashbag.h"
#include "vector/kernels.h"

namespace kyrodb {
namespace {

engine::TableSchema Docs() {
  engine::TableSchema schema;
  schema.name = "docs";
  schema.columns.push_back({.name = "id", .type = {engine::TypeId::kBigint}});
  schema.columns.push_back({.name = "body", .type = {engine::TypeId::kText}});
  schema.columns.push_back({.name = "embedding", .type = {engine::TypeId::kVector, 256}});
  schema.primary_key = {0};
  return schema;
}

engine::Row DocsRow() {
  return {engine::Value(int64_t{42}), engine::Value(std::string(300, 'x')),
          engine::Value(std::vector<float>(256, 0.5f))};
}

void BM_Crc32c(benchmark::State& state) {
  const std::string bytes(static_cast<size_t>(state.range(0)), 'x');
  for (auto _ : state) benchmark::DoNotOptimize(Crc32c(bytes));
  state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(BM_Crc32c)->Arg(64)->Arg(4096)->Arg(65536);

void BM_EncodeKey(benchmark::State& state) {
  const engine::TableSchema schema = Docs();
  const engine::Row row = DocsRow();
  for (auto _ : state) benchmark::DoNotOptimize(engine::EncodeKey(schema, row));
}
BENCHMARK(BM_EncodeKey);

void BM_EncodeRow(benchmark::State& state) {
  const engine::TableSchema schema = Docs();
  const engine::Row row = DocsRow();
  for (auto _ : state) benchmark::DoNotOptimize(engine::EncodeRow(schema, row));
}
BENCHMARK(BM_EncodeRow);

void BM_DecodeOneColumn(benchmark::State& state) {
  const engine::TableSchema schema = Docs();
  const std::string bytes = engine::EncodeRow(schema, DocsRow()).value();
  for (auto _ : state) benchmark::DoNotOptimize(engine::DecodeColumn(schema, bytes, 0));
}
BENCHMARK(BM_DecodeOneColumn);

void BM_SquaredL2(benchmark::State& state) {
  const auto size = static_cast<size_t>(state.range(0));
  const std::vector<float> a(size, 0.25f), b(size, 0.5f);
  const vector::Kernels& kernels = vector::BestKernels();
  for (auto _ : state) benchmark::DoNotOptimize(kernels.squared_l2(a.data(), b.data(), size));
}
BENCHMARK(BM_SquaredL2)->Arg(128)->Arg(256)->Arg(1536);

void BM_EmbedSixtyWords(benchmark::State& state) {
  const auto embedder = vector::CreateHashbagEmbedder().value();
  std::string text;
  Random random(1);
  for (int i = 0; i < 60; ++i) {
    for (uint64_t n = 3 + random.Uniform(7); n > 0; --n) {
      text.push_back(static_cast<char>('a' + random.Uniform(26)));
    }
    text.push_back(' ');
  }
  for (auto _ : state) benchmark::DoNotOptimize(embedder->Embed(text));
}
BENCHMARK(BM_EmbedSixtyWords);

}  // namespace
}  // namespace kyrodb

BENCHMARK_MAIN();
