#include <cstdint>

#include "learned_index/lower_bound.h"

int main() {
  const uint64_t keys[] = {2, 4, 6};
  return kyrodb::learned_index::LowerBound(keys, {0, 3}, 5) == 2 ? 0 : 1;
}
