// Goal:   databases that earlier versions wrote open with the right answers, and can be written.
// Method: each file `v<n>.txt` beside this one holds the bytes of a small database as version n of
//         the formats left it when its process died; the rows that must be in it are those of
//         `MakeSample`. A new file is written by running this test with KYRO_WRITE_GOLDEN=FILE; old
//         ones are never changed once that version has been released.
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "tests/engine/damage/sample.h"
#include "tests/engine/test_database.h"

namespace kyrodb::engine {
namespace {

constexpr int kRowCount = 12;
constexpr int kLogCommitCount = 4;
constexpr size_t kLineBytes = 32;

// One line "file <path> <size>" a file, then "<offset> <hexadecimal bytes>" wherever the bytes are
// not all zero.
std::string Write(const std::map<std::string, std::string>& files) {
  std::string text;
  for (const auto& [path, bytes] : files) {
    absl::StrAppend(&text, "file ", path, " ", bytes.size(), "\n");
    for (size_t at = 0; at < bytes.size(); at += kLineBytes) {
      const std::string line = bytes.substr(at, kLineBytes);
      if (line.find_first_not_of('\0') == std::string::npos) continue;
      absl::StrAppend(&text, at, " ", absl::BytesToHexString(line), "\n");
    }
  }
  return text;
}

std::map<std::string, std::string> Read(const std::string& text) {
  std::map<std::string, std::string> files;
  std::string* bytes = nullptr;
  std::istringstream lines(text);
  for (std::string first, second; lines >> first >> second;) {
    if (first == "file") {
      size_t size = 0;
      lines >> size;
      bytes = &files[second];
      bytes->resize(size);
    } else {
      const std::string line = absl::HexStringToBytes(second);
      bytes->replace(std::stoull(first), line.size(), line);
    }
  }
  return files;
}

TEST(GoldenTest, DatabasesOfEveryVersionOpenWithTheRightAnswers) {
  const Sample sample = MakeSample(kRowCount, kLogCommitCount);
  if (const char* path = std::getenv("KYRO_WRITE_GOLDEN")) {
    std::ofstream(path) << Write(ReadAllFiles(*sample.disk));
  }
  int count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(KYRO_GOLDEN_DIRECTORY)) {
    if (entry.path().extension() != ".txt") continue;
    SCOPED_TRACE(entry.path().filename().string());
    ++count;
    std::stringstream text;
    text << std::ifstream(entry.path()).rdbuf();
    const std::unique_ptr<MemoryFileSystem> disk = WriteAllFiles(Read(text.str()));
    std::unique_ptr<Database> database = OpenOrDie(disk.get());
    ASSERT_NE(database, nullptr);
    EXPECT_EQ(database->recovery().damage, "");
    // Version 2 had vector indexes over hnswlib's graph: derived data of a format that is gone.
    EXPECT_EQ(database->recovery().rebuilt_indexes, entry.path().stem() == "v2" ? 1u : 0u);
    EXPECT_EQ(database->recovery().replayed_count, static_cast<uint64_t>(kLogCommitCount));
    SampleRows expected = sample.states.back();
    EXPECT_EQ(ScanAll(*database, sample.table), expected);
    const auto table = database->Begin()->catalog()->FindTable(sample.table);
    ASSERT_NE(table, nullptr);
    EXPECT_EQ(table->name, "docs");
    const std::vector<float> query(4, 0.4f);
    const absl::StatusOr<NearestAnswer> answer = database->Begin()->Nearest(
        {.table = sample.table, .index = sample.index, .query = query, .limit = 1000},
        [](absl::string_view, absl::string_view) { return true; });
    ASSERT_TRUE(answer.ok()) << answer.status();
    EXPECT_EQ(answer->neighbors.size(), ExactDistances(expected, *table, query).size());

    const Row row = {Value(int64_t{2000}), Value(std::string("new")), Value()};
    expected[EncodeRowId(2000)] = EncodeRow(*table, row).value();
    ASSERT_TRUE(
        PutKeyValue(*database, sample.table, EncodeRowId(2000), expected[EncodeRowId(2000)]).ok());
    ASSERT_TRUE(database->Compact(sample.table).ok());
    ASSERT_TRUE(database->Close().ok());
    database = OpenOrDie(disk.get());
    ASSERT_NE(database, nullptr);
    EXPECT_EQ(ScanAll(*database, sample.table), expected);
  }
  EXPECT_GE(count, 1);
}

}  // namespace
}  // namespace kyrodb::engine
