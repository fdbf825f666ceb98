#include "engine/base/crc32c.h"

// The check value of CRC-32C (RFC 3720, appendix B.4).
int main() { return kyrodb::Crc32c("123456789") == 0xE3069283u ? 0 : 1; }
