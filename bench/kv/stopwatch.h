// Wall time and CPU time of a stretch of work. On a machine that others use too, the CPU time of
// the working thread is the steadier of the two; what background threads do is in the process's.
#pragma once

#include <ctime>

namespace kyrodb::bench {

struct Spent {
  double wall_seconds = 0;
  double thread_cpu_seconds = 0;   // of the thread that holds the stopwatch
  double process_cpu_seconds = 0;  // of all threads
};

// Thread-safety:  read it in the thread that made it.
class Stopwatch {
 public:
  Stopwatch() : begin_(Now()) {}
  Spent spent() const {
    const Spent now = Now();
    return {.wall_seconds = now.wall_seconds - begin_.wall_seconds,
            .thread_cpu_seconds = now.thread_cpu_seconds - begin_.thread_cpu_seconds,
            .process_cpu_seconds = now.process_cpu_seconds - begin_.process_cpu_seconds};
  }

 private:
  static double Read(clockid_t clock) {
    timespec time;
    clock_gettime(clock, &time);
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
  }
  static Spent Now() {
    return {.wall_seconds = Read(CLOCK_MONOTONIC),
            .thread_cpu_seconds = Read(CLOCK_THREAD_CPUTIME_ID),
            .process_cpu_seconds = Read(CLOCK_PROCESS_CPUTIME_ID)};
  }

  const Spent begin_;
};

}  // namespace kyrodb::bench
