#include "tuner/tuner.h"

#include <algorithm>
#include <cmath>
#include <deque>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "engine/base/status.h"
#include "tuner/flush_meter.h"

namespace kyrodb::tuner {
namespace {

// Windows that a move's effect is compared with.
constexpr size_t kBaselineWindows = 32;
// Fewer than these say little about noise: the tolerance is then kUnsureTolerance times as wide.
constexpr size_t kBaselineWindowsSure = 8;
constexpr double kUnsureTolerance = 4;

double ReadShare(const Observation& seen) {
  return seen.operations() == 0
             ? 0
             : static_cast<double>(seen.reads) / static_cast<double>(seen.operations());
}

double HitRatio(const Observation& seen) {
  const uint64_t accesses = seen.pool_hits + seen.pool_misses;
  return accesses == 0 ? 0 : static_cast<double>(seen.pool_hits) / static_cast<double>(accesses);
}

// The cost without flushing and merging, which come in bursts: the moment of a flush would be
// blamed on, or credited to, a move.
double ImmediateCost(const Observation& seen) {
  if (seen.operations() == 0) return 0;
  const auto operations = static_cast<double>(seen.operations());
  if (seen.cost_micros_per_operation <= 0) {
    return static_cast<double>(seen.miss_micros) / operations;
  }
  const double flush_cost = static_cast<double>(seen.flush_micros) / operations;
  return std::max(seen.cost_micros_per_operation - flush_cost, 0.0);
}

struct Statistics {
  double mean = 0;
  double deviation = 0;
};

template <typename Container>
Statistics Describe(const Container& values) {
  Statistics result;
  if (values.empty()) return result;
  for (const double value : values) result.mean += value;
  result.mean /= static_cast<double>(values.size());
  for (const double value : values) {
    result.deviation += (value - result.mean) * (value - result.mean);
  }
  result.deviation = std::sqrt(result.deviation / static_cast<double>(values.size()));
  return result;
}

}  // namespace

// What only the thread that steps touches.
struct Tuner::Loop {
  const TunerOptions options;
  const std::unique_ptr<Policy> policy;
  Environment& environment;
  const Clock& clock;
  Journal& journal;

  uint64_t window = 0;
  FlushMeter flushes{0.75};
  std::deque<double>
      baseline{};  // immediate costs of earlier windows of this workload and allocation
  double baseline_read_share = 0;
  int cooldown = 0;                   // settle windows left in which nothing is judged
  uint64_t banned_until[2] = {0, 0};  // by Consumer that would grow

  // The move that is settling.
  struct Pending {
    uint64_t id;
    Action action;
    Allocation before, after;
    Statistics baseline;
    size_t baseline_windows;
    double flush_cost;
    double total_cost;
    double read_share;
    std::vector<double> costs;  // immediate
  };
  std::optional<Pending> pending{};

  struct Outcome {
    uint64_t moves = 0, reverts = 0, failures = 0;
    Allocation allocation{};
  };

  uint64_t& ban(Consumer to) { return banned_until[to == Consumer::kWriteBuffer ? 0 : 1]; }

  Decision Row(Mode mode, const State& state) const {
    Decision row;
    row.window = window;
    row.wall_micros = clock.WallMicros();
    row.mode = mode;
    row.policy = std::string(policy->name());
    row.policy_version = policy->version();
    row.operations = state.observation.operations();
    row.read_share = ReadShare(state.observation);
    row.pool_hit_ratio = HitRatio(state.observation);
    row.cost_micros_per_operation = state.cost_micros_per_operation;
    row.before = state.observation.allocation;
    row.after = row.before;
    return row;
  }

  // Shrinks first, then grows, so that the sum is never above the larger of the two; on an error
  // puts `before` back.
  absl::Status Move(const Allocation& before, const Allocation& after) {
    Allocation shrunk = before;
    for (const Consumer consumer : {Consumer::kWriteBuffer, Consumer::kBufferPool}) {
      shrunk.bytes(consumer) = std::min(before.bytes(consumer), after.bytes(consumer));
    }
    if (!(shrunk == before)) {
      KYRO_RETURN_IF_ERROR(Annotate(environment.SetAllocation(shrunk), "memory was not released"));
    }
    if (shrunk == after) return absl::OkStatus();
    absl::Status grown = environment.SetAllocation(after);
    if (grown.ok()) return grown;
    grown = Annotate(grown, "memory was not granted");
    if (!(shrunk == before)) {
      const absl::Status restored = environment.SetAllocation(before);
      if (!restored.ok()) {
        return Annotate(grown, absl::StrCat("released memory was not given back (",
                                            restored.message(), ") after"));
      }
    }
    return grown;
  }

  void Abandon(absl::string_view why) {
    if (!pending) return;
    journal.Conclude(pending->id, Verdict::kInconclusive, std::nullopt, std::string(why));
    pending.reset();
    baseline.clear();
  }

  // Brings the allocation within `limits`, whatever the policy thinks.
  void FitLimits(Mode mode, const State& state, Outcome& outcome) {
    Abandon("the limits changed");
    Decision row = Row(mode, state);
    const Allocation after = state.limits.Fit(row.before);
    row.action = "fit limits";
    row.reason = absl::StrFormat("allocation of %d + %d bytes is outside the limits",
                                 row.before.write_buffer_bytes, row.before.buffer_pool_bytes);
    const absl::Status moved = Move(row.before, after);
    if (moved.ok()) {
      row.after = after;
      row.verdict = Verdict::kKept;
      outcome.allocation = after;
      ++outcome.moves;
      cooldown = options.settle_windows;
      baseline.clear();
    } else {
      row.verdict = Verdict::kFailed;
      row.detail = std::string(moved.message());
      ++outcome.failures;
    }
    journal.Append(std::move(row));
  }

  // Compares the settled move with what came before. Returns whether it was taken back.
  bool Judge(Mode mode, const State& state, Outcome& outcome) {
    Pending judged = *std::move(pending);
    pending.reset();
    baseline.assign(judged.costs.begin(), judged.costs.end());
    const double flush_cost = flushes.MicrosPerOperation(state.observation, 0);
    const double observed =
        Describe(judged.costs).mean - judged.baseline.mean + flush_cost - judged.flush_cost;
    if (std::abs(ReadShare(state.observation) - judged.read_share) > options.context_shift_min) {
      journal.Conclude(judged.id, Verdict::kInconclusive, observed, "the workload changed");
      baseline.clear();
      return false;
    }
    const double part_min = options.regression_part_min *
                            (judged.baseline_windows < kBaselineWindowsSure ? kUnsureTolerance : 1);
    // What the giver was expected to lose is no surprise; what flushes cost less or more takes
    // cycles to see, and is left to the policy.
    const double tolerated = judged.baseline.mean +
                             judged.action.predicted_loss_micros_per_operation +
                             std::max(options.regression_sigmas * judged.baseline.deviation,
                                      part_min * judged.total_cost);
    const bool regressed = std::all_of(judged.costs.begin(), judged.costs.end(),
                                       [&](double cost) { return cost > tolerated; });
    if (!regressed || !(state.observation.allocation == judged.after)) {
      journal.Conclude(judged.id, Verdict::kKept, observed, "");
      return false;
    }
    ban(judged.action.to) = window + static_cast<uint64_t>(options.ban_windows);
    Decision row = Row(mode, state);
    row.action = "revert";
    row.reason = absl::StrFormat("decision %d cost %.3f us/op more than tolerated", judged.id,
                                 Describe(judged.costs).mean - tolerated);
    row.predicted_micros_per_operation = -observed;
    const absl::Status moved = Move(judged.after, judged.before);
    if (moved.ok()) {
      journal.Conclude(judged.id, Verdict::kReverted, observed, "every settle window regressed");
      row.after = judged.before;
      row.verdict = Verdict::kKept;
      outcome.allocation = judged.before;
      ++outcome.moves;
      ++outcome.reverts;
    } else {
      journal.Conclude(judged.id, Verdict::kKept, observed, "regressed, but the revert failed");
      row.verdict = Verdict::kFailed;
      row.detail = std::string(moved.message());
      ++outcome.failures;
    }
    journal.Append(std::move(row));
    cooldown = options.settle_windows;
    baseline.clear();
    return true;
  }

  // One window with traffic, within the limits.
  void Window(Mode mode, const State& state, Outcome& outcome) {
    policy->Learn(state);
    const double cost = ImmediateCost(state.observation);
    if (pending) {
      pending->costs.push_back(cost);
      if (pending->costs.size() < static_cast<size_t>(options.settle_windows)) return;
      if (Judge(mode, state, outcome)) return;
    } else {
      if (!baseline.empty() && std::abs(ReadShare(state.observation) - baseline_read_share) >
                                   options.context_shift_min) {
        baseline.clear();
      }
      baseline.push_back(cost);
      if (baseline.size() > kBaselineWindows) baseline.pop_front();
    }
    baseline_read_share = ReadShare(state.observation);
    if (cooldown > 0) {
      --cooldown;
      return;
    }

    Action action = policy->Decide(state);
    Decision row = Row(mode, state);
    const Allocation after = Apply(row.before, action);
    const bool moves = action.kind == Action::Kind::kMove;
    if (moves && (action.bytes <= 0 || action.bytes > state.limits.step_bytes() ||
                  action.released_bytes < 0 || action.released_bytes > action.bytes ||
                  !state.limits.Contains(after))) {
      action = Action::Hold(absl::StrFormat("refused %d bytes %s: outside the limits", action.bytes,
                                            ActionName(action)));
    } else if (moves && window < ban(action.to)) {
      action = Action::Hold(
          absl::StrFormat("%s is banned until window %d", ActionName(action), ban(action.to)));
    }
    row.action = ActionName(action);
    row.reason = action.reason;
    row.predicted_micros_per_operation = action.predicted_micros_per_operation;
    if (action.kind == Action::Kind::kHold) {
      row.verdict = Verdict::kHeld;
      journal.Append(std::move(row));
      return;
    }
    if (mode != Mode::kAuto) {
      row.verdict = Verdict::kAdvised;
      journal.Append(std::move(row));
      return;
    }
    const absl::Status moved = Move(row.before, after);
    if (!moved.ok()) {
      row.verdict = Verdict::kFailed;
      row.detail = std::string(moved.message());
      ban(action.to) = window + static_cast<uint64_t>(options.ban_windows);
      ++outcome.failures;
      journal.Append(std::move(row));
      return;
    }
    ++outcome.moves;
    outcome.allocation = after;
    row.after = after;
    row.verdict = Verdict::kPending;
    const Allocation before = row.before;
    const double read_share = row.read_share;
    const uint64_t id = journal.Append(std::move(row));
    pending = Pending{.id = id,
                      .action = std::move(action),
                      .before = before,
                      .after = after,
                      .baseline = Describe(baseline),
                      .baseline_windows = baseline.size(),
                      .flush_cost = flushes.MicrosPerOperation(state.observation, 0),
                      .total_cost = state.cost_micros_per_operation,
                      .read_share = read_share,
                      .costs = {}};
  }
};

absl::StatusOr<std::unique_ptr<Tuner>> Tuner::Create(TunerOptions options,
                                                     std::unique_ptr<Policy> policy,
                                                     Environment& environment, const Clock& clock) {
  KYRO_RETURN_IF_ERROR(options.limits.Validate());
  if (policy == nullptr) return absl::InvalidArgumentError("tuner has no policy");
  if (options.settle_windows < 1 || options.ban_windows < 0 || options.journal_capacity < 1) {
    return absl::InvalidArgumentError(absl::StrFormat(
        "tuner has %d settle windows, %d ban windows and a journal of %d, expected at least 1, "
        "0 and 1",
        options.settle_windows, options.ban_windows, options.journal_capacity));
  }
  if (!(options.regression_sigmas >= 0) || !(options.regression_part_min >= 0) ||
      !(options.context_shift_min >= 0)) {
    return absl::InvalidArgumentError(absl::StrFormat(
        "tuner thresholds are %g sigmas, %g part and %g shift, expected none below 0",
        options.regression_sigmas, options.regression_part_min, options.context_shift_min));
  }
  return std::unique_ptr<Tuner>(
      new Tuner(std::move(options), std::move(policy), environment, clock));
}

Tuner::Tuner(TunerOptions options, std::unique_ptr<Policy> policy, Environment& environment,
             const Clock& clock)
    : journal_(options.journal_capacity, options.journal_sink),
      mode_(options.mode),
      limits_(options.limits) {
  status_.policy = std::string(policy->name());
  loop_.reset(new Loop{.options = std::move(options),
                       .policy = std::move(policy),
                       .environment = environment,
                       .clock = clock,
                       .journal = journal_});
}

Tuner::~Tuner() { Stop(); }

absl::Status Tuner::StepOnce() {
  absl::MutexLock step_lock(&step_mutex_);
  Loop& loop = *loop_;
  Mode mode;
  State state;
  {
    absl::MutexLock lock(&mutex_);
    mode = mode_;
    state.limits = limits_;
  }
  if (mode != Mode::kAuto) loop.Abandon("the mode left auto");
  if (mode == Mode::kOff) return absl::OkStatus();

  absl::StatusOr<Observation> observation = loop.environment.Observe();
  if (!observation.ok()) {
    absl::MutexLock lock(&mutex_);
    ++status_.observe_errors;
    return Annotate(observation.status(), "the tuner cannot observe");
  }
  state.window = ++loop.window;
  state.observation = *std::move(observation);
  loop.flushes.Add(state.observation);
  state.cost_micros_per_operation =
      ImmediateCost(state.observation) + loop.flushes.MicrosPerOperation(state.observation, 0);

  Loop::Outcome outcome{.allocation = state.observation.allocation};
  const bool has_traffic = state.observation.operations() >= loop.options.operations_min &&
                           state.observation.operations() > 0;
  if (mode == Mode::kAuto && !state.limits.Contains(state.observation.allocation)) {
    loop.FitLimits(mode, state, outcome);
  } else if (has_traffic) {
    loop.Window(mode, state, outcome);
  }

  absl::MutexLock lock(&mutex_);
  ++status_.windows;
  status_.moves += outcome.moves;
  status_.reverts += outcome.reverts;
  status_.failures += outcome.failures;
  status_.allocation = outcome.allocation;
  if (has_traffic) status_.cost_micros_per_operation = state.cost_micros_per_operation;
  return absl::OkStatus();
}

absl::Status Tuner::Start(absl::Duration interval) {
  if (interval <= absl::ZeroDuration()) {
    return absl::InvalidArgumentError(absl::StrFormat("tuner interval is %s, expected more than 0",
                                                      absl::FormatDuration(interval)));
  }
  absl::MutexLock thread_lock(&thread_mutex_);
  if (thread_.joinable()) return absl::FailedPreconditionError("the tuner is running already");
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = false;
    status_.running = true;
  }
  thread_ = std::thread([this, interval] { Run(interval); });
  return absl::OkStatus();
}

void Tuner::Run(absl::Duration interval) {
  while (true) {
    {
      absl::MutexLock lock(&mutex_);
      if (mutex_.AwaitWithTimeout(absl::Condition(&stopping_), interval)) return;
    }
    // A window that cannot be observed is counted in the status; the next one may be.
    StepOnce().IgnoreError();
  }
}

void Tuner::Stop() {
  absl::MutexLock thread_lock(&thread_mutex_);
  if (!thread_.joinable()) return;
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
  }
  thread_.join();
  absl::MutexLock lock(&mutex_);
  status_.running = false;
}

void Tuner::SetMode(Mode mode) {
  absl::MutexLock lock(&mutex_);
  mode_ = mode;
}

Mode Tuner::mode() const {
  absl::MutexLock lock(&mutex_);
  return mode_;
}

absl::Status Tuner::SetLimits(const Limits& limits) {
  KYRO_RETURN_IF_ERROR(limits.Validate());
  absl::MutexLock lock(&mutex_);
  limits_ = limits;
  return absl::OkStatus();
}

Limits Tuner::limits() const {
  absl::MutexLock lock(&mutex_);
  return limits_;
}

Tuner::Status Tuner::status() const {
  absl::MutexLock lock(&mutex_);
  Status status = status_;
  status.mode = mode_;
  return status;
}

}  // namespace kyrodb::tuner
