#include "wal/frames/segment_writer.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_format.h"
#include "engine/base/status.h"

namespace kyrodb::wal {
namespace {

bool IsDiskFull(const absl::Status& status) { return absl::IsResourceExhausted(status); }

}  // namespace

SegmentWriter::SegmentWriter(const LogOptions& options, Start start)
    : options_(options),
      start_(std::move(start)),
      opening_(start_.opening),
      next_segment_id_(start_.segment_id),
      next_lsn_(start_.first_lsn),
      hash_(EpochHash(options.database_id, start_.epoch)),
      synced_lsn_(start_.synced_lsn) {
  absl::MutexLock lock(&segments_mutex_);
  segments_ = start_.older;
}

absl::StatusOr<std::unique_ptr<SegmentWriter>> SegmentWriter::Create(const LogOptions& options,
                                                                     Start start) {
  std::unique_ptr<SegmentWriter> writer(new SegmentWriter(options, std::move(start)));
  absl::StatusOr<OpenFile> file = writer->CreateFile();
  if (file.ok()) {
    writer->next_ = *std::move(file);
    absl::Status status = writer->SwitchToNext();
    if (status.ok()) return writer;
    file = status;
  }
  writer->Abandon();
  return file.status();
}

FrameHeader SegmentWriter::NextHeader(const OpenFile& file, FrameType type,
                                      uint32_t record_count) const {
  return FrameHeader{
      .type = type,
      .flags = opening_ ? kFrameFlagOpening : uint8_t{0},
      .record_count = record_count,
      .offset = static_cast<uint32_t>(file.position),
      .database_id = options_.database_id,
      .epoch = start_.epoch,
      .epoch_first_lsn = start_.first_lsn,
      .segment_id = file.id,
      .first_lsn = next_lsn_,
      .prev_hash = hash_,
      .synced_lsn = synced_lsn(),
      .wall_micros = options_.clock->WallMicros(),
  };
}

// The name of the new file is durable before the first frame is written to it.
absl::StatusOr<SegmentWriter::OpenFile> SegmentWriter::CreateFile() {
  OpenFile file;
  // A number is never used twice, not even for a file that could not be completed.
  file.id = next_segment_id_++;
  file.path = JoinPath(options_.directory, SegmentName(file.id));
  KYRO_ASSIGN_OR_RETURN(file.file, options_.file_system->Create(file.path));
  if (!opened_) created_paths_.push_back(file.path);
  absl::Status status = Fill(file, std::min(options_.prefill_chunk_bytes, options_.segment_bytes));
  if (status.ok()) status = options_.file_system->SyncDirectory(options_.directory);
  if (!status.ok()) {
    file.file.reset();
    // Best effort: an empty or zero-filled segment is harmless, and the next opening removes it.
    options_.file_system->Remove(file.path).IgnoreError();
    return status;
  }
  return file;
}

absl::Status SegmentWriter::Fill(OpenFile& file, uint64_t goal) {
  if (options_.prefill_chunk_bytes == 0) return absl::OkStatus();
  const uint64_t limit = std::max(goal, options_.segment_bytes);
  while (file.filled < goal) {
    const uint64_t size = std::min(options_.prefill_chunk_bytes, limit - file.filled);
    KYRO_RETURN_IF_ERROR(file.file->Write(file.filled, std::string(size, '\0')));
    file.filled += size;
  }
  return absl::OkStatus();
}

// Room for one more frame, and one chunk of zeros beyond it, here or in the next file: the ballast
// that small commits live on when the disk is full.
absl::Status SegmentWriter::MakeRoom(uint64_t frame_bytes) {
  const bool fits = current_.position + frame_bytes <= options_.segment_bytes;
  absl::Status full;
  if (!fits && current_.position > kFrameHeaderBytes) {
    if (next_.file == nullptr) {
      absl::StatusOr<OpenFile> file = CreateFile();
      if (file.ok()) {
        next_ = *std::move(file);
      } else {
        disk_is_full_ = IsDiskFull(file.status());
        return file.status();
      }
    }
    KYRO_RETURN_IF_ERROR(SwitchToNext());
  }
  if (options_.prefill_chunk_bytes > 0) {
    const uint64_t end = current_.position + frame_bytes;
    const uint64_t limit = std::max(options_.segment_bytes, end);
    full = Fill(current_, std::min(end + options_.prefill_chunk_bytes, limit));
    if (full.ok() && next_.file == nullptr &&
        end + options_.prefill_chunk_bytes >= options_.segment_bytes) {
      absl::StatusOr<OpenFile> file = CreateFile();
      if (file.ok()) {
        next_ = *std::move(file);
      } else {
        full = file.status();
      }
    }
    if (!full.ok() && !IsDiskFull(full)) return full;
  }
  disk_is_full_ = !full.ok();
  if (full.ok() || frame_bytes <= kFrameHeaderBytes + kRecordOverheadBytes +
                                      options_.disk_full_record_bytes_max) {
    return absl::OkStatus();
  }
  return absl::ResourceExhaustedError(
      absl::StrFormat("the disk is full: a commit of %d bytes is refused, up to %d "
                      "(disk_full_record_bytes_max) are still taken: %s",
                      frame_bytes, options_.disk_full_record_bytes_max, full.message()));
}

absl::Status SegmentWriter::WriteFrame(OpenFile& file, const FrameHeader& header,
                                       std::string* frame) {
  const uint64_t hash = SealFrame(header, frame);
  absl::Status status = file.file->Write(file.position, *frame);
  if (IsDiskFull(status)) {
    disk_is_full_ = true;
    // Some of the frame may be in the file. It must be gone for good before the commit is refused,
    // or a recovery could find a commit that its caller was told did not happen.
    absl::Status cut = WaitForPendingSync();
    if (cut.ok()) cut = file.file->Truncate(file.position);
    if (cut.ok()) cut = file.file->Sync();
    if (!cut.ok()) {
      return absl::UnavailableError(
          absl::StrFormat("the disk is full and the append cannot be undone: %s", cut.message()));
    }
    file.filled = file.position;
    return status;
  }
  KYRO_RETURN_IF_ERROR(status);
  file.position += frame->size();
  file.filled = std::max(file.filled, file.position);
  hash_ = hash;
  recorded_synced_lsn_ = header.synced_lsn;
  return absl::OkStatus();
}

absl::Status SegmentWriter::SwitchToNext() {
  if (current_.file != nullptr) KYRO_RETURN_IF_ERROR(Sync());
  std::string frame(kFrameHeaderBytes, '\0');
  absl::Status status = WriteFrame(next_, NextHeader(next_, FrameType::kSegmentStart, 0), &frame);
  if (!status.ok()) {
    if (IsDiskFull(status)) {
      // It is empty again; take it away, for it holds space that it cannot use.
      const std::string path = next_.path;
      next_ = OpenFile();
      options_.file_system->Remove(path).IgnoreError();
    }
    return status;
  }
  // Everything in the old file is synced: a failing close can lose nothing.
  if (current_.file != nullptr) current_.file->Close().IgnoreError();
  current_ = std::exchange(next_, OpenFile());
  current_has_records_ = false;
  absl::MutexLock lock(&segments_mutex_);
  if (!segments_.empty()) segments_.back().end_lsn = std::max(segments_.back().end_lsn, next_lsn_);
  segments_.push_back({.id = current_.id,
                       .path = current_.path,
                       .epoch = start_.epoch,
                       .begin_lsn = next_lsn_,
                       .end_lsn = next_lsn_,
                       .size_bytes = current_.position});
  return absl::OkStatus();
}

absl::Status SegmentWriter::Append(FrameType type, uint32_t record_count, std::string* frame,
                                   std::optional<int64_t> wall_micros) {
  KYRO_RETURN_IF_ERROR(MakeRoom(frame->size()));
  FrameHeader header = NextHeader(current_, type, record_count);
  header.wall_micros = wall_micros.value_or(header.wall_micros);
  KYRO_RETURN_IF_ERROR(WriteFrame(current_, header, frame));
  next_lsn_ += record_count;
  current_has_records_ |= record_count > 0;
  absl::MutexLock lock(&segments_mutex_);
  segments_.back().end_lsn = next_lsn_;
  segments_.back().size_bytes = current_.position;
  return absl::OkStatus();
}

// Never two syncs of one file at a time: the system would tell only one of them of a failure.
absl::Status SegmentWriter::WaitForPendingSync() {
  absl::MutexLock lock(&sync_mutex_);
  while (sync_pending_) sync_ended_.Wait(&sync_mutex_);
  return sync_failed_;
}

absl::Status SegmentWriter::SyncFile() {
  KYRO_RETURN_IF_ERROR(WaitForPendingSync());
  {
    absl::MutexLock lock(&sync_mutex_);
    if (synced_segment_ == current_.id && synced_position_ == current_.position) {
      return absl::OkStatus();
    }
  }
  KYRO_RETURN_IF_ERROR(current_.file->Sync());
  absl::MutexLock lock(&sync_mutex_);
  synced_segment_ = current_.id;
  synced_position_ = current_.position;
  return absl::OkStatus();
}

absl::Status SegmentWriter::Sync() {
  KYRO_RETURN_IF_ERROR(SyncFile());
  // While an epoch is being opened its frames may yet be forgotten: they prove nothing.
  absl::MutexLock lock(&sync_mutex_);
  if (!opening_) synced_lsn_ = next_lsn_ - 1;
  return absl::OkStatus();
}

std::optional<SegmentWriter::PendingSync> SegmentWriter::BeginSync() {
  absl::MutexLock lock(&sync_mutex_);
  KYRO_CHECK(!sync_pending_ && !opening_);
  if (synced_segment_ == current_.id && synced_position_ == current_.position) return std::nullopt;
  sync_pending_ = true;
  return PendingSync{.file = current_.file,
                     .segment_id = current_.id,
                     .position = current_.position,
                     .lsn = next_lsn_ - 1};
}

// Neither the file nor its segment can change meanwhile: going on in another one begins with
// `Sync`, which waits.
absl::Status SegmentWriter::FinishSync(const PendingSync& pending) {
  // Whatever happens, nobody may wait for this for ever.
  const absl::Status status = CatchOutOfMemory([&] { return pending.file->Sync(); });
  absl::MutexLock lock(&sync_mutex_);
  sync_pending_ = false;
  sync_failed_.Update(status);
  if (status.ok()) {
    synced_segment_ = pending.segment_id;
    synced_position_ = pending.position;
    synced_lsn_ = pending.lsn;
  }
  sync_ended_.SignalAll();
  return status;
}

absl::Status SegmentWriter::Rotate() {
  if (!current_has_records_) return absl::OkStatus();
  if (next_.file == nullptr) {
    KYRO_ASSIGN_OR_RETURN(next_, CreateFile());
  }
  KYRO_RETURN_IF_ERROR(SwitchToNext());
  return Sync();
}

absl::Status SegmentWriter::FinishOpening() {
  KYRO_RETURN_IF_ERROR(SyncFile());
  opened_ = true;
  created_paths_.clear();
  if (!opening_) return Sync();
  // Two syncs, in this order: the frame that declares the epoch open must not outlive a frame that
  // the opening wrote, or it would supersede an older, intact copy.
  opening_ = false;
  KYRO_RETURN_IF_ERROR(Sync());
  std::string frame(kFrameHeaderBytes, '\0');
  KYRO_RETURN_IF_ERROR(Append(FrameType::kMarker, 0, &frame));
  return Sync();
}

absl::Status SegmentWriter::Close() {
  if (next_.file != nullptr) {
    next_.file.reset();
    options_.file_system->Remove(next_.path).IgnoreError();
  }
  if (current_.file == nullptr) return absl::OkStatus();
  absl::Status status = current_.file->Close();
  current_.file.reset();
  return status;
}

void SegmentWriter::Abandon() {
  current_.file.reset();
  next_.file.reset();
  // Empty once the epoch may be open: from then on its files are the log.
  for (const std::string& path : created_paths_) {
    options_.file_system->Remove(path).IgnoreError();
  }
}

std::vector<SegmentInfo> SegmentWriter::segments() const {
  absl::MutexLock lock(&segments_mutex_);
  return segments_;
}

absl::Status SegmentWriter::DropBefore(Lsn lsn, uint64_t archive_bytes_max) {
  // One after the other, each for good before the next: what is left must not have a hole, for
  // whoever reads the log would take it for damage. What cannot go now goes with the next call.
  bool dropped = false;
  while (true) {
    std::string path;
    {
      absl::MutexLock lock(&segments_mutex_);
      if (segments_.size() < 2 || segments_.front().end_lsn > lsn) break;
      path = segments_.front().path;
    }
    const absl::Status status =
        archive_bytes_max > 0 ? MoveToArchive(path) : options_.file_system->Remove(path);
    if (!status.ok() && !absl::IsNotFound(status)) return status;
    dropped = true;
    if (archive_bytes_max > 0) {
      // First where it went, then where it was: a crash may show it twice, never not at all.
      KYRO_RETURN_IF_ERROR(options_.file_system->SyncDirectory(options_.archive_directory));
    }
    KYRO_RETURN_IF_ERROR(options_.file_system->SyncDirectory(options_.directory));
    absl::MutexLock lock(&segments_mutex_);
    if (segments_.front().path == path) segments_.erase(segments_.begin());
  }
  return dropped && archive_bytes_max > 0 ? TrimArchive(archive_bytes_max) : absl::OkStatus();
}

absl::Status SegmentWriter::MoveToArchive(const std::string& path) {
  FileSystem& file_system = *options_.file_system;
  const std::string& archive = options_.archive_directory;
  KYRO_ASSIGN_OR_RETURN(const bool exists, file_system.Exists(archive));
  if (!exists) {
    KYRO_RETURN_IF_ERROR(file_system.CreateDirectory(archive));
    const size_t slash = archive.find_last_of('/');
    KYRO_RETURN_IF_ERROR(
        file_system.SyncDirectory(slash == std::string::npos ? "" : archive.substr(0, slash + 1)));
  }
  return file_system.Rename(path, JoinPath(archive, path.substr(path.find_last_of('/') + 1)));
}

absl::Status SegmentWriter::TrimArchive(uint64_t bytes_max) {
  KYRO_ASSIGN_OR_RETURN(std::vector<std::string> names,
                        options_.file_system->List(options_.archive_directory));
  uint64_t bytes = 0;
  // From new to old: names sort as segment numbers do.
  for (auto name = names.rbegin(); name != names.rend(); ++name) {
    uint64_t id = 0;
    if (!ParseSegmentName(*name, &id)) continue;
    const std::string path = JoinPath(options_.archive_directory, *name);
    KYRO_ASSIGN_OR_RETURN(const std::unique_ptr<RandomAccessFile> file,
                          options_.file_system->OpenForRead(path));
    bytes += file->size_bytes();
    if (bytes > bytes_max) {
      KYRO_RETURN_IF_ERROR(options_.file_system->Remove(path));
    }
  }
  return absl::OkStatus();
}

}  // namespace kyrodb::wal
