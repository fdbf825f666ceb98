#include "tests/engine/isolation/history.h"

#include <algorithm>
#include <deque>
#include <set>
#include <unordered_map>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace kyrodb::engine {
namespace {

enum class EdgeKind : uint8_t { kWriteWrite, kWriteRead, kReadWrite, kTime };

const char* NameOf(EdgeKind kind) {
  switch (kind) {
    case EdgeKind::kWriteWrite:
      return "ww";
    case EdgeKind::kWriteRead:
      return "wr";
    case EdgeKind::kReadWrite:
      return "rw";
    case EdgeKind::kTime:
      return "rt";
  }
  return "";
}

struct Edge {
  uint32_t to;
  EdgeKind kind;
};

// Nodes [0, transaction_count) are transactions, the others moments.
struct Graph {
  size_t transaction_count = 0;
  std::vector<std::vector<Edge>> edges;
  std::map<std::pair<uint32_t, uint32_t>, std::string> keys;  // of dependencies, for messages
};

// Which edges may be walked, and whether two anti-dependencies may follow each other.
struct Walk {
  bool read_write = false;
  bool time = false;
  bool adjacent = false;
  bool Allows(EdgeKind kind, bool after_read_write) const {
    if (kind == EdgeKind::kTime) return time;
    if (kind != EdgeKind::kReadWrite) return true;
    return read_write && (adjacent || !after_read_write);
  }
};

// States are (node, whether an anti-dependency led there): a cycle of states is a cycle of edges of
// which, unless the walk says otherwise, no two anti-dependencies are neighbours.
class CycleFinder {
 public:
  CycleFinder(const Graph& graph, const Walk& walk) : graph_(graph), walk_(walk) {}

  // A shortest cycle through some state of each strongly connected component.
  std::vector<std::vector<Edge>> Find() {
    const size_t count = graph_.edges.size() * 2;
    order_.assign(count, 0);
    low_.assign(count, 0);
    component_.assign(count, 0);
    for (uint32_t state = 0; state < count; ++state) {
      if (order_[state] == 0) Visit(state);
    }
    std::vector<std::vector<Edge>> cycles;
    for (const uint32_t state : in_cycles_) cycles.push_back(ShortestFrom(state));
    return cycles;
  }

 private:
  struct Frame {
    uint32_t state;
    size_t next;
  };

  template <typename Function>
  void ForEachStep(uint32_t state, size_t from, Function function) const {
    const std::vector<Edge>& edges = graph_.edges[state / 2];
    for (size_t i = from; i < edges.size(); ++i) {
      if (!walk_.Allows(edges[i].kind, state % 2 == 1)) continue;
      const uint32_t to = edges[i].to * 2 + (edges[i].kind == EdgeKind::kReadWrite ? 1 : 0);
      if (!function(i, to)) return;
    }
  }

  // Tarjan, "Depth-First Search and Linear Graph Algorithms" (SIAM J. Comput. 1972), without
  // recursion.
  void Visit(uint32_t root) {
    std::vector<Frame> frames;
    const auto enter = [&](uint32_t state) {
      order_[state] = low_[state] = ++counter_;
      stack_.push_back(state);
      frames.push_back({state, 0});
    };
    enter(root);
    while (!frames.empty()) {
      Frame& frame = frames.back();
      const uint32_t state = frame.state;
      bool deeper = false;
      uint32_t child = 0;
      ForEachStep(state, frame.next, [&](size_t index, uint32_t to) {
        frame.next = index + 1;
        if (order_[to] == 0) {
          deeper = true;
          child = to;
          return false;
        }
        if (component_[to] == 0) low_[state] = std::min(low_[state], order_[to]);
        return true;
      });
      if (deeper) {
        enter(child);
        continue;
      }
      frames.pop_back();
      if (!frames.empty()) {
        uint32_t& low = low_[frames.back().state];
        low = std::min(low, low_[state]);
      }
      if (low_[state] != order_[state]) continue;
      ++component_count_;
      size_t size = 0;
      for (uint32_t member = ~0u; member != state; ++size) {
        member = stack_.back();
        stack_.pop_back();
        component_[member] = component_count_;
      }
      if (size > 1) in_cycles_.push_back(state);
    }
  }

  std::vector<Edge> ShortestFrom(uint32_t start) const {
    std::unordered_map<uint32_t, std::pair<uint32_t, Edge>> came;  // to a state: from where, how
    std::deque<uint32_t> queue = {start};
    bool closed = false;
    while (!queue.empty() && !closed) {
      const uint32_t state = queue.front();
      queue.pop_front();
      ForEachStep(state, 0, [&](size_t index, uint32_t to) {
        if (component_[to] != component_[start] || came.contains(to)) return true;
        came[to] = {state, graph_.edges[state / 2][index]};
        queue.push_back(to);
        closed = to == start;
        return !closed;
      });
    }
    std::vector<Edge> cycle;
    for (uint32_t state = start; cycle.empty() || state != start;) {
      const auto& [from, edge] = came.at(state);
      cycle.push_back({from / 2, edge.kind});  // the edge that leaves `from`
      state = from;
    }
    std::reverse(cycle.begin(), cycle.end());
    return cycle;
  }

  const Graph& graph_;
  const Walk walk_;
  uint32_t counter_ = 0;
  uint32_t component_count_ = 0;
  std::vector<uint32_t> order_, low_, component_, stack_;
  std::vector<uint32_t> in_cycles_;  // one state of each component that has a cycle
};

Graph MakeGraph(const std::vector<VersionTransaction>& history) {
  Graph graph;
  graph.transaction_count = history.size();
  graph.edges.resize(history.size());
  std::map<std::string, std::map<uint64_t, uint32_t>> writers;  // of each key's positions
  for (uint32_t t = 0; t < history.size(); ++t) {
    for (const auto& [key, position] : history[t].writes) writers[key][position] = t;
  }
  const auto add = [&](uint32_t from, uint32_t to, EdgeKind kind, const std::string& key) {
    if (from == to) return;
    graph.edges[from].push_back({to, kind});
    graph.keys[{from, to}] = key;
  };
  for (const auto& [key, positions] : writers) {
    for (auto it = positions.begin(); it != positions.end(); ++it) {
      const auto next = std::next(it);
      if (next != positions.end()) add(it->second, next->second, EdgeKind::kWriteWrite, key);
    }
  }
  for (uint32_t t = 0; t < history.size(); ++t) {
    for (const auto& [key, position] : history[t].reads) {
      const auto found = writers.find(key);
      if (found == writers.end()) continue;
      const auto writer = found->second.find(position);
      if (writer != found->second.end()) add(writer->second, t, EdgeKind::kWriteRead, key);
      // The next version by somebody else: own ones lie in between when it read, then wrote.
      auto next = found->second.upper_bound(position);
      while (next != found->second.end() && next->second == t) ++next;
      if (next != found->second.end()) add(t, next->second, EdgeKind::kReadWrite, key);
    }
  }
  // The order of time, through a chain of moments at which transactions ended.
  std::vector<uint32_t> by_end(history.size());
  for (uint32_t t = 0; t < history.size(); ++t) by_end[t] = t;
  std::vector<uint32_t> by_begin = by_end;
  std::sort(by_end.begin(), by_end.end(),
            [&](uint32_t a, uint32_t b) { return history[a].end < history[b].end; });
  std::sort(by_begin.begin(), by_begin.end(),
            [&](uint32_t a, uint32_t b) { return history[a].begin < history[b].begin; });
  size_t ended = 0;
  for (const uint32_t t : by_begin) {
    for (; ended < by_end.size() && history[by_end[ended]].end < history[t].begin; ++ended) {
      const auto moment = static_cast<uint32_t>(graph.edges.size());
      graph.edges.emplace_back();
      graph.edges[by_end[ended]].push_back({moment, EdgeKind::kTime});
      if (ended > 0) graph.edges[moment - 1].push_back({moment, EdgeKind::kTime});
    }
    if (ended == 0) continue;
    graph.edges.back().push_back({t, EdgeKind::kTime});
  }
  return graph;
}

std::string Describe(const Graph& graph, const std::vector<Edge>& cycle) {
  std::string text;
  for (size_t i = 0; i < cycle.size(); ++i) {
    if (cycle[i].to >= graph.transaction_count) continue;  // a moment
    // Over moments to the next transaction.
    size_t next = (i + 1) % cycle.size();
    while (cycle[next].to >= graph.transaction_count) next = (next + 1) % cycle.size();
    const auto key = graph.keys.find({cycle[i].to, cycle[next].to});
    absl::StrAppend(&text, "T", cycle[i].to, " -", NameOf(cycle[i].kind));
    if (cycle[i].kind != EdgeKind::kTime && key != graph.keys.end()) {
      absl::StrAppend(&text, "(", key->second, ")");
    }
    absl::StrAppend(&text, "-> ");
  }
  return text + "…";
}

constexpr size_t kShownMax = 3;

// Collects what is wrong with lists, at most a few of each kind.
class Findings {
 public:
  void Add(const std::string& name, std::string detail) {
    if (++counts_[name] <= kShownMax) anomalies_.push_back({name, std::move(detail)});
  }
  std::vector<Anomaly> Take() { return std::move(anomalies_); }
  bool empty() const { return anomalies_.empty(); }

 private:
  std::map<std::string, size_t> counts_;
  std::vector<Anomaly> anomalies_;
};

bool IsPrefix(const std::vector<uint64_t>& prefix, const std::vector<uint64_t>& list) {
  return prefix.size() <= list.size() && std::equal(prefix.begin(), prefix.end(), list.begin());
}

std::string Show(const std::vector<uint64_t>& list) {
  return absl::StrCat("[", absl::StrJoin(list, " "), "]");
}

}  // namespace

std::vector<Anomaly> CheckVersions(const std::vector<VersionTransaction>& history, Level level) {
  const Graph graph = MakeGraph(history);
  Findings findings;
  const auto search = [&](const Walk& walk, bool refine) {
    for (const std::vector<Edge>& cycle : CycleFinder(graph, walk).Find()) {
      size_t read_writes = 0, write_reads = 0, times = 0, adjacent = 0;
      for (size_t i = 0; i < cycle.size(); ++i) {
        read_writes += cycle[i].kind == EdgeKind::kReadWrite;
        write_reads += cycle[i].kind == EdgeKind::kWriteRead;
        times += cycle[i].kind == EdgeKind::kTime;
        adjacent += cycle[i].kind == EdgeKind::kReadWrite &&
                    cycle[(i + 1) % cycle.size()].kind == EdgeKind::kReadWrite;
      }
      if (refine && read_writes == 0) continue;  // found before
      std::string name =
          read_writes == 0 ? (write_reads == 0 ? "G0" : "G1c")
                           : (read_writes == 1 ? "G-single" : (adjacent == 0 ? "long fork" : "G2"));
      if (times > 0) name += "-realtime";
      findings.Add(name, Describe(graph, cycle));
    }
    return !findings.empty();
  };
  // From the worst to the mildest; the milder ones follow from the worse.
  if (search({}, false)) return findings.Take();
  if (search({.time = true}, false)) return findings.Take();
  if (search({.read_write = true}, true)) return findings.Take();
  if (search({.read_write = true, .time = true}, true)) return findings.Take();
  if (level == Level::kSnapshot) return {};
  if (search({.read_write = true, .adjacent = true}, true)) return findings.Take();
  search({.read_write = true, .time = true, .adjacent = true}, true);
  return findings.Take();
}

std::vector<Anomaly> CheckLists(const std::vector<ListTransaction>& history, Level level) {
  Findings findings;
  struct Writer {
    size_t transaction;
    std::string key;
    bool is_last;  // of its transaction's appends to the key
  };
  std::unordered_map<uint64_t, Writer> writers;
  for (size_t t = 0; t < history.size(); ++t) {
    std::map<std::string, uint64_t> last;
    for (const ListOperation& operation : history[t].operations) {
      if (!operation.is_append) continue;
      if (const auto before = last.find(operation.key); before != last.end()) {
        writers[before->second].is_last = false;
      }
      writers[operation.value] = {t, operation.key, true};
      last[operation.key] = operation.value;
    }
  }

  // The longest list that was read of a key is its history; every other is its beginning.
  std::map<std::string, std::vector<uint64_t>> orders;
  for (size_t t = 0; t < history.size(); ++t) {
    if (history[t].outcome != Outcome::kCommitted) continue;
    for (const ListOperation& operation : history[t].operations) {
      if (operation.is_append) continue;
      std::vector<uint64_t>& order = orders[operation.key];
      if (IsPrefix(operation.list, order)) continue;
      if (!IsPrefix(order, operation.list)) {
        findings.Add("incompatible order",
                     absl::StrCat("T", t, " read ", operation.key, " as ", Show(operation.list),
                                  ", somebody else as ", Show(order)));
        continue;
      }
      order = operation.list;
    }
  }
  std::unordered_map<uint64_t, uint64_t> positions;
  for (const auto& [key, order] : orders) {
    for (size_t i = 0; i < order.size(); ++i) {
      const auto writer = writers.find(order[i]);
      if (writer == writers.end() || writer->second.key != key) {
        findings.Add("garbage", absl::StrCat(key, " holds ", order[i], ", which nobody appended"));
      } else if (history[writer->second.transaction].outcome == Outcome::kAborted) {
        findings.Add("G1a", absl::StrCat(key, " holds ", order[i], ", which T",
                                         writer->second.transaction, " appended, and aborted"));
      }
      if (!positions.emplace(order[i], i + 1).second) {
        findings.Add("duplicate", absl::StrCat(key, " holds ", order[i], " twice"));
      }
    }
  }
  for (const auto& [value, writer] : writers) {
    if (history[writer.transaction].outcome != Outcome::kCommitted) continue;
    if (!positions.contains(value)) {
      findings.Add("lost update", absl::StrCat("T", writer.transaction, " appended ", value, " to ",
                                               writer.key, " and committed, and it is gone"));
    }
  }

  std::vector<VersionTransaction> versions;
  std::vector<size_t> numbers;
  for (size_t t = 0; t < history.size(); ++t) {
    if (history[t].outcome != Outcome::kCommitted) continue;
    VersionTransaction version{history[t].begin, history[t].end, {}, {}};
    std::map<std::string, std::vector<uint64_t>> own;   // appended so far
    std::map<std::string, std::vector<uint64_t>> base;  // read, without own appends
    for (const ListOperation& operation : history[t].operations) {
      std::vector<uint64_t>& appended = own[operation.key];
      if (operation.is_append) {
        appended.push_back(operation.value);
        if (const auto at = positions.find(operation.value); at != positions.end()) {
          version.writes.emplace_back(operation.key, at->second);
        }
        continue;
      }
      std::vector<uint64_t> list = operation.list;
      if (list.size() < appended.size() ||
          !std::equal(appended.rbegin(), appended.rend(), list.rbegin())) {
        findings.Add("internal", absl::StrCat("T", t, " read ", operation.key, " as ", Show(list),
                                              " after it appended ", Show(appended)));
        continue;
      }
      list.resize(list.size() - appended.size());
      const auto [before, is_first] = base.emplace(operation.key, list);
      if (!is_first) {
        if (before->second != list) {
          findings.Add("non-repeatable read",
                       absl::StrCat("T", t, " read ", operation.key, " as ", Show(before->second),
                                    ", then as ", Show(list)));
        }
        continue;
      }
      if (!list.empty()) {
        const auto writer = writers.find(list.back());
        if (writer != writers.end() && !writer->second.is_last) {
          findings.Add("G1b", absl::StrCat("T", t, " read ", operation.key, " as ", Show(list),
                                           ", in the middle of T", writer->second.transaction));
        }
      }
      version.reads.emplace_back(operation.key, list.size());
    }
    versions.push_back(std::move(version));
    numbers.push_back(t);
  }
  // Cycles mean something only when the order of versions does.
  if (!findings.empty()) return findings.Take();
  return CheckVersions(versions, level);
}

}  // namespace kyrodb::engine
