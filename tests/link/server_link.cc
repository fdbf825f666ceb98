#include "server/http_listener.h"

int main() { return kyrodb::server::HttpOptions().port == 8080 ? 0 : 1; }
