#include "bench/kv/workbench.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "bench/kv/store.h"

namespace kyrodb::bench {

std::vector<double>& Record::Series::Samples(absl::string_view system) {
  for (auto& [name, samples] : systems) {
    if (name == system) return samples;
  }
  return systems.emplace_back(std::string(system), std::vector<double>()).second;
}

void Record::Add(absl::string_view case_name, absl::string_view metric, absl::string_view unit,
                 Better better, absl::string_view system, double sample) {
  auto at = std::find_if(series_.begin(), series_.end(), [&](const Series& series) {
    return series.case_name == case_name && series.metric == metric;
  });
  if (at == series_.end()) {
    series_.push_back({.case_name = std::string(case_name),
                       .metric = std::string(metric),
                       .unit = std::string(unit),
                       .better = better,
                       .systems = {}});
    at = series_.end() - 1;
  }
  at->Samples(system).push_back(sample);
}

double Record::Median(absl::string_view case_name, absl::string_view metric,
                      absl::string_view system) const {
  for (const Series& series : series_) {
    if (series.case_name != case_name || series.metric != metric) continue;
    for (const auto& [name, samples] : series.systems) {
      if (name == system) return Summarize(samples).median;
    }
  }
  return 0;
}

void Record::Alias(absl::string_view case_name, absl::string_view system, absl::string_view alias) {
  for (Series& series : series_) {
    if (series.case_name != case_name) continue;
    const std::vector<double> copy = series.Samples(system);
    series.Samples(alias) = copy;
  }
}

void Record::Publish(absl::string_view ours, Report* report) {
  for (; published_count_ < series_.size(); ++published_count_) {
    const Series& series = series_[published_count_];
    bool is_ours = false;
    for (const auto& [name, samples] : series.systems) {
      report->Add(series.case_name, name, series.metric, series.unit, samples);
      is_ours = is_ours || name == ours;
    }
    for (const auto& [name, samples] : series.systems) {
      if (!is_ours || name == ours) continue;
      report->Compare(series.case_name, series.metric, ours, name, series.better);
    }
  }
}

bool Workbench::WantsGroup(absl::string_view group) const {
  return flags.groups.empty() ||
         std::find(flags.groups.begin(), flags.groups.end(), group) != flags.groups.end();
}

bool Workbench::WantsSystem(absl::string_view system) const {
  return flags.systems.empty() ||
         std::any_of(flags.systems.begin(), flags.systems.end(),
                     [&](const std::string& begin) { return absl::StartsWith(system, begin); });
}

std::string Workbench::Directory(absl::string_view name) const {
  return absl::StrCat(flags.directory, "/", name);
}

std::string Workbench::FreshDirectory(absl::string_view name) const {
  RemoveDirectory(name);
  std::filesystem::create_directories(Directory(name));
  return Directory(name);
}

void Workbench::RemoveDirectory(absl::string_view name) const {
  std::filesystem::remove_all(Directory(name));
}

void Workbench::Save() {
  record.Publish("kyrodb", &report);
  const std::string path = flags.output.empty() ? DefaultOutputPath("kv") : flags.output;
  Check(report.Write(path), path);
}

void Workbench::AddReads(absl::string_view case_name, absl::string_view system, const Spent& spent,
                         uint64_t count) {
  const double scale = 1e9 / static_cast<double>(count);
  record.Add(case_name, "CPU time", "ns", Better::kLower, system, spent.thread_cpu_seconds * scale);
  record.Add(case_name, "wall time", "ns", Better::kLower, system, spent.wall_seconds * scale);
}

void Workbench::AddWork(absl::string_view case_name, absl::string_view system, const Spent& spent,
                        uint64_t count) {
  const double scale = 1e9 / static_cast<double>(count);
  record.Add(case_name, "wall time", "ns", Better::kLower, system, spent.wall_seconds * scale);
  record.Add(case_name, "CPU time of all threads", "ns", Better::kLower, system,
             spent.process_cpu_seconds * scale);
}

void Say(absl::string_view what) {
  static const auto begin = std::chrono::steady_clock::now();
  const std::chrono::duration<double> since = std::chrono::steady_clock::now() - begin;
  absl::FPrintF(stderr, "%6.1f s  %s\n", since.count(), what);
}

}  // namespace kyrodb::bench
