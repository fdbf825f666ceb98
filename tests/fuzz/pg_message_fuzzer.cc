// Goal: no bytes of a client crash what takes the PostgreSQL protocol apart, make it take more
// memory than came, or make it read past a message.
// Method: libFuzzer's bytes are fed to the message reader in pieces whose sizes they choose, as a
// start packet first; every message's fields are read as each kind of message has them.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>

#include "engine/base/status.h"
#include "server/pg/connection.h"
#include "server/pg/message.h"
#include "server/pg/scram.h"
#include "server/pg/users.h"

namespace kyrodb::server::pg {
namespace {

constexpr uint64_t kBudget = 1 << 20;

void ReadFields(const Message& message) {
  FieldReader texts(message.body);
  while (texts.ok()) {
    const absl::string_view text = texts.Text();
    KYRO_CHECK(text.size() <= message.body.size());
  }
  FieldReader numbers(message.body);
  numbers.Int16();
  for (int i = 0; i < 8 && numbers.ok(); ++i) {
    const int32_t length = numbers.Int32();
    if (length >= 0) numbers.Bytes(static_cast<size_t>(length));
  }
  numbers.Byte();
  numbers.Finish().IgnoreError();
  ParseStartParameters(message.body).status().IgnoreError();
}

void Feed(absl::string_view bytes, bool start) {
  MemoryBudget budget(kBudget);
  {
    MessageReader reader({.message_bytes_max = 64 << 10}, &budget);
    size_t fed = 0;
    bool first = start;
    for (;;) {
      const auto message = first ? reader.NextStart() : reader.Next();
      if (!message.ok()) break;
      if (message->has_value()) {
        KYRO_CHECK((*message)->body.size() <= bytes.size());
        ReadFields(**message);
        first = false;
        continue;
      }
      if (fed == bytes.size()) break;
      const auto room = reader.Prepare();
      if (!room.ok()) break;
      KYRO_CHECK(!room->empty());
      // A piece as large as its first byte says.
      const size_t piece = std::min({static_cast<size_t>(static_cast<uint8_t>(bytes[fed])) + 1,
                                     bytes.size() - fed, room->size()});
      std::memcpy(room->data(), bytes.data() + fed, piece);
      reader.Commit(piece);
      fed += piece;
      KYRO_CHECK(reader.capacity() <= 4 * fed + (16 << 10));
      KYRO_CHECK(budget.used() == reader.capacity());
    }
  }
  KYRO_CHECK(budget.used() == 0);
}

void Login(absl::string_view bytes) {
  ScramExchange exchange(ScramVerifier(), true);
  const auto first = exchange.Begin(bytes);
  if (first.ok()) {
    KYRO_CHECK(!exchange.Finish(bytes).ok());
  }
  ScramVerifier::Parse(bytes).status().IgnoreError();
}

}  // namespace
}  // namespace kyrodb::server::pg

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::string_view bytes(reinterpret_cast<const char*>(data), size);
  kyrodb::server::pg::Feed(bytes, true);
  kyrodb::server::pg::Feed(bytes, false);
  kyrodb::server::pg::Login(bytes);
  return 0;
}
