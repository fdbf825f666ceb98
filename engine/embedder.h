// The text embedder, raised from the vector module for the layers above the engine.
#pragma once

#include "vector/embedder.h"

namespace kyrodb::engine {

using Embedder = vector::Embedder;

}  // namespace kyrodb::engine
