// The allocator of a test program that links this: operator new fails on demand.
#pragma once

#include <cstdint>

namespace kyrodb::engine {

// From now on allocations of every thread are counted, from 0; the one with number `at` throws
// std::bad_alloc, and with `forever` every later one too.
void FailAllocations(uint64_t at, bool forever);
// Allocations succeed again. Returns how many have failed.
uint64_t StopFailingAllocations();
// While one lives, allocations of its thread neither fail nor count: those of the test itself.
class SparedAllocations {
 public:
  SparedAllocations();
  ~SparedAllocations();
  SparedAllocations(const SparedAllocations&) = delete;
  SparedAllocations& operator=(const SparedAllocations&) = delete;
};
// How many there were since `FailAllocations`.
uint64_t AllocationCount();

}  // namespace kyrodb::engine
