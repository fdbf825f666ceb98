#include "server/command_line/command_line.h"

#include <CLI/CLI.hpp>
#include <sstream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"

namespace kyrodb::server {
namespace {

constexpr char kDescription[] =
    "KyroDB: one engine for rows, events and vectors on learned indexes.\n"
    "Without a command it opens the SQL shell on a directory, without a server.";
constexpr char kExamples[] = R"(Examples:
  kyro                                   a shell on ./kyrodb (made when it is not there)
  kyro -c 'SELECT 1' data                run one statement on the directory data
  kyro serve --data data                 HTTP at 127.0.0.1:8080
  kyro serve --data data --pg-port 5432  and PostgreSQL's wire: psql -h 127.0.0.1
  kyro import docs.csv --table docs --data data
  kyro backup data copy                  of a directory that nobody has open
  kyro restore copy data2 --to-time '2026-11-20 15:00:00' --log data/archive --log data/log
  kyro check data                        verify every file of the directory data
  kyro inspect data/runs/run-1-2         print a file for a human
Exit codes: 0 done, 1 a -c command failed or damage was found, 2 wrong usage or no database,
3 a script failed.)";

// Microseconds since 1970; UTC unless the text has an offset.
std::optional<int64_t> ParseMoment(const std::string& text) {
  for (const char* format : {"%Y-%m-%d%ET%H:%M:%E*S%Ez", "%Y-%m-%d %H:%M:%E*S%Ez",
                             "%Y-%m-%d%ET%H:%M:%E*S", "%Y-%m-%d %H:%M:%E*S"}) {
    absl::Time time;
    if (absl::ParseTime(format, text, &time, nullptr)) return absl::ToUnixMicros(time);
  }
  return std::nullopt;
}

std::optional<CommandLine> Refuse(CommandLineAnswer* answer, std::string text) {
  answer->text = absl::StrCat("kyro: ", text, "\n");
  answer->exit_code = 2;
  return std::nullopt;
}

}  // namespace

std::optional<CommandLine> ParseCommandLine(int argc, const char* const* argv,
                                            CommandLineAnswer* answer) {
  CommandLine line;
  CLI::App app(kDescription, "kyro");
  app.footer(kExamples);
  bool version = false;
  app.add_flag("--version,-V", version, "Print the version and leave");
  app.add_option("DIR", line.directory, "Directory of the database (default: kyrodb)");
  app.add_option("-c,--command", line.commands, "Run this SQL or backslash command and leave")
      ->allow_extra_args(false);
  app.add_option("-f,--file", line.files, "Run the statements of this file and leave")
      ->allow_extra_args(false);
  const CLI::IsMember modes({"off", "observe", "auto"});
  app.add_option("--tuner", line.tuner, "Memory tuner: off, observe or auto (default: auto)")
      ->check(modes);

  CLI::App* serve =
      app.add_subcommand("serve", "Serve a database over HTTP and PostgreSQL's wire until SIGTERM");
  serve->add_option("--data", line.directory, "Directory of the database (default: kyrodb)");
  serve->add_option("--host", line.host, "Address to listen on (default: 127.0.0.1)");
  serve->add_option("--http-port", line.http_port, "Port, 0 for any free one (default: 8080)")
      ->check(CLI::Range(0, 65535));
  serve->add_option("--tuner", line.tuner, "Memory tuner: off, observe or auto (default: auto)")
      ->check(modes);
  CLI::Option* pg_port =
      serve
          ->add_option("--pg-port", line.pg_port,
                       "Speak PostgreSQL's protocol on this port too, 0 for any free one")
          ->check(CLI::Range(0, 65535));
  serve
      ->add_option("--pg-auth", line.pg_auth,
                   "How its clients prove who they are: trust or scram-sha-256 (default: trust)")
      ->check(CLI::IsMember({"trust", "scram-sha-256"}))
      ->needs(pg_port);
  serve
      ->add_option("--pg-password-file", line.pg_password_file,
                   "Its users: a line name:password, or name:SCRAM-SHA-256$..., for each")
      ->needs(pg_port);
  serve
      ->add_option("--pg-connections-max", line.pg_connections_max,
                   "Its clients at one time (default: 100)")
      ->check(CLI::Range(1, 10000))
      ->needs(pg_port);
  CLI::Option* certificate =
      serve->add_option("--tls-cert", line.tls_certificate_file, "PEM file: its TLS certificate")
          ->needs(pg_port);
  CLI::Option* key = serve->add_option("--tls-key", line.tls_key_file, "PEM file: the key of it");
  certificate->needs(key);
  key->needs(certificate);
  std::string grpc_port;
  serve->add_option("--grpc-port", grpc_port, "Not supported yet");

  CLI::App* import = app.add_subcommand("import", "Load a CSV or JSONL file into a table");
  import->add_option("FILE", line.import_file, "File to load")->required();
  import->add_option("--table", line.table, "Table to load into")->required();
  import->add_option("--data", line.directory, "Directory of the database (default: kyrodb)");
  import->add_option("--format", line.format, "csv or jsonl (default: by the file's name)")
      ->check(CLI::IsMember({"csv", "jsonl"}));
  import->add_option("--create", line.create,
                     "Make the table first, with these column definitions: "
                     "\"id bigint PRIMARY KEY, title text\"");
  std::string on_error = "stop";
  import->add_option("--on-error", on_error, "Bad lines: stop or skip (default: stop)")
      ->check(CLI::IsMember({"stop", "skip"}));
  import->add_flag("--upsert", line.upsert, "Replace rows whose key is there");
  import->add_flag("--progress", line.progress, "Show progress even when not on a terminal");

  CLI::App* backup =
      app.add_subcommand("backup", "Make a backup of a database that nobody has open");
  backup->add_option("DIR", line.directory, "Directory of the database")->required();
  backup->add_option("TARGET", line.backup, "Directory to make, or an empty one")->required();
  backup->add_option("--previous", line.previous,
                     "An older backup of it: what is there is not read or copied again");

  CLI::App* restore =
      app.add_subcommand("restore", "Make a database from a backup, checked and opened once");
  restore->add_option("BACKUP", line.backup, "Directory of the backup")->required();
  restore->add_option("DIR", line.directory, "Directory to make, or an empty one")->required();
  std::string to_time;
  CLI::Option* to_lsn = restore->add_option("--to-lsn", line.to_lsn, "End with this commit");
  restore
      ->add_option("--to-time", to_time,
                   "End with the last commit at or before this time: 2026-11-20 15:00:00, UTC, or "
                   "with an offset: 2026-11-20T15:00:00+01:00")
      ->excludes(to_lsn);
  restore
      ->add_option("--log", line.log_directories,
                   "Where more of the log lies: DIR/archive (knob log_archive_bytes), DIR/log")
      ->allow_extra_args(false);

  CLI::App* check = app.add_subcommand("check", "Verify a database that nobody has open");
  check->add_option("DIR", line.directory, "Directory of the database (default: kyrodb)");

  CLI::App* inspect = app.add_subcommand("inspect", "Print any file of a database");
  inspect->add_option("FILE", line.inspect_file, "File to print")->required();
  inspect->add_option("--records", line.record_count,
                      "Print this many records too, or of a log the operations of this many "
                      "(default: 0)");

  std::vector<CLI::App*> later;
  for (const char* name : {"export"}) {
    later.push_back(app.add_subcommand(name, "Not supported yet")->allow_extras());
  }
  app.require_subcommand(0, 1);

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    std::ostringstream out;
    const int code = app.exit(error, out, out);
    answer->text = out.str();
    answer->exit_code = code == 0 ? 0 : 2;
    return std::nullopt;
  }
  if (version) {
    answer->text = "kyro 0.1.0\n";
    return std::nullopt;
  }
  for (const CLI::App* command : later) {
    if (command->parsed()) {
      return Refuse(answer,
                    absl::StrCat("\"kyro ", command->get_name(), "\" is not supported yet"));
    }
  }
  if (!grpc_port.empty()) return Refuse(answer, "--grpc-port is not supported yet");
  if (absl::StartsWith(line.directory, "postgres://") ||
      absl::StartsWith(line.directory, "postgresql://")) {
    return Refuse(answer, absl::StrCat("connecting to a server (", line.directory,
                                       ") is not supported yet; give a directory"));
  }
  if (serve->parsed()) line.verb = CommandLine::Verb::kServe;
  if (import->parsed()) line.verb = CommandLine::Verb::kImport;
  if (backup->parsed()) line.verb = CommandLine::Verb::kBackup;
  if (restore->parsed()) line.verb = CommandLine::Verb::kRestore;
  if (!to_time.empty()) {
    line.to_wall_micros = ParseMoment(to_time);
    if (!line.to_wall_micros.has_value()) {
      return Refuse(answer, absl::StrCat("--to-time is \"", to_time,
                                         "\", expected a time like 2026-11-20 15:00:00"));
    }
  }
  if (check->parsed()) line.verb = CommandLine::Verb::kCheck;
  if (inspect->parsed()) line.verb = CommandLine::Verb::kInspect;
  line.skip_bad_lines = on_error == "skip";
  if (line.verb == CommandLine::Verb::kShell) return line;
  if (!line.commands.empty() || !line.files.empty()) {
    return Refuse(answer, "-c and -f go with the shell, not with a command");
  }
  return line;
}

}  // namespace kyrodb::server
