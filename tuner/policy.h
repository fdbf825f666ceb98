// Who decides where memory goes: an interface, the policy that does nothing, and the
// marginal-utility arbiter.
// Source: Storm et al., "Adaptive Self-Tuning Memory in DB2" (VLDB 2006), for comparing what the
// next piece of memory would save in each consumer; Luo and Carey, "Breaking Down Memory Walls"
// (arXiv 2004.10360), for the derivative of LSM write cost by write memory.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "tuner/environment.h"

namespace kyrodb::tuner {

// What a policy may know when it decides.
struct State {
  uint64_t window = 0;  // counts from 1
  Observation observation{};
  // The observation's, or estimated from its counters, with flushes and merges spread over the
  // bytes that caused them (flush_meter.h).
  double cost_micros_per_operation = 0;
  Limits limits{};
};

// Hold still, or give one step of memory to a consumer: what the budget has free first, the rest
// from the other consumer.
struct Action {
  enum class Kind { kHold, kMove };
  Kind kind = Kind::kHold;
  Consumer to = Consumer::kBufferPool;  // the consumer that grows; only for kMove
  int64_t bytes = 0;                    // that `to` gains; > 0 for kMove
  int64_t released_bytes = 0;           // of these, given up by the other; <= `bytes`
  // Change of cost per operation that the policy expects; negative is better.
  double predicted_micros_per_operation = 0;
  double predicted_loss_micros_per_operation = 0;  // the part of it that the giver loses; >= 0
  std::string reason{};                            // one short clause for the journal

  static Action Hold(std::string reason) {
    return Action{.kind = Kind::kHold, .to = Consumer::kBufferPool, .reason = std::move(reason)};
  }
};

// "hold", "write_buffer -> buffer_pool" or "buffer_pool -> write_buffer".
std::string ActionName(const Action& action);

// The limit a consumer would have after `action`; `allocation` itself for kHold.
Allocation Apply(const Allocation& allocation, const Action& action);

// Thread-safety:  one thread at a time; the tuner serialises its calls.
// Order:          `Learn` is called for every window with traffic, then `Decide` in those windows
//                 in which a move is allowed.
class Policy {
 public:
  virtual ~Policy() = default;
  virtual absl::string_view name() const = 0;
  // Grows whenever the same state may lead to another decision.
  virtual int version() const = 0;

  // Takes note of a window; must not assume that its advice was followed.
  virtual void Learn(const State& state) = 0;
  virtual Action Decide(const State& state) = 0;
};

// Never moves anything: the baseline, and the proof that the loop does not depend on a policy.
class StaticPolicy : public Policy {
 public:
  absl::string_view name() const override { return "static"; }
  int version() const override { return 1; }
  void Learn(const State&) override {}
  Action Decide(const State&) override { return Action::Hold("static policy"); }
};

struct MarginalUtilityOptions {
  // Weight of the newest window in the moving averages; (0, 1].
  double smoothing = 0.25;
  // The receiver must gain this many times what the giver loses …
  double advantage_min = 1.2;
  // … and this many times when the move undoes the previous one.
  double reversal_advantage_min = 2.0;
  // … and the net gain must be this part of the cost per operation.
  double net_gain_min = 0.004;
  // Costs used until the environment has reported measured ones.
  double miss_micros_default = 50;
  double flush_micros_per_byte_default = 0.005;
};

// Moves a step towards the consumer whose next step saves more than the other's last step is
// worth. Both values are derivatives of measured cost:
// - buffer pool: ghost and tail hits times the measured cost of a miss; without ghosts, the miss
//   cost falls as a power of the size, whose exponent is learned from the pool's own resizes;
// - write buffer: measured flush and merge cost falls as a power of the size, whose exponent
//   starts at the log-structured merge model's, 1 / ln(stored / buffer), and is learned from the
//   write buffer's own resizes.
class MarginalUtilityPolicy : public Policy {
 public:
  explicit MarginalUtilityPolicy(MarginalUtilityOptions options = {});
  ~MarginalUtilityPolicy() override;

  absl::string_view name() const override { return "marginal_utility"; }
  int version() const override { return 1; }
  void Learn(const State& state) override;
  Action Decide(const State& state) override;

  // Microseconds per operation that one more, or one fewer, step of each consumer is worth by the
  // present averages; for status displays and tests.
  struct Worth {
    double pool_gain = 0;
    double pool_loss = 0;
    double write_gain = 0;
    double write_loss = 0;
  };
  Worth Estimate(const State& state) const;

 private:
  struct Averages;
  MarginalUtilityOptions options_;
  std::unique_ptr<Averages> averages_;
};

// By the name used in settings: "static" or "marginal_utility"; `InvalidArgument` otherwise.
absl::StatusOr<std::unique_ptr<Policy>> MakePolicy(absl::string_view name);

}  // namespace kyrodb::tuner
