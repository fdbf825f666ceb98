// A small database with every type of file, for the tests that damage files and that keep old ones.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "engine/base/memory_file_system.h"
#include "engine/database.h"

namespace kyrodb::engine {

using SampleRows = std::map<std::string, std::string>;

struct Sample {
  std::unique_ptr<MemoryFileSystem> disk;
  ObjectId table = 0;
  ObjectId index = 0;
  // The rows of the table after each commit, from LSN 0 on. The last commits are in the log only.
  std::vector<SampleRows> states;
};

// `row_count` rows are in runs (with their vectors in an index segment), half of them in an older
// one; `log_commit_count` commits follow them. The process then died: nothing was closed. The same
// rows for the same numbers, always.
Sample MakeSample(int row_count, int log_commit_count);

// The files of a database, by path.
std::map<std::string, std::string> ReadAllFiles(FileSystem& file_system);
// Makes a disk of them.
std::unique_ptr<MemoryFileSystem> WriteAllFiles(const std::map<std::string, std::string>& files);

// The keys of the rows with a vector, as the index must give them for a limit beyond all.
std::map<std::string, double> ExactDistances(const SampleRows& rows, const TableSchema& table,
                                             const std::vector<float>& query);

}  // namespace kyrodb::engine
