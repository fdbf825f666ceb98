#include "sql/script.h"

int main() { return kyrodb::sql::IsComplete("SELECT 1;") ? 0 : 1; }
