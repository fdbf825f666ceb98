// Tells ThreadSanitizer when Abseil's locks synchronise. Debian's Abseil is built without the
// sanitizer, which therefore sees neither its atomics nor its locks and reports a race wherever a
// mutex protects something. Only builds with KYRO_SANITIZE=thread compile this file; there the
// linker sends every call of ours to a function in here (--wrap, see the list in CMakeLists.txt),
// which adds the happens-before edge and goes on to the real one.
//
// Source: sanitizer/tsan_interface.h for the edges; the GNU linker's manual for --wrap.
#include <sanitizer/tsan_interface.h>

#include <cstddef>

#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "absl/time/time.h"

extern "C" {

void AnnotateIgnoreReadsBegin(const char* file, int line);
void AnnotateIgnoreReadsEnd(const char* file, int line);

}  // extern "C"

namespace {

// Abseil runs the waiting threads' conditions in the thread that unlocks, while it holds the lock:
// after our release, so the sanitizer would see those reads as unordered.
class IgnoreConditionReads {
 public:
  IgnoreConditionReads() { AnnotateIgnoreReadsBegin(__FILE__, __LINE__); }
  ~IgnoreConditionReads() { AnnotateIgnoreReadsEnd(__FILE__, __LINE__); }
};

// The byte whose inline acquire load `HasBeenNotified` does.
void* NotifiedByte(void* notification) {
  return static_cast<char*>(notification) + sizeof(absl::Mutex);
}

}  // namespace

// Locks: what earlier holders released is seen from here on.
#define KYRO_WRAP_LOCK(symbol)       \
  void __real_##symbol(void* self);  \
  void __wrap_##symbol(void* self) { \
    {                                \
      IgnoreConditionReads ignore;   \
      __real_##symbol(self);         \
    }                                \
    __tsan_acquire(self);            \
  }
#define KYRO_WRAP_TRY_LOCK(symbol)             \
  bool __real_##symbol(void* self);            \
  bool __wrap_##symbol(void* self) {           \
    const bool locked = __real_##symbol(self); \
    if (locked) __tsan_acquire(self);          \
    return locked;                             \
  }
#define KYRO_WRAP_UNLOCK(symbol)     \
  void __real_##symbol(void* self);  \
  void __wrap_##symbol(void* self) { \
    __tsan_release(self);            \
    IgnoreConditionReads ignore;     \
    __real_##symbol(self);           \
  }
// Waits that let the lock go and take it again. `locked` is the address of the lock.
#define KYRO_WRAP_WAIT(result, symbol, locked, parameters, arguments) \
  result __real_##symbol parameters;                                  \
  result __wrap_##symbol parameters {                                 \
    __tsan_release(locked);                                           \
    struct Acquire {                                                  \
      void* address;                                                  \
      ~Acquire() { __tsan_acquire(address); }                         \
    } const acquire{locked};                                          \
    const IgnoreConditionReads ignore;                                \
    return __real_##symbol arguments;                                 \
  }

extern "C" {

KYRO_WRAP_LOCK(_ZN4absl7debian35Mutex4LockEv)
KYRO_WRAP_LOCK(_ZN4absl7debian35Mutex10ReaderLockEv)
KYRO_WRAP_TRY_LOCK(_ZN4absl7debian35Mutex7TryLockEv)
KYRO_WRAP_TRY_LOCK(_ZN4absl7debian35Mutex13ReaderTryLockEv)
KYRO_WRAP_UNLOCK(_ZN4absl7debian35Mutex6UnlockEv)
KYRO_WRAP_UNLOCK(_ZN4absl7debian35Mutex12ReaderUnlockEv)

KYRO_WRAP_WAIT(void, _ZN4absl7debian35Mutex5AwaitERKNS0_9ConditionE, self,
               (void* self, const absl::Condition& condition), (self, condition))
KYRO_WRAP_WAIT(bool, _ZN4absl7debian35Mutex16AwaitWithTimeoutERKNS0_9ConditionENS0_8DurationE, self,
               (void* self, const absl::Condition& condition, absl::Duration timeout),
               (self, condition, timeout))
KYRO_WRAP_WAIT(bool, _ZN4absl7debian35Mutex17AwaitWithDeadlineERKNS0_9ConditionENS0_4TimeE, self,
               (void* self, const absl::Condition& condition, absl::Time deadline),
               (self, condition, deadline))
KYRO_WRAP_WAIT(void, _ZN4absl7debian35Mutex8LockWhenERKNS0_9ConditionE, self,
               (void* self, const absl::Condition& condition), (self, condition))
KYRO_WRAP_WAIT(bool, _ZN4absl7debian35Mutex19LockWhenWithTimeoutERKNS0_9ConditionENS0_8DurationE,
               self, (void* self, const absl::Condition& condition, absl::Duration timeout),
               (self, condition, timeout))
KYRO_WRAP_WAIT(bool, _ZN4absl7debian35Mutex20LockWhenWithDeadlineERKNS0_9ConditionENS0_4TimeE, self,
               (void* self, const absl::Condition& condition, absl::Time deadline),
               (self, condition, deadline))
KYRO_WRAP_WAIT(void, _ZN4absl7debian35Mutex14ReaderLockWhenERKNS0_9ConditionE, self,
               (void* self, const absl::Condition& condition), (self, condition))

KYRO_WRAP_WAIT(void, _ZN4absl7debian37CondVar4WaitEPNS0_5MutexE, mutex, (void* self, void* mutex),
               (self, mutex))
KYRO_WRAP_WAIT(bool, _ZN4absl7debian37CondVar15WaitWithTimeoutEPNS0_5MutexENS0_8DurationE, mutex,
               (void* self, void* mutex, absl::Duration timeout), (self, mutex, timeout))
KYRO_WRAP_WAIT(bool, _ZN4absl7debian37CondVar16WaitWithDeadlineEPNS0_5MutexENS0_4TimeE, mutex,
               (void* self, void* mutex, absl::Time deadline), (self, mutex, deadline))

// Not locks, but the same two edges: what came before `Notify`, `DecrementCount` or `Block` is seen
// after the wait.
KYRO_WRAP_WAIT(void, _ZN4absl7debian312Notification6NotifyEv, NotifiedByte(self), (void* self),
               (self))
KYRO_WRAP_WAIT(void, _ZNK4absl7debian312Notification19WaitForNotificationEv, NotifiedByte(self),
               (void* self), (self))
KYRO_WRAP_WAIT(bool, _ZNK4absl7debian312Notification30WaitForNotificationWithTimeoutENS0_8DurationE,
               NotifiedByte(self), (void* self, absl::Duration timeout), (self, timeout))
KYRO_WRAP_WAIT(bool, _ZNK4absl7debian312Notification31WaitForNotificationWithDeadlineENS0_4TimeE,
               NotifiedByte(self), (void* self, absl::Time deadline), (self, deadline))
KYRO_WRAP_WAIT(bool, _ZN4absl7debian315BlockingCounter14DecrementCountEv, self, (void* self),
               (self))
KYRO_WRAP_WAIT(void, _ZN4absl7debian315BlockingCounter4WaitEv, self, (void* self), (self))
KYRO_WRAP_WAIT(bool, _ZN4absl7debian37Barrier5BlockEv, self, (void* self), (self))

}  // extern "C"
