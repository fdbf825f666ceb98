#include "tests/engine/memory/allocation_faults.h"

#include <atomic>
#include <cstdlib>
#include <new>

namespace kyrodb::engine {
namespace {

std::atomic<bool> is_armed{false};
std::atomic<bool> is_forever{false};
std::atomic<uint64_t> fails_at{0};
std::atomic<uint64_t> seen_count{0};
std::atomic<uint64_t> failure_count{0};
thread_local int spared_depth = 0;

bool Fails() {
  if (!is_armed.load(std::memory_order_relaxed) || spared_depth > 0) return false;
  const uint64_t number = seen_count.fetch_add(1);
  if (is_forever ? number < fails_at : number != fails_at) return false;
  failure_count.fetch_add(1);
  return true;
}

void* Allocate(size_t size) {
  if (Fails()) return nullptr;
  return std::malloc(size == 0 ? 1 : size);
}

void* AllocateAligned(size_t size, std::align_val_t alignment) {
  if (Fails()) return nullptr;
  const auto align = static_cast<size_t>(alignment);
  return std::aligned_alloc(align, (size + align - 1) / align * align);
}

void* OrThrow(void* memory) {
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

}  // namespace

void FailAllocations(uint64_t at, bool forever) {
  fails_at = at;
  is_forever = forever;
  seen_count = 0;
  failure_count = 0;
  is_armed = true;
}

uint64_t StopFailingAllocations() {
  is_armed = false;
  return failure_count;
}

SparedAllocations::SparedAllocations() { ++spared_depth; }
SparedAllocations::~SparedAllocations() { --spared_depth; }

uint64_t AllocationCount() { return seen_count; }

}  // namespace kyrodb::engine

using kyrodb::engine::Allocate;
using kyrodb::engine::AllocateAligned;
using kyrodb::engine::OrThrow;

void* operator new(size_t size) { return OrThrow(Allocate(size)); }
void* operator new[](size_t size) { return OrThrow(Allocate(size)); }
void* operator new(size_t size, const std::nothrow_t&) noexcept { return Allocate(size); }
void* operator new[](size_t size, const std::nothrow_t&) noexcept { return Allocate(size); }
void* operator new(size_t size, std::align_val_t alignment) {
  return OrThrow(AllocateAligned(size, alignment));
}
void* operator new[](size_t size, std::align_val_t alignment) {
  return OrThrow(AllocateAligned(size, alignment));
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, size_t, std::align_val_t) noexcept { std::free(memory); }
void operator delete[](void* memory, size_t, std::align_val_t) noexcept { std::free(memory); }
