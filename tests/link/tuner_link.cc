#include "tuner/policy.h"

int main() { return kyrodb::tuner::MakePolicy("marginal_utility").ok() ? 0 : 1; }
