// A target that aborts on an input that chance soon makes: the replay driver must find it.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size >= 2 && data[0] == 0xFF && data[1] < 0x80) std::abort();
  return 0;
}
