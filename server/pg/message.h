// Bytes of the PostgreSQL protocol, version 3: messages out of a stream, fields out of a message,
// messages into a buffer. Nothing here does I/O, so that a fuzzer can drive it.
// Source: PostgreSQL 15 documentation, chapter 55 ("Frontend/Backend Protocol").
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace kyrodb::server::pg {

// Memory that all connections together may take for what clients send.
//
// Thread-safety:  all methods may be called from any thread.
class MemoryBudget {
 public:
  explicit MemoryBudget(uint64_t bytes_max) : bytes_max_(bytes_max) {}
  [[nodiscard]] bool Take(uint64_t bytes);
  void Give(uint64_t bytes) { used_.fetch_sub(bytes); }
  uint64_t used() const { return used_.load(); }

 private:
  const uint64_t bytes_max_;
  std::atomic<uint64_t> used_{0};
};

// One message; `body` is borrowed from the reader until the next `Prepare`.
struct Message {
  char type = 0;  // 0 for a start packet
  absl::string_view body;
};

// Cuts a stream of bytes into messages. Memory grows with what has arrived, never with what a
// length says will arrive.
//
// Errors:  `Next` and `NextStart` fail with 08P01 for a length that cannot be, and with 53200 when
//          the budget is used up; after that the stream cannot be read on.
class MessageReader {
 public:
  struct Limits {
    uint32_t message_bytes_max = 64 << 20;
    uint32_t start_bytes_max = 10000;
  };
  MessageReader(Limits limits, MemoryBudget* budget);
  ~MessageReader();
  MessageReader(const MessageReader&) = delete;
  MessageReader& operator=(const MessageReader&) = delete;

  // Where the next bytes go, at least one; `Commit` says how many came. 53200 without memory.
  absl::StatusOr<std::span<char>> Prepare();
  void Commit(size_t size) { end_ += size; }

  // The next message if it is there as a whole.
  absl::StatusOr<std::optional<Message>> Next();
  // The same for the packets before authentication, which have no type.
  absl::StatusOr<std::optional<Message>> NextStart();
  // The type of the message after the last one taken; 0 when its first byte has not arrived.
  char PeekType() const { return begin_ < end_ ? buffer_[begin_] : '\0'; }
  size_t buffered() const { return end_ - begin_; }
  size_t capacity() const { return capacity_; }

 private:
  absl::StatusOr<std::optional<Message>> Take(size_t header, uint32_t bytes_max);
  absl::Status Grow(size_t capacity);

  const Limits limits_;
  MemoryBudget* const budget_;
  std::unique_ptr<char[]> buffer_;
  size_t capacity_ = 0;
  size_t begin_ = 0;
  size_t end_ = 0;
  size_t wanted_ = 0;  // bytes that the message in front needs as a whole, as far as is known
};

// Takes fields from a message. The first field that is not there makes `ok()` false; what is read
// after that is zero or empty.
class FieldReader {
 public:
  explicit FieldReader(absl::string_view body) : rest_(body) {}
  uint8_t Byte();
  int16_t Int16();
  int32_t Int32();
  absl::string_view Bytes(size_t size);
  absl::string_view Text();  // up to a NUL, which is taken too
  absl::string_view rest() const { return rest_; }
  bool ok() const { return ok_; }
  // 08P01 unless everything was there and nothing is left over.
  absl::Status Finish() const;

 private:
  absl::string_view rest_;
  bool ok_ = true;
};

// Builds messages one after the other.
class MessageWriter {
 public:
  void Begin(char type);
  void Byte(char value) { out_.push_back(value); }
  void Int16(int16_t value);
  void Int32(int32_t value);
  void Bytes(absl::string_view bytes) { out_.append(bytes.data(), bytes.size()); }
  void Text(absl::string_view text) {  // with a NUL
    Bytes(text);
    out_.push_back('\0');
  }
  // A place for an Int32 that is filled in by `PatchInt32`.
  size_t ReserveInt32() {
    Int32(0);
    return out_.size() - 4;
  }
  void PatchInt32(size_t at, int32_t value);
  // Where a value's bytes may be appended directly.
  std::string* buffer() { return &out_; }
  void End();
  // Takes back the message that was begun.
  void Drop() { out_.resize(begin_); }

  absl::string_view bytes() const { return out_; }
  size_t size() const { return out_.size(); }
  void Clear();

 private:
  std::string out_;
  size_t begin_ = 0;
};

void AppendInt16(std::string* out, int16_t value);
void AppendInt32(std::string* out, int32_t value);
void AppendInt64(std::string* out, int64_t value);

// 08P01.
absl::Status ProtocolViolation(absl::string_view message);

}  // namespace kyrodb::server::pg
