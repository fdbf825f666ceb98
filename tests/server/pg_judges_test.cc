// Goal:   pgvector's own regression files give, through psql and our wire, what they give on
//         PostgreSQL, byte for byte.
// Method: psql -X -a -q < sql/f.sql against a server in this process; its output is compared with
//         expected/f.out. The files are looked for at $KYRO_JUDGES, by default beside the checkout.
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "absl/strings/str_cat.h"
#include "tests/server/pg_client.h"

namespace kyrodb::server {
namespace {

std::string ReadFile(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

class PgVectorFilesTest : public PgTest, public testing::WithParamInterface<const char*> {};

TEST_P(PgVectorFilesTest, IsTheSameByteForByte) {
  const char* judges = std::getenv("KYRO_JUDGES");
  const std::string folder =
      absl::StrCat(judges != nullptr ? judges : KYRO_DEFAULT_JUDGES, "/pgvector");
  const std::string script = absl::StrCat(folder, "/sql/", GetParam(), ".sql");
  if (!std::filesystem::exists(script)) {
    GTEST_SKIP() << "SKIPPED, NOT TESTED: there is no " << script << " (KYRO_JUDGES)";
  }
  if (std::system("psql --version >/dev/null 2>&1") != 0) {
    GTEST_SKIP() << "SKIPPED, NOT TESTED: psql (package postgresql) is not installed";
  }
  Start();
  std::filesystem::create_directories(folder_.path("results"));
  const std::string output = folder_.path("output");
  const std::string command =
      absl::StrCat("cd ", folder_.path(), " && psql -X -a -q -h 127.0.0.1 -p ", listener_->port(),
                   " -U kyro -d kyrodb < ", script, " > ", output, " 2>&1");
  ASSERT_EQ(std::system(command.c_str()), 0);
  EXPECT_EQ(ReadFile(output), ReadFile(absl::StrCat(folder, "/expected/", GetParam(), ".out")));
}

// The other files wait for what they test.
INSTANTIATE_TEST_SUITE_P(PgVector, PgVectorFilesTest,
                         testing::Values("cast", "copy", "halfvec", "vector_type"),
                         [](const auto& file) { return std::string(file.param); });

}  // namespace
}  // namespace kyrodb::server
