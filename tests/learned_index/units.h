// The vector units as test parameters.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "learned_index/model/kernels.h"

namespace kyrodb::learned_index {

struct UnitName {
  std::string operator()(const testing::TestParamInfo<model::Unit>& test) const {
    switch (test.param) {
      case model::Unit::kPortable:
        return "Portable";
      case model::Unit::kAvx2:
        return "Avx2";
      case model::Unit::kAvx512:
        return "Avx512";
    }
    return "Unknown";
  }
};

}  // namespace kyrodb::learned_index
