// Goal:   what is written by a thread of its own is what was handed over, in order, with the right
//         checksums; an error of the disk reaches who writes, and nobody waits for ever.
// Method: random pieces, short and long files, compared byte by byte; a disk that fails at each of
//         its writes; writers that are given up half-way. Words that grow, against a vector.
#include "engine/storage/page_writer.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "engine/base/crc32c.h"
#include "engine/base/fault_file_system.h"
#include "engine/base/memory_file_system.h"
#include "engine/base/random.h"
#include "engine/storage/growing_words.h"
#include "engine/storage/page_region.h"
#include "tests/engine/storage/test_seed.h"

namespace kyrodb::engine {
namespace {

std::string RandomText(Random& random, size_t size) {
  std::string text(size, '\0');
  for (size_t i = 0; i < size; i += 7) text[i] = static_cast<char>(random.Next());
  return text;
}

// Hands over `bytes` in random pieces, filled up to a page; the first error.
absl::Status WriteAll(PageWriter& writer, const std::string& bytes, Random& random) {
  PageBuffer buffer;
  for (size_t at = 0; at < bytes.size();) {
    const size_t count = std::min<size_t>(bytes.size() - at, 1 + random.Uniform(300'000));
    buffer.Append(absl::string_view(bytes).substr(at, count));
    at += count;
    if (buffer.size() < PageWriter::kWriteBytes) continue;
    if (absl::Status status = writer.Write(&buffer); !status.ok()) return status;
    EXPECT_LT(buffer.size(), kPageBytes);
  }
  buffer.Append(std::string((kPageBytes - bytes.size() % kPageBytes) % kPageBytes, '\0'));
  if (absl::Status status = writer.Write(&buffer); !status.ok()) return status;
  return writer.Drain();
}

TEST(PageWriterTest, WritesWhatItWasGivenWithTheRightChecksums) {
  Random random(TestSeed());
  for (const size_t size : {0, 1, 4096, 4097, 600'000, 4'300'000, 9'000'000, 20'000'000}) {
    const auto disk = NewMemoryFileSystem();
    std::string bytes = RandomText(random, size);
    PageWriter writer(disk->Create("file").value());
    ASSERT_TRUE(WriteAll(writer, bytes, random).ok());
    // The file is the caller's again.
    ASSERT_TRUE(writer.file().Sync().ok());
    ASSERT_TRUE(writer.file().Close().ok());
    bytes.resize((size + kPageBytes - 1) / kPageBytes * kPageBytes);
    EXPECT_TRUE(ReadFile(*disk, "file").value() == bytes) << size;
    ASSERT_EQ(writer.page_checksums().size(), bytes.size() / kPageBytes);
    for (size_t page = 0; page < writer.page_checksums().size(); ++page) {
      ASSERT_EQ(writer.page_checksums()[page],
                Crc32c(absl::string_view(bytes).substr(page * kPageBytes, kPageBytes)));
    }
  }
}

TEST(PageWriterTest, AnErrorOfTheDiskReachesTheWriter) {
  Random random(TestSeed());
  const std::string bytes = RandomText(random, 12'000'000);
  for (uint64_t at = 0; at < 12; ++at) {
    const auto disk = NewMemoryFileSystem();
    const auto faulty = NewFaultFileSystem(disk.get());
    PageWriter writer(faulty->Create("file").value());
    faulty->SetFault({.kind = Fault::Kind::kWriteError, .at = at, .forever = false});
    EXPECT_EQ(WriteAll(writer, bytes, random).code(), absl::StatusCode::kUnavailable) << at;
  }
}

TEST(PageWriterTest, CanBeGivenUpAtAnyTime) {
  Random random(TestSeed());
  const std::string piece = RandomText(random, 1 << 20);
  for (int count = 0; count < 12; ++count) {
    const auto disk = NewMemoryFileSystem();
    PageWriter writer(disk->Create("file").value());
    PageBuffer buffer;
    for (int i = 0; i < count; ++i) {
      buffer.Append(piece);
      ASSERT_TRUE(writer.Write(&buffer).ok());
    }
  }
}

TEST(GrowingWordsTest, KeepTheirContentHoweverTheyGrow) {
  Random random(TestSeed());
  for (int round = 0; round < 20; ++round) {
    GrowingWords words;
    std::vector<uint64_t> expected;
    const size_t end = random.OneIn(2) ? random.Uniform(1000) : random.Uniform(1'000'000);
    if (random.OneIn(2)) words.reserve(random.Uniform(300'000));
    while (expected.size() < end) {
      if (random.OneIn(100)) {
        const size_t count = random.Uniform(1000);
        uint64_t* const added = words.Extend(count);
        for (size_t i = 0; i < count; ++i) expected.push_back(added[i] = random.Next());
      } else {
        expected.push_back(random.Next());
        words.push_back(expected.back());
      }
    }
    ASSERT_EQ(words.size(), expected.size());
    EXPECT_EQ(words.empty(), expected.empty());
    ASSERT_TRUE(std::equal(expected.begin(), expected.end(), words.span().begin()));
    EXPECT_EQ(words.bytes().size(), 8 * expected.size());
  }
}

}  // namespace
}  // namespace kyrodb::engine
