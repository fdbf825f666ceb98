// What the user typed after `kyro`.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace kyrodb::server {

struct CommandLine {
  enum class Verb { kShell, kServe, kImport, kBackup, kRestore, kCheck, kInspect };
  Verb verb = Verb::kShell;
  std::string directory = "kyrodb";
  std::string tuner = "auto";  // off, observe or auto
  // Shell: run these and leave; in the order given, commands before files.
  std::vector<std::string> commands;
  std::vector<std::string> files;
  // Serve.
  std::string host = "127.0.0.1";
  int http_port = 8080;
  std::optional<int> pg_port;  // without it, no PostgreSQL wire
  std::string pg_auth = "trust";
  std::string pg_password_file;
  size_t pg_connections_max = 100;
  std::string tls_certificate_file;
  std::string tls_key_file;
  // Inspect.
  std::string inspect_file;
  uint64_t record_count = 0;  // to print of each part
  // Import.
  std::string import_file;
  std::string table;
  std::string format;  // csv, jsonl or empty: by the file's name
  std::string create;  // column definitions of a table to be made
  bool skip_bad_lines = false;
  bool upsert = false;
  bool progress = false;
  // Backup and restore.
  std::string backup;    // the backup's directory
  std::string previous;  // an older backup, or empty
  std::optional<uint64_t> to_lsn;
  std::optional<int64_t> to_wall_micros;
  std::vector<std::string> log_directories;
};

// What to print instead of doing anything, and the exit code: --help, --version, a mistake.
struct CommandLineAnswer {
  std::string text;
  int exit_code = 0;
};

// Returns the command, or fills in `answer`.
std::optional<CommandLine> ParseCommandLine(int argc, const char* const* argv,
                                            CommandLineAnswer* answer);

}  // namespace kyrodb::server
