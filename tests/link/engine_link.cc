#include "engine/key_codec.h"

int main() { return kyrodb::engine::PrefixSuccessor("a") == "b" ? 0 : 1; }
