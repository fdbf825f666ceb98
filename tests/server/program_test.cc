// Goal:   the program as a user starts it: flags, exit codes, piped input, import, and a server
//         that stops cleanly on SIGTERM.
// Method: fork and exec of `kyro`, its output read from pipes.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <thread>
#include <vector>

#include "tests/server/test_host.h"

namespace kyrodb::server {
namespace {

using testing::HasSubstr;

// A running `kyro`; both of its outputs come through one pipe.
class Program {
 public:
  explicit Program(std::vector<std::string> arguments, const std::string& input = "") {
    int in[2];
    int out[2];
    EXPECT_EQ(pipe2(in, O_CLOEXEC), 0);
    EXPECT_EQ(pipe2(out, O_CLOEXEC), 0);
    arguments.insert(arguments.begin(), KYRO_PROGRAM);
    std::vector<char*> argv;
    for (std::string& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    child_ = fork();
    if (child_ == 0) {
      dup2(in[0], STDIN_FILENO);
      dup2(out[1], STDOUT_FILENO);
      dup2(out[1], STDERR_FILENO);
      execv(argv[0], argv.data());
      _exit(127);
    }
    close(in[0]);
    close(out[1]);
    out_ = out[0];
    EXPECT_EQ(write(in[1], input.data(), input.size()), static_cast<ssize_t>(input.size()));
    close(in[1]);
  }
  ~Program() {
    if (child_ > 0) {
      kill(child_, SIGKILL);
      Wait();
    }
    close(out_);
  }
  void Signal(int signal) { kill(child_, signal); }
  // Reads until `text` has come or the output ends.
  std::string ReadUntil(const std::string& text) {
    char bytes[4096];
    while (output_.find(text) == std::string::npos) {
      const ssize_t size = read(out_, bytes, sizeof(bytes));
      if (size <= 0) break;
      output_.append(bytes, static_cast<size_t>(size));
    }
    return output_;
  }
  // The exit code, or minus the signal that ended it.
  int Wait() {
    ReadUntil(std::string(1, '\0') + "never");
    int how = 0;
    waitpid(child_, &how, 0);
    child_ = -1;
    return WIFEXITED(how) ? WEXITSTATUS(how) : -WTERMSIG(how);
  }
  const std::string& output() const { return output_; }

 private:
  pid_t child_ = -1;
  int out_ = -1;
  std::string output_;
};

struct Outcome {
  int exit_code;
  std::string output;
};

Outcome RunKyro(std::vector<std::string> arguments, const std::string& input = "") {
  Program program(std::move(arguments), input);
  const int exit_code = program.Wait();
  return {exit_code, program.output()};
}

TEST(ProgramTest, CommandsFilesAndPipesRunAndTheirExitCodesSayHow) {
  TemporaryFolder folder;
  const std::string db = folder.path("db");
  Outcome outcome = RunKyro({"-c", "SELECT 1 AS one", db});
  EXPECT_EQ(outcome.exit_code, 0);
  EXPECT_EQ(outcome.output, " one \n-----\n   1\n(1 row)\n\n");

  outcome = RunKyro({db, "-c", "SELECT nme"});
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_THAT(outcome.output, HasSubstr("LINE 1: SELECT nme\n               ^"));

  outcome = RunKyro({db}, "CREATE TABLE t (id bigint PRIMARY KEY);\nINSERT INTO t VALUES (1);\n");
  EXPECT_EQ(outcome.exit_code, 0);
  EXPECT_EQ(outcome.output, "CREATE TABLE\nINSERT 0 1\n");

  std::ofstream(folder.path("script.sql")) << "SELECT * FROM t;\nSELECT nothing;\nSELECT 2;\n";
  outcome = RunKyro({"-f", folder.path("script.sql"), db});
  EXPECT_EQ(outcome.exit_code, 3);
  EXPECT_THAT(outcome.output, HasSubstr("(1 row)"));
  EXPECT_THAT(outcome.output, testing::Not(HasSubstr(" 2\n")));

  EXPECT_EQ(RunKyro({"-f", folder.path("absent"), db}).exit_code, 2);
}

TEST(ProgramTest, UsageMistakesAndWhatIsNotThereYetExitWithTwo) {
  TemporaryFolder folder;
  EXPECT_EQ(RunKyro({"--version"}).output, "kyro 0.1.0\n");
  const Outcome help = RunKyro({"--help"});
  EXPECT_EQ(help.exit_code, 0);
  EXPECT_THAT(help.output, HasSubstr("kyro serve --data data"));
  const std::vector<std::vector<std::string>> unsupported = {{"export", "t"},
                                                             {"postgres://localhost/x"}};
  for (const auto& arguments : unsupported) {
    const Outcome outcome = RunKyro(arguments);
    EXPECT_EQ(outcome.exit_code, 2) << arguments[0];
    EXPECT_THAT(outcome.output, HasSubstr("not supported yet")) << arguments[0];
  }
  for (const char* flag : {"--grpc-port"}) {
    const Outcome outcome = RunKyro({"serve", "--data", folder.path("db"), flag, "5432"});
    EXPECT_EQ(outcome.exit_code, 2);
    EXPECT_THAT(outcome.output, HasSubstr("is not supported yet"));
  }
  EXPECT_EQ(RunKyro({"--frobnicate"}).exit_code, 2);
  EXPECT_EQ(RunKyro({"serve", "--http-port", "70000"}).exit_code, 2);
  EXPECT_EQ(RunKyro({"serve", "--tuner", "maybe"}).exit_code, 2);
  EXPECT_FALSE(std::filesystem::exists(folder.path("db")));
}

TEST(ProgramTest, FilesAreImported) {
  TemporaryFolder folder;
  std::ofstream(folder.path("t.csv")) << "id,title\n1,one\nx,two\n3,three\n";
  const std::vector<std::string> import = {"import",     folder.path("t.csv"),
                                           "--table",    "t",
                                           "--data",     folder.path("db"),
                                           "--create",   "id bigint PRIMARY KEY, title text",
                                           "--on-error", "skip"};
  const Outcome outcome = RunKyro(import);
  EXPECT_EQ(outcome.exit_code, 0) << outcome.output;
  EXPECT_THAT(outcome.output, HasSubstr("t.csv:3: invalid input syntax for type bigint"));
  EXPECT_THAT(outcome.output, HasSubstr("2 rows imported into t, 1 lines rejected"));
  EXPECT_THAT(RunKyro({"-c", "SELECT title FROM t ORDER BY id", folder.path("db")}).output,
              HasSubstr(" one\n three\n(2 rows)"));
  EXPECT_EQ(RunKyro({"import", folder.path("absent.csv"), "--table", "t"}).exit_code, 2);
  EXPECT_EQ(RunKyro({"import", folder.path("t.csv")}).exit_code, 2);
}

TEST(ProgramTest, CheckAndInspectSayWhatIsOnTheDisk) {
  TemporaryFolder folder;
  const std::string db = folder.path("db");
  EXPECT_EQ(RunKyro({db},
                    "CREATE TABLE t (id bigint PRIMARY KEY, e vector(2));\n"
                    "INSERT INTO t VALUES (1, '[1,2]'), (2, '[3,4]');\n"
                    "CREATE INDEX ON t USING hnsw (e vector_l2_ops);\n")
                .exit_code,
            0);
  Outcome outcome = RunKyro({"check", db});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.output;
  EXPECT_THAT(outcome.output, testing::ContainsRegex("^[0-9]+ files, [0-9,]+ bytes, "
                                                     "[0-9]+ keys, 0 problems\n$"));
  EXPECT_EQ(RunKyro({"check", folder.path("nothing")}).exit_code, 2);
  EXPECT_FALSE(std::filesystem::exists(folder.path("nothing")));

  std::string run;
  for (const auto& file : std::filesystem::directory_iterator(db + "/runs")) run = file.path();
  outcome = RunKyro({"inspect", run, "--records", "1"});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.output;
  EXPECT_THAT(outcome.output, HasSubstr(": run, "));
  EXPECT_THAT(outcome.output, HasSubstr("\nkey \""));
  EXPECT_THAT(RunKyro({"inspect", db + "/CURRENT"}).output, HasSubstr("names MANIFEST-"));
  EXPECT_EQ(RunKyro({"inspect", folder.path("nothing")}).exit_code, 2);
  EXPECT_EQ(RunKyro({"inspect"}).exit_code, 2);
  {
    Program server({"serve", "--data", db, "--http-port", "0"});
    server.ReadUntil("(data in");
    outcome = RunKyro({"check", db});
    EXPECT_EQ(outcome.exit_code, 2);
    EXPECT_THAT(outcome.output, HasSubstr("kyro serve"));
    server.Signal(SIGTERM);
    EXPECT_EQ(server.Wait(), 0);
  }
  {
    std::fstream file(run, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(3);
    file.put('\x7f');
  }
  outcome = RunKyro({"check", db});
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_THAT(outcome.output, HasSubstr("problem: " + run + ": offset 0: the page's checksum"));
  outcome = RunKyro({"inspect", run});
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_THAT(outcome.output, HasSubstr("damaged at offset 0: the page's checksum"));
}

TEST(ProgramTest, TheServerStopsOnSigtermAndKeepsWhatItAcknowledged) {
  TemporaryFolder folder;
  const std::string db = folder.path("db");
  Program server({"serve", "--data", db, "--http-port", "0"});
  const std::string banner = server.ReadUntil("(data in");
  const size_t at = banner.find("127.0.0.1:");
  ASSERT_NE(at, std::string::npos) << banner;
  const int port = std::atoi(banner.c_str() + at + 10);
  {
    Client client(port);
    EXPECT_EQ(
        client.Call("POST", "/v1/sql", R"j({"sql": "CREATE TABLE t (id bigint PRIMARY KEY)"})j")
            .status,
        200);
    EXPECT_EQ(client.Call("POST", "/v1/sql", R"j({"sql": "INSERT INTO t VALUES (1)"})j").status,
              200);
    // The directory is taken, and the message says by whom.
    const Outcome second = RunKyro({"-c", "SELECT 1", db});
    EXPECT_EQ(second.exit_code, 2);
    EXPECT_THAT(second.output, HasSubstr("kyro serve"));
    // The open connection does not hold up the end.
    server.Signal(SIGTERM);
    EXPECT_EQ(server.Wait(), 0) << server.output();
    EXPECT_TRUE(client.IsClosed());
  }
  EXPECT_THAT(server.output(), HasSubstr("stopping: SIGTERM\nstopped\n"));
  EXPECT_THAT(RunKyro({"-c", "SELECT count(*) FROM t", db}).output, HasSubstr("     1\n(1 row)"));
}

TEST(ProgramTest, ABackupIsMadeCheckedAndRestored) {
  TemporaryFolder folder;
  const std::string db = folder.path("db"), copy = folder.path("copy"), db2 = folder.path("db2");
  ASSERT_EQ(RunKyro({db, "-c", "CREATE TABLE t (id bigint PRIMARY KEY); INSERT INTO t VALUES (7)"})
                .exit_code,
            0);
  Outcome outcome = RunKyro({"backup", db, copy});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.output;
  EXPECT_THAT(outcome.output, HasSubstr("commits up to lsn 1"));
  outcome = RunKyro({"backup", db, copy});
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_THAT(outcome.output, HasSubstr("not empty"));
  EXPECT_EQ(RunKyro({"backup", folder.path("none"), folder.path("x")}).exit_code, 2);

  outcome = RunKyro({"restore", copy, db2});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.output;
  EXPECT_THAT(RunKyro({db2, "-c", "SELECT id FROM t"}).output, HasSubstr("7"));
  outcome = RunKyro({"restore", copy, folder.path("x"), "--to-lsn", "99"});
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_THAT(outcome.output, HasSubstr("the log ends at lsn 1"));
  outcome = RunKyro({"restore", copy, folder.path("x"), "--to-time", "2001-02-03 04:05:06"});
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_THAT(outcome.output, HasSubstr("may be later"));
  outcome = RunKyro({"restore", copy, folder.path("x"), "--to-time", "yesterday"});
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_THAT(outcome.output, HasSubstr("expected a time like"));
  EXPECT_EQ(RunKyro({"restore", db, folder.path("x")}).exit_code, 2);
}

}  // namespace
}  // namespace kyrodb::server
