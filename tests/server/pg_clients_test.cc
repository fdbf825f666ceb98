// Goal:   PostgreSQL's own programs and the drivers of other languages work unchanged: psql with
//         TLS and passwords, pgbench, psycopg2, asyncpg.
// Method: a server in this process, and the programs as a user starts them. What is not installed
//         is skipped, by name.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>

#include "absl/strings/str_cat.h"
#include "tests/server/pg_client.h"

namespace kyrodb::server {
namespace {

using testing::HasSubstr;

struct Outcome {
  int status = -1;
  std::string output;
};

// Both outputs together.
Outcome Shell(const std::string& command) {
  Outcome outcome;
  FILE* pipe = popen(absl::StrCat("{ ", command, "\n} 2>&1").c_str(), "r");
  if (pipe == nullptr) return outcome;
  char bytes[4096];
  size_t size = 0;
  while ((size = fread(bytes, 1, sizeof(bytes), pipe)) > 0) outcome.output.append(bytes, size);
  outcome.status = pclose(pipe);
  return outcome;
}

bool IsInstalled(const std::string& check) {
  return Shell(absl::StrCat(check, " >/dev/null")).status == 0;
}

#define KYRO_NEEDS(check, what) \
  if (!IsInstalled(check)) GTEST_SKIP() << "SKIPPED, NOT TESTED: " << (what) << " is not installed"

class PgClientsTest : public PgTest {
 protected:
  std::string Psql(const std::string& connection, const std::string& statement) {
    return Shell(absl::StrCat("psql -X -At -h 127.0.0.1 -p ", listener_->port(), " -c \"",
                              statement, "\" \"", connection, "\""))
        .output;
  }
};

TEST_F(PgClientsTest, PsqlLogsInWithAPasswordOverTls) {
  KYRO_NEEDS("psql --version", "psql (package postgresql-client)");
  KYRO_NEEDS("openssl version", "openssl");
  const std::string certificate = folder_.path("cert.pem");
  const std::string key = folder_.path("key.pem");
  ASSERT_EQ(Shell(absl::StrCat("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 "
                               "-nodes -days 2 -subj /CN=localhost -keyout ",
                               key, " -out ", certificate))
                .status,
            0);
  std::ofstream(folder_.path("users")) << "# name:password\nann:it's a 'secret'\n";
  PgOptions options;
  options.authentication = PgOptions::Authentication::kScramSha256;
  options.password_file = folder_.path("users");
  options.tls_certificate_file = certificate;
  options.tls_key_file = key;
  Start(options);
  setenv("PGPASSWORD", "it's a 'secret'", 1);
  EXPECT_EQ(Psql("user=ann dbname=db sslmode=require", "SELECT current_user"), "ann\n");
  EXPECT_EQ(Psql("user=ann dbname=db sslmode=disable", "SELECT 1"), "1\n");
  EXPECT_THAT(Psql(absl::StrCat("user=ann dbname=db sslmode=verify-ca sslrootcert=", certificate),
                   "SELECT 2"),
              "2\n");
  setenv("PGPASSWORD", "wrong", 1);
  EXPECT_THAT(Psql("user=ann dbname=db sslmode=require", "SELECT 1"),
              HasSubstr("password authentication failed for user \"ann\""));
  EXPECT_THAT(Psql("user=bob dbname=db sslmode=require", "SELECT 1"),
              HasSubstr("password authentication failed for user \"bob\""));
  unsetenv("PGPASSWORD");
}

TEST_F(PgClientsTest, PgbenchRunsItsScriptsInEveryMode) {
  KYRO_NEEDS("pgbench --version", "pgbench (package postgresql)");
  Start();
  {
    auto client = Connected();
    client->Query("CREATE TABLE kv (id bigint PRIMARY KEY, n bigint)");
    client->Query("INSERT INTO kv SELECT g, 0 FROM generate_series(1, 100) g");
  }
  std::ofstream(folder_.path("script.sql"))
      << "\\set id random(1, 100)\n"
         "SELECT n FROM kv WHERE id = :id;\n"
         "INSERT INTO kv VALUES (:id, 1) ON CONFLICT (id) DO UPDATE SET n = kv.n + EXCLUDED.n;\n";
  for (const char* mode : {"simple", "extended", "prepared"}) {
    const Outcome outcome =
        Shell(absl::StrCat("pgbench -n -M ", mode, " -c 4 -t 25 -f ", folder_.path("script.sql"),
                           " -h 127.0.0.1 -p ", listener_->port(), " -U kyro kyrodb"));
    EXPECT_EQ(outcome.status, 0) << outcome.output;
    EXPECT_THAT(outcome.output, HasSubstr("transactions actually processed: 100/100"));
  }
  EXPECT_EQ(Connected()->Query("SELECT sum(n) FROM kv"), "T D(300) C(SELECT 1) Z(I)");
}

TEST_F(PgClientsTest, Psycopg2) {
  KYRO_NEEDS("/usr/bin/python3 -c 'import psycopg2'", "python3-psycopg2");
  Start();
  const Outcome outcome = Shell(
      absl::StrCat("/usr/bin/python3 " KYRO_CLIENTS "/psycopg2_client.py ", listener_->port()));
  EXPECT_EQ(outcome.status, 0);
  EXPECT_THAT(outcome.output, HasSubstr("psycopg2: all is well"));
}

TEST_F(PgClientsTest, Asyncpg) {
  KYRO_NEEDS("/usr/bin/python3 -c 'import asyncpg'", "python3-asyncpg");
  Start();
  const Outcome outcome = Shell(
      absl::StrCat("/usr/bin/python3 " KYRO_CLIENTS "/asyncpg_client.py ", listener_->port()));
  EXPECT_EQ(outcome.status, 0);
  EXPECT_THAT(outcome.output, HasSubstr("asyncpg: all is well"));
}

}  // namespace
}  // namespace kyrodb::server
