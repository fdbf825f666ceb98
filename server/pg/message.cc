#include "server/pg/message.h"

#include <algorithm>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "engine/base/status.h"
#include "sql/error.h"

namespace kyrodb::server::pg {
namespace {

constexpr size_t kBufferBytesMin = 8 << 10;
// What a connection keeps between messages; more is given back.
constexpr size_t kBufferBytesKept = 64 << 10;
constexpr size_t kWriterBytesKept = 256 << 10;

uint32_t LoadInt32(const char* bytes) {
  const auto byte = [bytes](int i) {
    return static_cast<uint32_t>(static_cast<uint8_t>(bytes[i]));
  };
  return byte(0) << 24 | byte(1) << 16 | byte(2) << 8 | byte(3);
}

void StoreInt32(char* bytes, uint32_t value) {
  for (int i = 3; i >= 0; --i) {
    bytes[i] = static_cast<char>(value & 0xFF);
    value >>= 8;
  }
}

}  // namespace

absl::Status ProtocolViolation(absl::string_view message) {
  return sql::Error("08P01", 0, message);
}

bool MemoryBudget::Take(uint64_t bytes) {
  uint64_t used = used_.load();
  do {
    if (bytes > bytes_max_ || used > bytes_max_ - bytes) return false;
  } while (!used_.compare_exchange_weak(used, used + bytes));
  return true;
}

MessageReader::MessageReader(Limits limits, MemoryBudget* budget)
    : limits_(limits), budget_(budget) {}

MessageReader::~MessageReader() { budget_->Give(capacity_); }

absl::Status MessageReader::Grow(size_t capacity) {
  if (!budget_->Take(capacity)) {
    return sql::Error(sql::sqlstate::kOutOfMemory, 0,
                      "the messages of all connections together need too much memory");
  }
  auto bigger = std::make_unique<char[]>(capacity);
  std::memcpy(bigger.get(), buffer_.get() + begin_, end_ - begin_);
  buffer_ = std::move(bigger);
  budget_->Give(capacity_);
  capacity_ = capacity;
  end_ -= begin_;
  begin_ = 0;
  return absl::OkStatus();
}

absl::StatusOr<std::span<char>> MessageReader::Prepare() {
  if (begin_ == end_) {
    begin_ = end_ = 0;
    if (capacity_ > kBufferBytesKept && wanted_ <= kBufferBytesKept) {
      buffer_.reset();
      budget_->Give(capacity_);
      capacity_ = 0;
    }
  }
  const size_t held = end_ - begin_;
  if (capacity_ == 0) {
    KYRO_RETURN_IF_ERROR(Grow(kBufferBytesMin));
  } else if (held == capacity_ || (wanted_ > capacity_ && held * 2 > capacity_)) {
    // Twice what is there, and not more than the message needs.
    size_t capacity = capacity_ * 2;
    if (wanted_ > held) capacity = std::min(capacity, std::max(wanted_, kBufferBytesMin));
    KYRO_RETURN_IF_ERROR(Grow(std::max(capacity, held + 1)));
  } else if (end_ == capacity_ || (begin_ > 0 && capacity_ - end_ < kBufferBytesMin / 2)) {
    std::memmove(buffer_.get(), buffer_.get() + begin_, held);
    begin_ = 0;
    end_ = held;
  }
  return std::span<char>(buffer_.get() + end_, capacity_ - end_);
}

absl::StatusOr<std::optional<Message>> MessageReader::Take(size_t header, uint32_t bytes_max) {
  wanted_ = 0;
  if (end_ - begin_ < header) return std::optional<Message>();
  const char* at = buffer_.get() + begin_;
  const uint32_t length = LoadInt32(at + header - 4);
  if (length < 4 || length > bytes_max) {
    return ProtocolViolation(absl::StrCat("invalid message length ", length, ", at most ",
                                          bytes_max, " bytes are taken"));
  }
  const size_t whole = header - 4 + length;
  if (end_ - begin_ < whole) {
    wanted_ = whole;
    return std::optional<Message>();
  }
  begin_ += whole;
  return std::optional<Message>(Message{.type = header == 5 ? *at : '\0',
                                        .body = absl::string_view(at + header, length - 4)});
}

absl::StatusOr<std::optional<Message>> MessageReader::Next() {
  return Take(5, limits_.message_bytes_max);
}
absl::StatusOr<std::optional<Message>> MessageReader::NextStart() {
  return Take(4, limits_.start_bytes_max);
}

uint8_t FieldReader::Byte() {
  const absl::string_view bytes = Bytes(1);
  return bytes.empty() ? uint8_t{0} : static_cast<uint8_t>(bytes[0]);
}

int16_t FieldReader::Int16() {
  const absl::string_view bytes = Bytes(2);
  if (bytes.empty()) return 0;
  return static_cast<int16_t>(
      static_cast<uint16_t>(static_cast<uint8_t>(bytes[0]) << 8 | static_cast<uint8_t>(bytes[1])));
}

int32_t FieldReader::Int32() {
  const absl::string_view bytes = Bytes(4);
  return bytes.empty() ? 0 : static_cast<int32_t>(LoadInt32(bytes.data()));
}

absl::string_view FieldReader::Bytes(size_t size) {
  if (!ok_ || rest_.size() < size) {
    ok_ = false;
    return {};
  }
  const absl::string_view bytes = rest_.substr(0, size);
  rest_.remove_prefix(size);
  return bytes;
}

absl::string_view FieldReader::Text() {
  const size_t end = ok_ ? rest_.find('\0') : absl::string_view::npos;
  if (end == absl::string_view::npos) {
    ok_ = false;
    return {};
  }
  const absl::string_view text = rest_.substr(0, end);
  rest_.remove_prefix(end + 1);
  return text;
}

absl::Status FieldReader::Finish() const {
  if (!ok_) return ProtocolViolation("insufficient data left in message");
  if (!rest_.empty()) return ProtocolViolation("invalid message format");
  return absl::OkStatus();
}

void MessageWriter::Begin(char type) {
  begin_ = out_.size();
  out_.push_back(type);
  Int32(0);
}

void MessageWriter::End() {
  // The length counts itself, but not the type.
  StoreInt32(out_.data() + begin_ + 1, static_cast<uint32_t>(out_.size() - begin_ - 1));
}

void MessageWriter::Int16(int16_t value) { AppendInt16(&out_, value); }
void MessageWriter::Int32(int32_t value) { AppendInt32(&out_, value); }
void MessageWriter::PatchInt32(size_t at, int32_t value) {
  StoreInt32(out_.data() + at, static_cast<uint32_t>(value));
}

void MessageWriter::Clear() {
  if (out_.capacity() > kWriterBytesKept) {
    std::string().swap(out_);
  } else {
    out_.clear();
  }
}

void AppendInt16(std::string* out, int16_t value) {
  const auto bits = static_cast<uint16_t>(value);
  out->push_back(static_cast<char>(bits >> 8));
  out->push_back(static_cast<char>(bits & 0xFF));
}
void AppendInt32(std::string* out, int32_t value) {
  char bytes[4];
  StoreInt32(bytes, static_cast<uint32_t>(value));
  out->append(bytes, 4);
}
void AppendInt64(std::string* out, int64_t value) {
  const auto bits = static_cast<uint64_t>(value);
  AppendInt32(out, static_cast<int32_t>(bits >> 32));
  AppendInt32(out, static_cast<int32_t>(bits & 0xFFFFFFFF));
}

}  // namespace kyrodb::server::pg
