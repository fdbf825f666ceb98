#include "bench/report/report.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <system_error>
#include <thread>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "engine/base/status.h"

namespace kyrodb::bench {
namespace {

std::string Quoted(absl::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += {'\\', c};
    } else if (static_cast<unsigned char>(c) < 0x20) {
      absl::StrAppendFormat(&out, "\\u%04x", static_cast<unsigned>(c));
    } else {
      out += c;
    }
  }
  return out + '"';
}

// JSON has no infinities: what could not be measured is null.
std::string Number(double value) {
  return std::isfinite(value) ? absl::StrFormat("%.6g", value) : "null";
}

// The standard output of a shell command, trimmed; nothing when it fails.
std::string OutputOf(const char* command) {
  std::FILE* const pipe = popen(command, "r");
  if (pipe == nullptr) return "";
  std::string out;
  std::array<char, 256> buffer;
  while (std::fgets(buffer.data(), static_cast<int>(buffer.size()), pipe) != nullptr) {
    out += buffer.data();
  }
  if (pclose(pipe) != 0) return "";
  return std::string(absl::StripAsciiWhitespace(out));
}

// Rows of cells as text; numeric columns, from `numbers_from` on, stand to the right.
std::string Aligned(const std::vector<std::vector<std::string>>& rows, size_t numbers_from) {
  std::vector<size_t> widths(rows.front().size());
  for (const auto& row : rows) {
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string out;
  for (const auto& row : rows) {
    std::string line;
    for (size_t i = 0; i < row.size(); ++i) {
      const std::string fill(widths[i] - row[i].size(), ' ');
      absl::StrAppend(&line, i == 0 ? "" : "  ", i < numbers_from ? row[i] + fill : fill + row[i]);
    }
    absl::StrAppend(&out, absl::StripTrailingAsciiWhitespace(line), "\n");
  }
  return out;
}

// Four significant digits, without an exponent.
std::string Short(double value) {
  const double size = std::abs(value);
  const int decimals = size >= 1000 ? 0 : size >= 100 ? 1 : size >= 10 ? 2 : size >= 1 ? 3 : 4;
  return absl::StrFormat("%.*f", decimals, value);
}

}  // namespace

Summary Summarize(std::span<const double> samples) {
  if (samples.empty()) return {};
  std::vector<double> sorted(samples.begin(), samples.end());
  std::sort(sorted.begin(), sorted.end());
  const size_t middle = sorted.size() / 2;
  const double median =
      sorted.size() % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
  return {
      .median = median, .min = sorted.front(), .max = sorted.back(), .repetitions = sorted.size()};
}

Machine ThisMachine() {
  Machine machine{.cpu = "unknown", .cores = 0, .simd = "portable"};
  std::ifstream cpuinfo("/proc/cpuinfo");
  for (std::string line; std::getline(cpuinfo, line);) {
    const std::pair<absl::string_view, absl::string_view> field =
        absl::StrSplit(line, absl::MaxSplits(':', 1));
    const absl::string_view name = absl::StripAsciiWhitespace(field.first);
    const absl::string_view value = absl::StripAsciiWhitespace(field.second);
    if (name == "processor") {
      ++machine.cores;
    } else if (name == "model name" && !value.empty()) {
      machine.cpu = std::string(value);
    } else if (name == "flags") {
      const std::string flags = absl::StrCat(" ", value, " ");
      if (absl::StrContains(flags, " avx512f ")) {
        machine.simd = "avx512";
      } else if (absl::StrContains(flags, " avx2 ")) {
        machine.simd = "avx2";
      }
    }
  }
  if (machine.cores == 0) machine.cores = std::thread::hardware_concurrency();
  return machine;
}

std::string ThisCommit() {
  const std::string commit = OutputOf("git rev-parse --short=12 HEAD 2>/dev/null");
  if (commit.empty()) return "unknown";
  const bool is_clean =
      OutputOf("git diff-index --quiet HEAD -- 2>/dev/null && echo clean") == "clean";
  return is_clean ? commit : commit + "-dirty";
}

Report::Report(absl::string_view name, uint64_t seed)
    : name_(name), seed_(seed), commit_(ThisCommit()), machine_(ThisMachine()) {}

void Report::AddFlag(absl::string_view name, absl::string_view value) {
  flags_.emplace_back(name, value);
}

void Report::Add(absl::string_view case_name, absl::string_view system, absl::string_view metric,
                 absl::string_view unit, std::span<const double> samples) {
  Result result{.case_name = std::string(case_name),
                .system = std::string(system),
                .metric = std::string(metric),
                .unit = std::string(unit),
                .summary = Summarize(samples)};
  if (const Result* const known = Lookup(case_name, system, metric); known != nullptr) {
    results_[static_cast<size_t>(known - results_.data())] = std::move(result);
  } else {
    results_.push_back(std::move(result));
  }
}

void Report::Add(absl::string_view case_name, absl::string_view system, absl::string_view metric,
                 absl::string_view unit, double value) {
  Add(case_name, system, metric, unit, std::span(&value, 1));
}

double Report::Compare(absl::string_view case_name, absl::string_view metric,
                       absl::string_view ours, absl::string_view peer, Better better) {
  const Result* const our_result = Lookup(case_name, ours, metric);
  const Result* const peer_result = Lookup(case_name, peer, metric);
  KYRO_CHECK(our_result != nullptr && peer_result != nullptr);
  const bool higher_is_better = better == Better::kHigher;
  const double our_median = our_result->summary.median;
  const double peer_median = peer_result->summary.median;
  const double ratio = higher_is_better ? our_median / peer_median : peer_median / our_median;
  ratios_.push_back({.case_name = std::string(case_name),
                     .metric = std::string(metric),
                     .ours = std::string(ours),
                     .peer = std::string(peer),
                     .ratio = ratio,
                     .higher_is_better = higher_is_better});
  return ratio;
}

const Report::Result* Report::Lookup(absl::string_view case_name, absl::string_view system,
                                     absl::string_view metric) const {
  for (const Result& result : results_) {
    if (result.case_name == case_name && result.system == system && result.metric == metric) {
      return &result;
    }
  }
  return nullptr;
}

std::string Report::Json() const {
  const auto flag = [](std::string* out, const auto& entry) {
    absl::StrAppend(out, Quoted(entry.first), ": ", Quoted(entry.second));
  };
  const auto result = [](std::string* out, const Result& r) {
    absl::StrAppend(out, "\n    {\"case\": ", Quoted(r.case_name),
                    ", \"system\": ", Quoted(r.system), ", \"metric\": ", Quoted(r.metric),
                    ", \"unit\": ", Quoted(r.unit), ", \"median\": ", Number(r.summary.median),
                    ", \"min\": ", Number(r.summary.min), ", \"max\": ", Number(r.summary.max),
                    ", \"repetitions\": ", r.summary.repetitions, "}");
  };
  const auto ratio = [](std::string* out, const Ratio& r) {
    absl::StrAppend(out, "\n    {\"case\": ", Quoted(r.case_name),
                    ", \"metric\": ", Quoted(r.metric), ", \"ours\": ", Quoted(r.ours),
                    ", \"peer\": ", Quoted(r.peer), ", \"ratio\": ", Number(r.ratio),
                    ", \"higher_is_better\": ", r.higher_is_better ? "true" : "false", "}");
  };
  return absl::StrCat("{\n  \"name\": ", Quoted(name_), ",\n  \"commit\": ", Quoted(commit_),
                      ",\n  \"machine\": {\"cpu\": ", Quoted(machine_.cpu),
                      ", \"cores\": ", machine_.cores, ", \"simd\": ", Quoted(machine_.simd),
                      "},\n  \"seed\": ", seed_, ",\n  \"flags\": {",
                      absl::StrJoin(flags_, ", ", flag), "},\n  \"results\": [",
                      absl::StrJoin(results_, ",", result), "\n  ],\n  \"ratios\": [",
                      absl::StrJoin(ratios_, ",", ratio), "\n  ]\n}\n");
}

std::string Report::Table() const {
  std::string out = absl::StrFormat("%s: commit %s, %s, %u cores, %s, seed %u\n", name_, commit_,
                                    machine_.cpu, machine_.cores, machine_.simd, seed_);
  if (!results_.empty()) {
    std::vector<std::vector<std::string>> rows = {
        {"case", "system", "metric", "unit", "median", "min", "max", "reps"}};
    for (const Result& r : results_) {
      rows.push_back({r.case_name, r.system, r.metric, r.unit, Short(r.summary.median),
                      Short(r.summary.min), Short(r.summary.max),
                      absl::StrCat(r.summary.repetitions)});
    }
    absl::StrAppend(&out, "\n", Aligned(rows, 4));
  }
  if (!ratios_.empty()) {
    std::vector<std::vector<std::string>> rows = {{"case", "metric", "ours", "peer", "ratio"}};
    for (const Ratio& r : ratios_) {
      rows.push_back({r.case_name, r.metric, r.ours, r.peer, absl::StrFormat("%.2fx", r.ratio)});
    }
    absl::StrAppend(&out, "\nratios (> 1: we are better)\n", Aligned(rows, 4));
  }
  return out;
}

absl::Status Report::Write(absl::string_view path) const {
  const std::filesystem::path target{std::string(path)};
  std::error_code error;
  if (target.has_parent_path()) std::filesystem::create_directories(target.parent_path(), error);
  std::ofstream file(target, std::ios::binary | std::ios::trunc);
  file << Json();
  file.close();
  if (!file) {
    return absl::UnavailableError(
        absl::StrFormat("cannot write benchmark results to \"%s\"%s", path,
                        error ? absl::StrCat(": ", error.message()) : std::string()));
  }
  return absl::OkStatus();
}

std::string DefaultOutputPath(absl::string_view name) {
  return absl::StrCat("build/bench/", name, ".json");
}

int Finish(const Report& report, absl::string_view path) {
  const std::string target = path.empty() ? DefaultOutputPath(report.name()) : std::string(path);
  absl::PrintF("%s", report.Table());
  if (const absl::Status status = report.Write(target); !status.ok()) {
    absl::FPrintF(stderr, "%s\n", status.message());
    return 1;
  }
  absl::PrintF("\nwritten to %s\n", target);
  return 0;
}

}  // namespace kyrodb::bench
