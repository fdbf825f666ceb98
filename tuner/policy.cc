#include "tuner/policy.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

#include "absl/strings/str_format.h"
#include "tuner/flush_meter.h"

namespace kyrodb::tuner {
namespace {

// A decaying mean of sums: ratios of two of them are stable in windows in which nothing happened.
class MovingSum {
 public:
  void Add(double value, double weight) { value_ += weight * (value - value_); }
  double value() const { return value_; }

 private:
  double value_ = 0;
};

// Learns θ in cost = c * size^-θ from (size, cost) pairs of one workload: least squares on
// logarithms with old windows fading, held near a prior until sizes have really varied.
class Elasticity {
 public:
  void Add(double size, double cost) {
    if (size <= 0 || cost <= 0) return;
    constexpr double kFading = 0.99;
    const double x = std::log(size);
    const double y = std::log(cost);
    weight_ = weight_ * kFading + 1;
    const double dx = x - mean_x_;
    mean_x_ += dx / weight_;
    mean_y_ += (y - mean_y_) / weight_;
    variance_ = variance_ * kFading + dx * (x - mean_x_);
    covariance_ = covariance_ * kFading + dx * (y - mean_y_);
  }
  double Value(double prior) const {
    constexpr double kPriorWeight = 0.2;
    const double slope = (kPriorWeight * prior - covariance_) / (kPriorWeight + variance_);
    return std::clamp(slope, 0.02, 3.0);
  }

 private:
  double weight_ = 0;
  double mean_x_ = 0;
  double mean_y_ = 0;
  double variance_ = 0;
  double covariance_ = 0;
};

// What `step` more bytes save, and `step` fewer cost, when cost falls as size^-elasticity.
double PowerGain(double cost, double size, double step, double elasticity) {
  return cost * (1 - std::pow(size / (size + step), elasticity));
}
double PowerLoss(double cost, double size, double step, double elasticity) {
  const double left = std::max(size - step, size / 16);
  return cost * (std::pow(size / left, elasticity) - 1);
}

// Windows after a resize in which costs still show the old size.
constexpr uint64_t kWindowsUntilSettled = 2;
constexpr double kContextShift = 0.10;
constexpr uint64_t kReversalWindows = 40;

}  // namespace

std::string ActionName(const Action& action) {
  if (action.kind == Action::Kind::kHold) return "hold";
  return absl::StrFormat("%s -> %s", ConsumerName(OtherConsumer(action.to)),
                         ConsumerName(action.to));
}

Allocation Apply(const Allocation& allocation, const Action& action) {
  Allocation after = allocation;
  if (action.kind == Action::Kind::kHold) return after;
  after.bytes(action.to) += action.bytes;
  after.bytes(OtherConsumer(action.to)) -= action.released_bytes;
  return after;
}

struct MarginalUtilityPolicy::Averages {
  MovingSum operations, misses, miss_micros, ghost_hits_per_byte, tail_hits_per_byte;
  MovingSum bytes_written, cost;
  FlushMeter flushes{0.75};
  int64_t cycle_write_buffer_bytes = 0;
  bool has_ghosts = false;
  bool pool_is_filling = false;
  int64_t pool_bytes_used = 0;

  Elasticity pool_elasticity, write_elasticity;
  std::optional<double> read_share;  // of the workload that the elasticities belong to
  std::optional<Allocation> allocation;
  std::optional<Consumer> grown;  // by the last resize seen
  uint64_t resize_window = 0;
  uint64_t window = 0;

  double micros_per_miss(const MarginalUtilityOptions& options) const {
    return misses.value() > 0 && miss_micros.value() > 0 ? miss_micros.value() / misses.value()
                                                         : options.miss_micros_default;
  }
};

MarginalUtilityPolicy::MarginalUtilityPolicy(MarginalUtilityOptions options)
    : options_(options), averages_(std::make_unique<Averages>()) {}

MarginalUtilityPolicy::~MarginalUtilityPolicy() = default;

void MarginalUtilityPolicy::Learn(const State& state) {
  Averages& a = *averages_;
  const Observation& seen = state.observation;
  if (seen.operations() == 0) return;
  const double read_share =
      static_cast<double>(seen.reads) / static_cast<double>(seen.operations());
  // What was learned of one workload says nothing about another one; only the costs of single
  // events (a miss, a flushed byte) carry over.
  const bool shifted = a.read_share && std::abs(read_share - *a.read_share) > kContextShift;
  if (!a.read_share || shifted) {
    a.read_share = read_share;
    a.pool_elasticity = {};
    a.write_elasticity = {};
    a.grown.reset();
    a.resize_window = state.window;
  }
  if (a.allocation && !(*a.allocation == seen.allocation)) {
    const int64_t pool_change = seen.allocation.buffer_pool_bytes - a.allocation->buffer_pool_bytes;
    const int64_t write_change =
        seen.allocation.write_buffer_bytes - a.allocation->write_buffer_bytes;
    a.grown = pool_change > write_change ? Consumer::kBufferPool : Consumer::kWriteBuffer;
    a.resize_window = state.window;
  }
  const bool first = !a.allocation.has_value();
  a.allocation = seen.allocation;
  a.window = state.window;

  // The first window, and the first one of a new workload, count in full.
  const double weight = first || shifted ? 1.0 : options_.smoothing;
  a.operations.Add(static_cast<double>(seen.operations()), weight);
  a.misses.Add(static_cast<double>(seen.pool_misses), weight);
  a.miss_micros.Add(static_cast<double>(seen.miss_micros), weight);
  a.bytes_written.Add(static_cast<double>(seen.bytes_written), weight);
  a.cost.Add(state.cost_micros_per_operation, weight);
  if (a.flushes.Add(seen)) {
    // The cycle after a resize still pays for merging that larger or smaller flushes have caused.
    const int64_t size = a.flushes.last_cycle_write_buffer_bytes();
    if (size == a.cycle_write_buffer_bytes) {
      a.write_elasticity.Add(static_cast<double>(size), a.flushes.micros_per_byte(0));
    }
    a.cycle_write_buffer_bytes = size;
  }
  a.has_ghosts = seen.ghost_bytes > 0;
  if (a.has_ghosts) {
    const auto ghost_bytes = static_cast<double>(seen.ghost_bytes);
    a.ghost_hits_per_byte.Add(static_cast<double>(seen.pool_ghost_hits) / ghost_bytes, weight);
    a.tail_hits_per_byte.Add(static_cast<double>(seen.pool_tail_hits) / ghost_bytes, weight);
  }
  // A pool with room that still gains pages has not shown yet what its last pages are worth.
  a.pool_is_filling = seen.pool_misses > 0 &&
                      static_cast<double>(seen.buffer_pool_bytes_used) <
                          0.98 * static_cast<double>(seen.allocation.buffer_pool_bytes) &&
                      static_cast<double>(seen.buffer_pool_bytes_used) >
                          1.005 * static_cast<double>(a.pool_bytes_used);
  a.pool_bytes_used = seen.buffer_pool_bytes_used;

  if (state.window < a.resize_window + kWindowsUntilSettled) return;
  a.pool_elasticity.Add(
      static_cast<double>(seen.allocation.buffer_pool_bytes),
      static_cast<double>(seen.pool_misses) / static_cast<double>(seen.operations()));
}

MarginalUtilityPolicy::Worth MarginalUtilityPolicy::Estimate(const State& state) const {
  const Averages& a = *averages_;
  const auto step = static_cast<double>(state.limits.step_bytes());
  const Observation& seen = state.observation;
  const double operations = a.operations.value();
  Worth worth;
  if (operations <= 0) return worth;

  const double micros_per_miss = a.micros_per_miss(options_);
  if (a.has_ghosts) {
    worth.pool_gain = a.ghost_hits_per_byte.value() * step * micros_per_miss / operations;
    worth.pool_loss = a.tail_hits_per_byte.value() * step * micros_per_miss / operations;
  } else {
    const double cost = a.misses.value() * micros_per_miss / operations;
    const auto size = static_cast<double>(seen.allocation.buffer_pool_bytes);
    const double elasticity = a.pool_elasticity.Value(0.5);
    worth.pool_gain = PowerGain(cost, size, step, elasticity);
    worth.pool_loss = PowerLoss(cost, size, step, elasticity);
  }

  const double cost = a.bytes_written.value() *
                      a.flushes.micros_per_byte(options_.flush_micros_per_byte_default) /
                      operations;
  const auto size = static_cast<double>(seen.allocation.write_buffer_bytes);
  const double levels_log =
      seen.stored_bytes > 0 ? std::log(static_cast<double>(seen.stored_bytes) / size) : 4.0;
  const double elasticity = a.write_elasticity.Value(1 / std::clamp(levels_log, 1.0, 10.0));
  worth.write_gain = PowerGain(cost, size, step, elasticity);
  worth.write_loss = PowerLoss(cost, size, step, elasticity);
  return worth;
}

Action MarginalUtilityPolicy::Decide(const State& state) {
  const Averages& a = *averages_;
  const Limits& limits = state.limits;
  const Allocation& now = state.observation.allocation;
  const Worth worth = Estimate(state);
  const auto step = static_cast<double>(limits.step_bytes());

  Action best = Action::Hold("neither consumer would gain enough");
  double best_net = options_.net_gain_min * a.cost.value();
  for (const Consumer to : {Consumer::kBufferPool, Consumer::kWriteBuffer}) {
    const Consumer from = OtherConsumer(to);
    if (from == Consumer::kBufferPool && a.pool_is_filling) continue;
    const int64_t free_bytes = std::max<int64_t>(limits.budget_bytes - now.total_bytes(), 0);
    const int64_t releasable = std::max<int64_t>(now.bytes(from) - limits.min_bytes(from), 0);
    const int64_t bytes = std::min(
        {limits.step_bytes(), limits.max_bytes(to) - now.bytes(to), free_bytes + releasable});
    if (bytes <= 0) continue;
    const int64_t released_bytes = std::max<int64_t>(bytes - free_bytes, 0);

    const bool to_pool = to == Consumer::kBufferPool;
    const double gain =
        (to_pool ? worth.pool_gain : worth.write_gain) * static_cast<double>(bytes) / step;
    const double loss =
        (to_pool ? worth.write_loss : worth.pool_loss) * static_cast<double>(released_bytes) / step;
    const bool reverses = a.grown == from && state.window < a.resize_window + kReversalWindows;
    const double advantage = reverses ? options_.reversal_advantage_min : options_.advantage_min;
    if (gain < advantage * loss || gain - loss <= best_net) continue;
    best_net = gain - loss;
    best = Action{.kind = Action::Kind::kMove,
                  .to = to,
                  .bytes = bytes,
                  .released_bytes = released_bytes,
                  .predicted_micros_per_operation = loss - gain,
                  .predicted_loss_micros_per_operation = loss,
                  .reason = absl::StrFormat("saves %.3f us/op in %s, costs %.3f in %s", gain,
                                            ConsumerName(to), loss, ConsumerName(from))};
  }
  return best;
}

absl::StatusOr<std::unique_ptr<Policy>> MakePolicy(absl::string_view name) {
  if (name == "static") return std::make_unique<StaticPolicy>();
  if (name == "marginal_utility") return std::make_unique<MarginalUtilityPolicy>();
  return absl::InvalidArgumentError(
      absl::StrFormat("tuner policy is \"%s\", expected static or marginal_utility", name));
}

}  // namespace kyrodb::tuner
