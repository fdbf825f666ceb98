// The program `kyro`: reads the command line and puts the parts together.
#include <sys/ioctl.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/backup.h"
#include "engine/check.h"
#include "engine/database.h"
#include "engine/inspect.h"
#include "server/command_line/command_line.h"
#include "server/host.h"
#include "server/http_listener.h"
#include "server/import/importer.h"
#include "server/listener.h"
#include "server/pg_listener.h"
#include "server/shell/shell.h"
#include "sql/error.h"

namespace kyrodb::server {
namespace {

constexpr int kExitCommandFailed = 1;
constexpr int kExitUsage = 2;
constexpr int kExitScriptFailed = 3;
constexpr absl::Duration kStopGrace = absl::Seconds(10);

int Fail(const absl::Status& status, int exit_code) {
  std::cerr << "kyro: " << status.message() << '\n';
  const std::string hint = sql::HintOf(status);
  if (!hint.empty()) std::cerr << "hint: " << hint << '\n';
  return exit_code;
}

absl::StatusOr<std::unique_ptr<Host>> OpenHost(const CommandLine& line, const std::string& opener) {
  absl::StatusOr<tuner::Mode> mode = tuner::ParseMode(line.tuner);
  if (!mode.ok()) return mode.status();
  absl::StatusOr<std::unique_ptr<Host>> host =
      Host::Open({.directory = line.directory, .opener = opener, .tuner_mode = *mode});
  if (host.ok() && !(*host)->database().recovery().damage.empty()) {
    std::cerr << "kyro: the database is damaged and read-only: "
              << (*host)->database().recovery().damage << '\n';
  }
  return host;
}

int Close(Host& host, int exit_code) {
  const absl::Status status = host.Close();
  return status.ok() || exit_code != 0 ? exit_code : Fail(status, kExitCommandFailed);
}

std::string HistoryFile() {
  if (const char* file = std::getenv("KYRO_HISTORY")) return file;
  const char* home = std::getenv("HOME");
  return home == nullptr ? "" : absl::StrCat(home, "/.kyro_history");
}

int RunShell(const CommandLine& line) {
  absl::StatusOr<std::unique_ptr<Host>> host = OpenHost(line, "kyro shell");
  if (!host.ok()) return Fail(host.status(), kExitUsage);
  const bool has_script = !line.commands.empty() || !line.files.empty();
  ShellOptions options;
  options.interactive = !has_script && isatty(STDIN_FILENO) != 0 && isatty(STDOUT_FILENO) != 0;
  options.color = options.interactive && std::getenv("NO_COLOR") == nullptr;
  options.history_file = HistoryFile();
  winsize size{};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
    options.terminal_width = size.ws_col;
  }
  int exit_code = 0;
  {
    Shell shell(host->get(), &std::cout, &std::cerr, options);
    if (options.interactive) {
      const engine::RecoveryReport& recovery = (*host)->database().recovery();
      std::cout << "KyroDB 0.1.0, " << (recovery.created ? "a new database" : "the database")
                << " in " << std::filesystem::absolute(line.directory).lexically_normal().string()
                << ".\nStatements end with a semicolon; \\? lists commands, \\q leaves.\n";
      shell.RunInteractive();
    } else if (has_script) {
      for (const std::string& command : line.commands) {
        if (exit_code == 0 && !shell.RunScript(command)) exit_code = kExitCommandFailed;
      }
      for (const std::string& path : line.files) {
        if (exit_code != 0) break;
        std::ifstream file(path);
        if (!file || std::filesystem::is_directory(path)) {
          exit_code = Fail(absl::NotFoundError(absl::StrCat("cannot open ", path)), kExitUsage);
        } else if (!shell.RunStream(file)) {
          exit_code = kExitScriptFailed;
        }
      }
    } else if (!shell.RunStream(std::cin)) {
      exit_code = kExitScriptFailed;
    }
  }
  if (!std::cout.flush() && exit_code == 0) {
    exit_code = Fail(absl::UnavailableError("cannot write to standard output"), kExitUsage);
  }
  return Close(**host, exit_code);
}

int Serve(const CommandLine& line) {
  // Blocked here, before any thread is made, so that only the wait below takes them.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);

  absl::StatusOr<std::unique_ptr<Host>> host = OpenHost(line, "kyro serve");
  if (!host.ok()) return Fail(host.status(), kExitUsage);
  // Every protocol is one line here.
  std::vector<std::unique_ptr<Listener>> listeners;
  absl::StatusOr<std::unique_ptr<Listener>> http =
      StartHttpListener(host->get(), {.host = line.host, .port = line.http_port});
  if (!http.ok()) return Fail(http.status(), kExitUsage);
  listeners.push_back(*std::move(http));
  if (line.pg_port.has_value()) {
    absl::StatusOr<std::unique_ptr<Listener>> pg = StartPgListener(
        host->get(),
        {.host = line.host,
         .port = *line.pg_port,
         .authentication = line.pg_auth == "trust" ? PgOptions::Authentication::kTrust
                                                   : PgOptions::Authentication::kScramSha256,
         .password_file = line.pg_password_file,
         .tls_certificate_file = line.tls_certificate_file,
         .tls_key_file = line.tls_key_file,
         .connections_max = line.pg_connections_max});
    if (!pg.ok()) return Fail(pg.status(), kExitUsage);
    listeners.push_back(*std::move(pg));
  }

  for (const auto& listener : listeners) {
    std::cout << "serving " << listener->name() << " on " << listener->address() << " (data in "
              << line.directory << ")" << std::endl;
  }
  int signal = 0;
  sigwait(&signals, &signal);
  std::cout << "stopping: " << (signal == SIGTERM ? "SIGTERM" : "SIGINT") << std::endl;
  for (const auto& listener : listeners) listener->Stop(kStopGrace);
  listeners.clear();
  const int exit_code = Close(**host, 0);
  if (exit_code == 0) std::cout << "stopped" << std::endl;
  return exit_code;
}

int ImportFile(const CommandLine& line) {
  const absl::StatusOr<ImportFormat> format = FormatOf(line.format, line.import_file);
  if (!format.ok()) return Fail(format.status(), kExitUsage);
  std::ifstream file(line.import_file, std::ios::binary);
  if (!file) {
    return Fail(absl::NotFoundError(absl::StrCat("cannot open ", line.import_file)), kExitUsage);
  }
  std::error_code ignored;
  const uintmax_t size = std::filesystem::file_size(line.import_file, ignored);
  absl::StatusOr<std::unique_ptr<Host>> host = OpenHost(line, "kyro import");
  if (!host.ok()) return Fail(host.status(), kExitUsage);
  const Progress::Style style = isatty(STDERR_FILENO) != 0 ? Progress::Style::kBar
                                : line.progress            ? Progress::Style::kLines
                                                           : Progress::Style::kNone;
  Progress progress(&std::cerr, style, line.table, "rows");
  const absl::StatusOr<ImportReport> report =
      Import(**host, file,
             {.table = line.table,
              .format = *format,
              .create = line.create,
              .skip_bad_lines = line.skip_bad_lines,
              .on_conflict = line.upsert ? OnConflict::kUpdate : OnConflict::kReject,
              .size_bytes = ignored ? 0 : size},
             &progress);
  if (!report.ok()) return Close(**host, Fail(report.status(), kExitCommandFailed));
  for (const RejectedRecord& rejection : report->rejections) {
    std::cerr << line.import_file << ":" << rejection.line << ": " << rejection.status.message()
              << '\n';
  }
  std::cout << Grouped(report->accepted_count) << " rows imported into " << line.table;
  if (report->rejected_count > 0) {
    std::cout << ", " << Grouped(report->rejected_count) << " lines rejected"
              << (report->stopped ? "; stopped there (--on-error skip goes on)" : "");
  }
  std::cout << '\n';
  return Close(**host, report->stopped ? kExitScriptFailed : 0);
}

int MakeBackup(const CommandLine& line) {
  engine::OpenOptions options;
  options.create_if_missing = false;
  options.opener = "kyro backup";
  absl::StatusOr<std::unique_ptr<engine::Database>> database =
      engine::Database::Open(line.directory, options);
  if (!database.ok()) return Fail(database.status(), kExitUsage);
  const absl::StatusOr<engine::BackupReport> report =
      (*database)->Backup(line.backup, {.previous = line.previous});
  if (!report.ok()) return Fail(report.status(), kExitCommandFailed);
  std::cout << "backup in " << line.backup << ": " << Grouped(report->info.files.size())
            << " files, " << Grouped(report->info.size_bytes()) << " bytes ("
            << Grouped(report->copied_count) << " copied), commits up to lsn "
            << report->info.last_lsn << '\n';
  const absl::Status closed = (*database)->Close();
  return closed.ok() ? 0 : Fail(closed, kExitCommandFailed);
}

int Restore(const CommandLine& line) {
  const absl::StatusOr<engine::RestoreReport> report =
      engine::RestoreBackup(line.backup, line.directory,
                            {.to_lsn = line.to_lsn,
                             .to_wall_micros = line.to_wall_micros,
                             .log_directories = line.log_directories});
  if (!report.ok()) {
    const bool no_backup = absl::IsNotFound(report.status()) && !line.to_lsn.has_value();
    return Fail(report.status(), no_backup ? kExitUsage : kExitCommandFailed);
  }
  std::cout << "restored to " << line.directory << ": commits up to lsn " << report->last_lsn
            << ", " << Grouped(report->replayed_count) << " of them from the log\n";
  return 0;
}

int CheckDatabase(const CommandLine& line) {
  const absl::StatusOr<engine::CheckReport> report = engine::CheckDirectory(
      line.directory, {}, [](absl::string_view finding) { std::cout << finding << '\n'; });
  if (!report.ok()) return Fail(report.status(), kExitUsage);
  std::cout << Grouped(report->file_count) << " files, " << Grouped(report->file_bytes)
            << " bytes, " << Grouped(report->key_count) << " keys, "
            << Grouped(report->problem_count) << " problems\n";
  return report->problem_count == 0 ? 0 : kExitCommandFailed;
}

int Inspect(const CommandLine& line) {
  const absl::Status status =
      engine::InspectFile(line.inspect_file, {.record_count = line.record_count},
                          [](absl::string_view text) { std::cout << text; });
  std::cout.flush();
  if (status.ok()) return 0;
  return Fail(status, absl::IsNotFound(status) ? kExitUsage : kExitCommandFailed);
}

int Run(int argc, const char* const* argv) {
  CommandLineAnswer answer;
  const std::optional<CommandLine> line = ParseCommandLine(argc, argv, &answer);
  if (!line.has_value()) {
    (answer.exit_code == 0 ? std::cout : std::cerr) << answer.text;
    return answer.exit_code;
  }
  // A client or a pager that goes away is an error of one write, not the end of the process.
  std::signal(SIGPIPE, SIG_IGN);
  switch (line->verb) {
    case CommandLine::Verb::kShell:
      return RunShell(*line);
    case CommandLine::Verb::kServe:
      return Serve(*line);
    case CommandLine::Verb::kImport:
      return ImportFile(*line);
    case CommandLine::Verb::kBackup:
      return MakeBackup(*line);
    case CommandLine::Verb::kRestore:
      return Restore(*line);
    case CommandLine::Verb::kCheck:
      return CheckDatabase(*line);
    case CommandLine::Verb::kInspect:
      return Inspect(*line);
  }
  return kExitUsage;
}

}  // namespace
}  // namespace kyrodb::server

int main(int argc, char** argv) { return kyrodb::server::Run(argc, argv); }
