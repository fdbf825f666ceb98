// The demo: real texts into a durable table, found by meaning, looked up by key, and all there
// after a kill in the middle of a load. Exits with 0 only if everything held.
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <functional>
#include <iostream>
#include <memory>
#include <numeric>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "engine/base/clock.h"
#include "engine/base/random.h"
#include "engine/base/status.h"
#include "engine/key_codec.h"
#include "engine/row_codec.h"
#include "learned_index/in_memory_map.h"
#include "server/demo/corpus.h"
#include "server/demo/narrator.h"
#include "server/host.h"
#include "server/import/progress.h"
#include "server/ingest/record_writer.h"
#include "sql/error.h"

namespace kyrodb::server::demo {
namespace {

using SteadyClock = std::chrono::steady_clock;
constexpr size_t kLookupCount = 100000;
constexpr int kRepetitions = 5;
constexpr size_t kSecondLoadBatch = 10;
constexpr char kTable[] = "packages";

struct Arguments {
  std::string directory;
  std::string available;
  std::string translations;
  std::string manual;
  size_t package_count_max = SIZE_MAX;
  int second_load_pipe = -1;  // in the child: where to report rows
};

double SecondsSince(SteadyClock::time_point begin) {
  return std::chrono::duration<double>(SteadyClock::now() - begin).count();
}

absl::StatusOr<std::unique_ptr<Host>> OpenHost(const Arguments& arguments) {
  return Host::Open({.directory = arguments.directory, .opener = "kyro_demo"});
}

std::vector<Field> FieldsOfPackage(const Package& package) {
  const auto text = [](const std::string& value) { return sql::Parameter(engine::Value(value)); };
  return {{.column = "id", .value = sql::Parameter(engine::Value(package.id))},
          {.column = "name", .value = text(package.name)},
          {.column = "section", .value = text(package.section)},
          {.column = "title", .value = text(package.title)},
          {.column = "body", .value = text(package.body)}};
}

absl::Status StoreAll(sql::Session* session, std::shared_ptr<const engine::TableSchema> table,
                      std::span<const Package> packages, size_t batch, Progress* progress,
                      const std::function<absl::Status(std::span<const Package>)>& stored) {
  RecordWriter writer(session, std::move(table),
                      {.on_conflict = OnConflict::kUpdate, .batch_rows_max = batch});
  size_t acknowledged = 0;
  for (size_t i = 0; i < packages.size(); ++i) {
    KYRO_RETURN_IF_ERROR(writer.Add(i + 1, FieldsOfPackage(packages[i])));
    if (i + 1 == packages.size()) KYRO_RETURN_IF_ERROR(writer.Flush());
    if (!writer.rejections().empty()) return writer.rejections().front().status;
    // What `accepted_count` counts is committed: the log has been synced.
    if (stored != nullptr && writer.accepted_count() > acknowledged) {
      KYRO_RETURN_IF_ERROR(
          stored(packages.subspan(acknowledged, writer.accepted_count() - acknowledged)));
      acknowledged = writer.accepted_count();
    }
    if (progress != nullptr) progress->Update(i + 1, packages.size(), writer.accepted_count());
  }
  if (progress != nullptr) progress->Finish(writer.accepted_count());
  return absl::OkStatus();
}

std::shared_ptr<const engine::TableSchema> Table(const Host& host) {
  return host.database().Begin()->catalog()->FindTable(kTable);
}

Progress::Style ProgressStyle() {
  return isatty(STDOUT_FILENO) != 0 ? Progress::Style::kBar : Progress::Style::kLines;
}

absl::Status Load(Host& host, std::span<const Package> packages, Narrator& narrator) {
  narrator.Section("Load");
  const std::string definition = absl::StrCat(
      "CREATE TABLE ", kTable,
      " (\n    id bigint PRIMARY KEY, name text NOT NULL, section text, title text NOT NULL,\n"
      "    body text, embedding vector(",
      host.database().embedder().dimensions(),
      ")\n      GENERATED ALWAYS AS (embed(title) + embed(title || ' ' || coalesce(body, '')))"
      " STORED)");
  narrator.Say("A table whose embedding column fills itself from the texts:\n");
  narrator.Say(absl::StrCat("  ", definition, ";\n"));
  const std::unique_ptr<sql::Session> session = host.NewSession();
  KYRO_RETURN_IF_ERROR(session->Query(definition).status());
  Progress progress(&narrator.out(), ProgressStyle(), "  load ", "rows");
  KYRO_RETURN_IF_ERROR(StoreAll(session.get(), Table(host), packages, 500, &progress, nullptr));
  narrator.Say("  Each batch of up to 500 rows was on the disk before the next one began.");
  return absl::OkStatus();
}

absl::Status BuildIndex(Host& host, Narrator& narrator) {
  narrator.Section("Index by meaning");
  const std::string statement =
      absl::StrCat("CREATE INDEX ON ", kTable, " USING hnsw (embedding vector_cosine_ops)");
  narrator.Say(absl::StrCat("  ", statement, ";\n"));
  KYRO_RETURN_IF_ERROR(host.NewSession()->Query(statement).status());
  Progress progress(&narrator.out(), ProgressStyle(), "  index", "vectors");
  uint64_t count = 0;
  KYRO_RETURN_IF_ERROR(
      host.database().WaitForIndexes(absl::Hours(2), [&](uint64_t indexed, uint64_t total) {
        count = indexed;
        progress.Update(indexed, total, indexed);
      }));
  const auto statistics = host.database().index_statistics(Table(host)->indexes.front().id);
  KYRO_RETURN_IF_ERROR(statistics.status());
  progress.Finish(statistics->indexed_count);
  narrator.Fact(
      "memory of the graph",
      absl::StrFormat("%.1f MiB", static_cast<double>(statistics->memory_bytes) / (1 << 20)));
  return absl::OkStatus();
}

absl::StatusOr<bool> AskQuestions(Host& host, Narrator& narrator) {
  narrator.Section("Search by meaning");
  const std::string statement =
      absl::StrCat("SELECT name, title, embedding <=> embed($1) AS distance\n    FROM ", kTable,
                   " ORDER BY embedding <=> embed($1) LIMIT 5");
  narrator.Say(absl::StrCat("  SET hnsw.ef_search = 200;\n  ", statement, ";"));
  const std::unique_ptr<sql::Session> by_graph = host.NewSession();
  KYRO_RETURN_IF_ERROR(by_graph->Query("SET hnsw.ef_search = 200").status());
  const std::unique_ptr<sql::Session> by_scan = host.NewSession();
  KYRO_RETURN_IF_ERROR(by_scan->Query("SET enable_indexscan = off").status());
  size_t answer_count = 0;
  size_t same_count = 0;
  constexpr const char* kQuestions[] = {
      "edit video on the command line", "find duplicate files and save disk space",
      "play chess against the computer", "measure how fast the network is",
      "listen to radio stations on the internet"};
  for (const char* question : kQuestions) {
    const std::vector<sql::Parameter> parameters = {
        {engine::Value(std::string(question)), {engine::TypeId::kText}}};
    // Once before: the first run reads cold pages.
    KYRO_RETURN_IF_ERROR(by_graph->Query(statement, parameters).status());
    SteadyClock::time_point begin = SteadyClock::now();
    KYRO_ASSIGN_OR_RETURN(const sql::ResultSet result, by_graph->Query(statement, parameters));
    const double graph_millis = SecondsSince(begin) * 1000;
    const sql::StatementStatistics& statistics = by_graph->last_statistics();
    begin = SteadyClock::now();
    KYRO_ASSIGN_OR_RETURN(const sql::ResultSet exact, by_scan->Query(statement, parameters));
    const double scan_millis = SecondsSince(begin) * 1000;
    narrator.Say(absl::StrFormat(
        "\n  %s“%s”%s\n  %.2f ms by %s; a scan of everything: %.0f ms",
        narrator.color() ? "\033[1m" : "", question, narrator.color() ? "\033[0m" : "",
        graph_millis,
        statistics.nearest_plan.empty() ? statistics.access_path : statistics.nearest_plan,
        scan_millis));
    int rank = 0;
    for (const engine::Row& row : result.rows) {
      const bool same =
          std::any_of(exact.rows.begin(), exact.rows.end(),
                      [&row](const engine::Row& other) { return other[0] == row[0]; });
      if (same) ++same_count;
      narrator.Say(absl::StrFormat("    %d. %.3f  %-24s %s", ++rank, 1 - std::get<double>(row[2]),
                                   std::get<std::string>(row[0]), std::get<std::string>(row[1])));
    }
    answer_count += result.rows.size();
  }
  narrator.Say(absl::StrCat("\n  The number is the cosine similarity, best first. The graph found ",
                            same_count, " of the ", 5 * std::size(kQuestions),
                            " rows\n  that the scan of everything finds."));
  const bool held = answer_count == 5 * std::size(kQuestions);
  return narrator.Verdict(held, held ? "five answers to each of five questions"
                                     : "a question has fewer than five answers");
}

// Times `run` over all look-ups several times and returns nanoseconds a look-up: the median.
template <typename Run>
double Nanoseconds(Run run) {
  std::vector<double> times;
  for (int i = 0; i < kRepetitions; ++i) {
    const SteadyClock::time_point begin = SteadyClock::now();
    run();
    times.push_back(SecondsSince(begin) * 1e9 / static_cast<double>(kLookupCount));
  }
  std::sort(times.begin(), times.end());
  return times[times.size() / 2];
}

absl::StatusOr<bool> LookUp(Host& host, std::span<const Package> packages, Narrator& narrator) {
  narrator.Section("Look up by key");
  const auto table = Table(host);
  KYRO_RETURN_IF_ERROR(host.database().Checkpoint());
  KYRO_RETURN_IF_ERROR(host.database().Compact(table->id));
  KYRO_ASSIGN_OR_RETURN(const engine::SpaceStatistics space,
                        host.database().space_statistics(table->id));
  narrator.Say(
      "The primary key is found by a learned index: a model that says where a key stands,\n"
      "give or take a few rows, and is never wrong about it. The ids are hashes of the names.\n");
  narrator.Fact("rows under the model", Grouped(space.entry_count));
  narrator.Fact("widest range left to search",
                absl::StrFormat("%d rows (the bound width)", space.bound_width_max));
  narrator.Fact("size of the model",
                absl::StrFormat("%s bytes, %.2f bits a row", Grouped(space.model_bytes),
                                8.0 * static_cast<double>(space.model_bytes) /
                                    static_cast<double>(std::max<uint64_t>(space.entry_count, 1))));

  // The same keys in the same order for everyone.
  Random random(7);
  std::vector<const Package*> asked;
  std::vector<std::string> keys;
  std::vector<uint64_t> numbers;
  for (size_t i = 0; i < kLookupCount; ++i) {
    asked.push_back(&packages[random.Uniform(packages.size())]);
    engine::Row row(table->columns.size());
    row[0] = asked.back()->id;
    KYRO_ASSIGN_OR_RETURN(std::string key, engine::EncodeKey(*table, row));
    keys.push_back(std::move(key));
    numbers.push_back(static_cast<uint64_t>(asked.back()->id));
  }

  // The engine's read path against a B-tree of the same rows in memory.
  size_t wrong = 0;
  absl::Status failed;
  const double engine_nanos = Nanoseconds([&] {
    const std::unique_ptr<engine::Transaction> transaction = host.database().Begin();
    for (size_t i = 0; i < kLookupCount; ++i) {
      const auto row = transaction->Get(table->id, keys[i]);
      if (!row.ok()) {
        failed = row.status();
      } else if (!row->has_value()) {
        ++wrong;
      } else {
        const auto name = engine::DecodeColumn(*table, **row, 1);
        if (!name.ok() || std::get<std::string>(*name) != asked[i]->name) ++wrong;
      }
    }
  });
  KYRO_RETURN_IF_ERROR(failed);
  absl::btree_map<std::string, std::string> rows_in_tree;
  {
    const std::unique_ptr<engine::Transaction> transaction = host.database().Begin();
    KYRO_ASSIGN_OR_RETURN(const auto rows, transaction->Scan(table->id, {}));
    for (; rows->Valid(); rows->Next()) {
      rows_in_tree.emplace(std::string(rows->key()), std::string(rows->value()));
    }
    KYRO_RETURN_IF_ERROR(rows->status());
  }
  const double tree_row_nanos = Nanoseconds([&] {
    for (size_t i = 0; i < kLookupCount; ++i) {
      const auto found = rows_in_tree.find(keys[i]);
      if (found == rows_in_tree.end()) {
        ++wrong;
        continue;
      }
      const std::string copy = found->second;  // the engine hands out a copy as well
      const auto name = engine::DecodeColumn(*table, copy, 1);
      if (!name.ok() || std::get<std::string>(*name) != asked[i]->name) ++wrong;
    }
  });

  // The learned map itself against a B-tree over the same numbers, both in memory.
  std::vector<uint64_t> sorted;
  for (const Package& package : packages) sorted.push_back(static_cast<uint64_t>(package.id));
  std::sort(sorted.begin(), sorted.end());
  std::vector<uint64_t> places(sorted.size());
  std::iota(places.begin(), places.end(), uint64_t{0});
  KYRO_ASSIGN_OR_RETURN(const auto learned, learned_index::InMemoryMap::Build(
                                                sorted, places, {.clock = &Clock::System()}));
  absl::btree_map<uint64_t, uint64_t> positions;
  for (size_t i = 0; i < sorted.size(); ++i) positions.emplace(sorted[i], i);
  std::vector<uint64_t> by_tree(kLookupCount);
  std::vector<uint64_t> by_model(kLookupCount);
  std::vector<uint64_t> by_batch(kLookupCount);
  const double tree_nanos = Nanoseconds([&] {
    for (size_t i = 0; i < kLookupCount; ++i) by_tree[i] = positions.find(numbers[i])->second;
  });
  const double model_nanos = Nanoseconds([&] {
    for (size_t i = 0; i < kLookupCount; ++i) by_model[i] = *learned.Find(numbers[i]);
  });
  std::vector<const uint64_t*> found_places(kLookupCount);
  const double batch_nanos = Nanoseconds([&] {
    learned.FindBatch(numbers, found_places);
    for (size_t i = 0; i < kLookupCount; ++i) by_batch[i] = *found_places[i];
  });
  const bool same = by_tree == by_model && by_tree == by_batch;

  const auto line = [&](absl::string_view label, double nanos, double peer) {
    narrator.Fact(label, peer == 0
                             ? absl::StrFormat("%7.0f ns a look-up", nanos)
                             : absl::StrFormat("%7.0f ns a look-up, %.2f x the B-tree's speed",
                                               nanos, peer / nanos));
  };
  narrator.Say(absl::StrCat("\n  Whole rows, ", Grouped(kLookupCount), " look-ups (medians of ",
                            kRepetitions, "):"));
  line("absl::btree_map in memory", tree_row_nanos, 0);
  line("KyroDB: durable, checksummed, MVCC", engine_nanos, tree_row_nanos);
  narrator.Say("\n  The index alone, 64-bit keys and their positions in memory:");
  line("absl::btree_map", tree_nanos, 0);
  line("learned index, one by one", model_nanos, tree_nanos);
  line("learned index, in batches", batch_nanos, tree_nanos);
  narrator.Say("");
  return narrator.Verdict(wrong == 0 && same, wrong == 0 && same
                                                  ? "every look-up gave the right row"
                                                  : absl::StrCat(wrong, " look-ups went wrong"));
}

// In the child: stores the packages and writes the id of each one that is committed to the pipe.
int RunSecondLoad(const Arguments& arguments, std::span<const Package> packages) {
  const auto host = OpenHost(arguments);
  if (!host.ok()) {
    std::cerr << "second load: " << host.status().message() << '\n';
    return 1;
  }
  const std::unique_ptr<sql::Session> session = (*host)->NewSession();
  const absl::Status status =
      StoreAll(session.get(), Table(**host), packages, kSecondLoadBatch, nullptr,
               [&](std::span<const Package> stored) -> absl::Status {
                 for (const Package& package : stored) {
                   if (write(arguments.second_load_pipe, &package.id, sizeof(package.id)) !=
                       static_cast<ssize_t>(sizeof(package.id))) {
                     return absl::UnavailableError("the parent does not listen");
                   }
                 }
                 return absl::OkStatus();
               });
  if (!status.ok()) std::cerr << "second load: " << status.message() << '\n';
  return status.ok() ? 0 : 1;
}

// Starts this program again as the child, kills it in the middle and returns what it acknowledged.
absl::StatusOr<std::vector<int64_t>> KillSecondLoad(int argc, char** argv, size_t package_count,
                                                    Narrator& narrator) {
  int ends[2];
  if (pipe(ends) != 0) return absl::UnavailableError(absl::StrCat("pipe: ", strerror(errno)));
  fcntl(ends[0], F_SETFD, FD_CLOEXEC);
  const std::string descriptor = absl::StrCat(ends[1]);
  std::vector<char*> child_argv(argv, argv + argc);
  std::string flag = "--second-load";
  std::string number = descriptor;
  child_argv.push_back(flag.data());
  child_argv.push_back(number.data());
  child_argv.push_back(nullptr);
  const pid_t child = fork();
  if (child < 0) return absl::UnavailableError(absl::StrCat("fork: ", strerror(errno)));
  if (child == 0) {
    execv("/proc/self/exe", child_argv.data());
    _exit(127);
  }
  close(ends[1]);
  const size_t kill_at = std::max<size_t>(package_count / 2, 1);
  std::vector<int64_t> acknowledged;
  bool killed = false;
  int64_t id = 0;
  size_t have = 0;
  for (;;) {
    const ssize_t size = read(ends[0], reinterpret_cast<char*>(&id) + have, sizeof(id) - have);
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) break;
    have += static_cast<size_t>(size);
    if (have < sizeof(id)) continue;
    have = 0;
    acknowledged.push_back(id);
    if (!killed && acknowledged.size() >= kill_at) {
      kill(child, SIGKILL);
      killed = true;
    }
  }
  close(ends[0]);
  int how = 0;
  waitpid(child, &how, 0);
  if (!WIFSIGNALED(how) || WTERMSIG(how) != SIGKILL) {
    return absl::InternalError(
        absl::StrCat("the second load was to die by SIGKILL, but it ended with code ",
                     WEXITSTATUS(how), " after ", acknowledged.size(), " rows"));
  }
  narrator.Say(absl::StrCat("  A second process loaded ", Grouped(package_count),
                            " more rows and got SIGKILL after ", Grouped(acknowledged.size()),
                            " acknowledged rows."));
  return acknowledged;
}

absl::StatusOr<bool> VerifyAfterKill(Host& host, std::span<const Package> first,
                                     std::span<const Package> second,
                                     const std::vector<int64_t>& acknowledged, Narrator& narrator) {
  const engine::RecoveryReport& recovery = host.database().recovery();
  narrator.Say("\n  What opening found:");
  narrator.Fact("rows from sorted runs up to", absl::StrCat("commit ", recovery.checkpoint_lsn));
  narrator.Fact("commits replayed from the log", Grouped(recovery.replayed_count));
  narrator.Fact("last commit", absl::StrCat(recovery.last_lsn));
  narrator.Fact("torn bytes cut off", Grouped(recovery.torn_bytes));
  narrator.Fact("damage", recovery.damage.empty() ? "none" : recovery.damage);
  narrator.Fact("time to recover",
                absl::StrFormat("%.1f ms", static_cast<double>(recovery.micros) / 1000));

  const auto table = Table(host);
  const std::unique_ptr<engine::Transaction> transaction = host.database().Begin();
  // Whether the row is there and says what was stored.
  const auto holds = [&](const Package& package) -> absl::StatusOr<std::optional<bool>> {
    engine::Row key_row(table->columns.size());
    key_row[0] = package.id;
    KYRO_ASSIGN_OR_RETURN(const std::string key, engine::EncodeKey(*table, key_row));
    KYRO_ASSIGN_OR_RETURN(const std::optional<std::string> bytes, transaction->Get(table->id, key));
    if (!bytes.has_value()) return std::optional<bool>();
    KYRO_ASSIGN_OR_RETURN(const engine::Row row, engine::DecodeRow(*table, *bytes));
    const auto* embedding = std::get_if<std::vector<float>>(&row[5]);
    return std::optional<bool>(
        row[0] == engine::Value(package.id) && row[1] == engine::Value(package.name) &&
        row[2] == engine::Value(package.section) && row[3] == engine::Value(package.title) &&
        row[4] == engine::Value(package.body) && embedding != nullptr &&
        embedding->size() == host.database().embedder().dimensions());
  };
  absl::btree_map<int64_t, const Package*> by_id;
  for (const Package& package : second) by_id[package.id] = &package;
  size_t lost = 0;
  size_t changed = 0;
  for (const int64_t id : acknowledged) {
    const auto found = by_id.find(id);
    if (found == by_id.end()) return absl::InternalError("the second load reported an unknown id");
    KYRO_ASSIGN_OR_RETURN(const std::optional<bool> state, holds(*found->second));
    if (!state.has_value()) ++lost;
    if (state == false) ++changed;
    by_id.erase(found);
  }
  size_t under_way = 0;
  for (const auto& [id, package] : by_id) {
    KYRO_ASSIGN_OR_RETURN(const std::optional<bool> state, holds(*package));
    if (state.has_value()) ++under_way;
    if (state == false) ++changed;
  }
  for (const Package& package : first) {
    KYRO_ASSIGN_OR_RETURN(const std::optional<bool> state, holds(package));
    if (!state.has_value()) ++lost;
    if (state == false) ++changed;
  }
  narrator.Say("");
  bool held = narrator.Verdict(
      lost == 0 && changed == 0,
      absl::StrCat(Grouped(first.size() + acknowledged.size()), " acknowledged rows: ", lost,
                   " lost, ", changed, " changed (keys and contents compared)"));
  // A batch may be durable before its rows are reported; more than that would be phantoms.
  held = narrator.Verdict(under_way <= 2 * kSecondLoadBatch,
                          absl::StrCat(under_way,
                                       " rows more were durable, but not yet reported "
                                       "when the kill came")) &&
         held;
  return held && recovery.damage.empty();
}

absl::StatusOr<bool> RunDemo(const Arguments& arguments, int argc, char** argv,
                             const Corpus& corpus, size_t first_count, Narrator& narrator) {
  const std::span<const Package> all = corpus.packages;
  const std::span<const Package> first = all.first(first_count);
  const std::span<const Package> second = all.subspan(first_count);
  narrator.Section("Texts");
  narrator.Say(absl::StrCat("  ", Grouped(all.size()), " ", corpus.origin, ", ",
                            Grouped(corpus.long_count), " of them with a long text."));
  if (corpus.long_count == 0) {
    narrator.Say("  Long descriptions were not to be had: short ones have to do.");
  }
  narrator.Fact("data in", arguments.directory);
  std::error_code error;
  std::filesystem::remove_all(arguments.directory, error);
  if (error) return absl::UnavailableError(absl::StrCat("cannot clear: ", error.message()));

  bool held = true;
  {
    KYRO_ASSIGN_OR_RETURN(const std::unique_ptr<Host> host, OpenHost(arguments));
    KYRO_RETURN_IF_ERROR(Load(*host, first, narrator));
    KYRO_RETURN_IF_ERROR(BuildIndex(*host, narrator));
    KYRO_ASSIGN_OR_RETURN(const bool answered, AskQuestions(*host, narrator));
    KYRO_ASSIGN_OR_RETURN(const bool found, LookUp(*host, first, narrator));
    held = answered && found;
    KYRO_RETURN_IF_ERROR(host->Close());
  }
  narrator.Section("Kill it in the middle of a load");
  KYRO_ASSIGN_OR_RETURN(const std::vector<int64_t> acknowledged,
                        KillSecondLoad(argc, argv, second.size(), narrator));
  {
    KYRO_ASSIGN_OR_RETURN(const std::unique_ptr<Host> host, OpenHost(arguments));
    KYRO_ASSIGN_OR_RETURN(const bool kept,
                          VerifyAfterKill(*host, first, second, acknowledged, narrator));
    held = held && kept;
    // What the killed process did not get to is loaded now, so that the table is whole.
    const std::unique_ptr<sql::Session> session = host->NewSession();
    KYRO_RETURN_IF_ERROR(StoreAll(session.get(), Table(*host), second, 500, nullptr, nullptr));
    KYRO_ASSIGN_OR_RETURN(const sql::ResultSet count,
                          session->Query(absl::StrCat("SELECT count(*) FROM ", kTable)));
    const bool whole = count.rows.size() == 1 &&
                       count.rows[0][0] == engine::Value(static_cast<int64_t>(all.size()));
    held = narrator.Verdict(whole, absl::StrCat("the load was done again to its end: ",
                                                Grouped(all.size()), " rows")) &&
           held;
    KYRO_RETURN_IF_ERROR(host->Close());
  }
  return held;
}

int Usage() {
  std::cerr << "usage: kyro_demo --data DIR --available FILE [--translations FILE] [--manual FILE] "
               "[--packages N]\n";
  return 2;
}

int Run(int argc, char** argv) {
  Arguments arguments;
  for (int i = 1; i < argc; i += 2) {
    const absl::string_view name = argv[i];
    if (i + 1 >= argc) return Usage();
    const std::string value = argv[i + 1];
    if (name == "--data") {
      arguments.directory = value;
    } else if (name == "--available") {
      arguments.available = value;
    } else if (name == "--translations") {
      arguments.translations = value;
    } else if (name == "--manual") {
      arguments.manual = value;
    } else if (name == "--packages") {
      if (!absl::SimpleAtoi(value, &arguments.package_count_max)) return Usage();
    } else if (name == "--second-load") {
      if (!absl::SimpleAtoi(value, &arguments.second_load_pipe)) return Usage();
    } else {
      return Usage();
    }
  }
  if (arguments.directory.empty() || arguments.available.empty()) return Usage();
  absl::StatusOr<Corpus> corpus =
      ReadCorpus(arguments.available, arguments.translations, arguments.manual);
  if (!corpus.ok()) {
    std::cerr << "kyro_demo: " << corpus.status().message() << '\n';
    return 1;
  }
  if (corpus->packages.size() > arguments.package_count_max) {
    corpus->packages.resize(arguments.package_count_max);
    corpus->long_count = static_cast<uint64_t>(
        std::count_if(corpus->packages.begin(), corpus->packages.end(),
                      [](const Package& package) { return !package.body.empty(); }));
  }
  if (corpus->packages.size() < 20) {
    std::cerr << "kyro_demo: " << corpus->packages.size() << " texts, at least 20 are needed\n";
    return 1;
  }
  // The second load gets a tenth, at most 5,000 rows.
  const size_t second_count = std::min<size_t>(corpus->packages.size() / 10, 5000);
  const size_t first_count = corpus->packages.size() - second_count;
  if (arguments.second_load_pipe >= 0) {
    return RunSecondLoad(arguments, std::span(corpus->packages).subspan(first_count));
  }
  Narrator narrator(&std::cout, isatty(STDOUT_FILENO) != 0 && std::getenv("NO_COLOR") == nullptr);
  const SteadyClock::time_point begin = SteadyClock::now();
  const absl::StatusOr<bool> held = RunDemo(arguments, argc, argv, *corpus, first_count, narrator);
  if (!held.ok()) {
    narrator.Say("");
    narrator.Verdict(false, sql::RenderError(held.status(), ""));
    return 1;
  }
  narrator.Section("Done");
  narrator.Verdict(
      *held, absl::StrFormat("%s, in %.0f s", *held ? "everything held" : "something did not hold",
                             SecondsSince(begin)));
  narrator.Say("  Next: `make serve`, then");
  narrator.Say(
      "  curl -s localhost:8080/v1/collections/packages/search \\\n"
      "    -H 'content-type: application/json' \\\n"
      "    -d '{\"query\":{\"text\":\"draw diagrams\"},\"limit\":3,"
      "\"select\":[\"name\",\"title\"]}'");
  return *held ? 0 : 1;
}

}  // namespace
}  // namespace kyrodb::server::demo

int main(int argc, char** argv) { return kyrodb::server::demo::Run(argc, argv); }
