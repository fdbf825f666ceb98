#include "engine/storage/page_writer.h"

#include <algorithm>
#include <new>
#include <system_error>
#include <utility>

#include "engine/base/crc32c.h"
#include "engine/base/status.h"
#include "engine/storage/page_region.h"

namespace kyrodb::engine {
namespace {

// From here on a thread is worth it.
constexpr uint64_t kLongBytes = uint64_t{4} << 20;
constexpr size_t kWaitingMax = 3;

}  // namespace

void PageBuffer::MakeRoom(size_t count) {
  if (count == 0) return;
  const size_t capacity = std::max(size_ + count, 2 * capacity_);
  auto bytes = std::make_unique_for_overwrite<char[]>(capacity);
  if (size_ > 0) std::memcpy(bytes.get(), bytes_.get(), size_);
  bytes_ = std::move(bytes);
  capacity_ = capacity;
}

PageWriter::PageWriter(std::unique_ptr<WritableFile> file) : file_(std::move(file)) {
  free_.reserve(kWaitingMax);
}

PageWriter::~PageWriter() { Abandon(); }

void PageWriter::Abandon() {
  if (thread_.joinable()) {
    {
      absl::MutexLock lock(&mutex_);
      stopping_ = true;
    }
    thread_.join();
  }
  file_.reset();
}

absl::Status PageWriter::WritePages(absl::string_view pages) {
  for (size_t begin = 0; begin < pages.size(); begin += kPageBytes) {
    page_checksums_.push_back(Crc32c(pages.substr(begin, kPageBytes)));
  }
  KYRO_RETURN_IF_ERROR(file_->Write(written_bytes_, pages));
  written_bytes_ += pages.size();
  return absl::OkStatus();
}

absl::Status PageWriter::Write(PageBuffer* buffer) {
  const size_t whole = buffer->size() / kPageBytes * kPageBytes;
  if (whole == 0) return absl::OkStatus();
  const absl::string_view rest = buffer->view().substr(whole);
  if (!thread_.joinable()) {
    if (written_bytes_ >= kLongBytes) {
      try {
        thread_ = std::thread([this] { RunThread(); });
      } catch (const std::system_error&) {
        // It goes on in this one.
      }
    }
    if (!thread_.joinable()) {
      KYRO_RETURN_IF_ERROR(WritePages(buffer->view().substr(0, whole)));
      char* const begin = const_cast<char*>(buffer->data());
      std::memmove(begin, rest.data(), rest.size());
      buffer->Truncate(rest.size());
      return absl::OkStatus();
    }
  }
  PageBuffer next;
  {
    absl::MutexLock lock(&mutex_);
    const auto has_room = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
      return work_.size() < kWaitingMax || !status_.ok();
    };
    mutex_.Await(absl::Condition(&has_room));
    KYRO_RETURN_IF_ERROR(status_);
    if (!free_.empty()) {
      next = std::move(free_.back());
      free_.pop_back();
    }
  }
  next.Truncate(0);
  next.RoomFor(std::max(kWriteBytes + kPageBytes, rest.size()));
  next.Append(rest);
  absl::MutexLock lock(&mutex_);
  work_.push_back({.buffer = std::move(*buffer), .bytes = whole});
  *buffer = std::move(next);
  return absl::OkStatus();
}

void PageWriter::RunThread() {
  for (;;) {
    absl::string_view pages;
    {
      absl::MutexLock lock(&mutex_);
      const auto has_work = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
        return stopping_ || !work_.empty();
      };
      mutex_.Await(absl::Condition(&has_work));
      if (stopping_) return;
      pages = work_.front().buffer.view().substr(0, work_.front().bytes);
    }
    const absl::Status status = CatchOutOfMemory([&] { return WritePages(pages); });
    absl::MutexLock lock(&mutex_);
    status_.Update(status);
    // There is room: it was made beforehand.
    if (free_.size() < kWaitingMax) free_.push_back(std::move(work_.front().buffer));
    work_.pop_front();
    // What waits behind an error is given up.
    if (!status_.ok()) work_.clear();
  }
}

absl::Status PageWriter::Drain() {
  if (!thread_.joinable()) return absl::OkStatus();
  {
    absl::MutexLock lock(&mutex_);
    const auto is_empty = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return work_.empty(); };
    mutex_.Await(absl::Condition(&is_empty));
    stopping_ = true;
  }
  thread_.join();
  absl::MutexLock lock(&mutex_);
  stopping_ = false;
  return status_;
}

}  // namespace kyrodb::engine
