#include "wal/frames/live_frames.h"

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"
#include "engine/base/status.h"

namespace kyrodb::wal {
namespace {

constexpr Lsn kNoEnd = ~Lsn{0};

// What a first look at one file found.
struct Segment {
  uint64_t id = 0;
  std::string path;
  // Of its first valid frame.
  bool has_frames = false;
  uint64_t epoch = 0;
  Lsn epoch_first_lsn = 0;
  Lsn begin_lsn = 0;
  // Some frame shows that the opening of its epoch was completed.
  bool opened = false;
  bool has_garbage = false;
  uint64_t file_bytes = 0;
  // All of its records are superseded by a newer epoch.
  bool superseded = false;
};

class Replay {
 public:
  Replay(const RecoveryOptions& options, const FrameCallback& callback)
      : options_(options), callback_(callback) {}

  absl::StatusOr<RecoveryResult> Run() {
    result_.replay_from_lsn = options_.replay_from_lsn;
    KYRO_RETURN_IF_ERROR(LookAtSegments());
    SelectLive();
    KYRO_RETURN_IF_ERROR(ReplayLive());
    Finish();
    return std::move(result_);
  }

 private:
  absl::Status LookAtSegments() {
    KYRO_ASSIGN_OR_RETURN(std::vector<std::string> names,
                          options_.file_system->List(options_.directory));
    for (const std::string& name : names) {
      uint64_t id = 0;
      if (!ParseSegmentName(name, &id)) continue;
      result_.segment_id_max = std::max(result_.segment_id_max, id);
      Segment segment{.id = id, .path = JoinPath(options_.directory, name)};
      KYRO_RETURN_IF_ERROR(LookAt(segment));
      segments_.push_back(std::move(segment));
    }
    return absl::OkStatus();
  }

  // Reads only up to the first frame that was not written by an unfinished opening: as a rule the
  // first or second of the file.
  absl::Status LookAt(Segment& segment) {
    KYRO_ASSIGN_OR_RETURN(std::unique_ptr<FrameScanner> scanner, Open(segment));
    while (true) {
      KYRO_ASSIGN_OR_RETURN(std::optional<Frame> frame, scanner->Next());
      if (!frame.has_value()) {
        segment.has_garbage |= scanner->garbage_end() > scanner->frame_end();
        segment.file_bytes = scanner->garbage_end();
        return absl::OkStatus();
      }
      segment.has_garbage |= frame->after_garbage;
      const FrameHeader& header = frame->header;
      if (!segment.has_frames) {
        segment.has_frames = true;
        segment.epoch = header.epoch;
        segment.epoch_first_lsn = header.epoch_first_lsn;
        segment.begin_lsn = header.first_lsn;
        result_.epoch_max = std::max(result_.epoch_max, header.epoch);
      }
      if (header.epoch != segment.epoch || header.opening()) continue;
      segment.opened = true;
      KYRO_ASSIGN_OR_RETURN(std::unique_ptr<RandomAccessFile> file,
                            options_.file_system->OpenForRead(segment.path));
      segment.file_bytes = file->size_bytes();
      return absl::OkStatus();
    }
  }

  // An epoch whose opening was completed supersedes every older one from its first LSN on; one
  // whose opening was not completed supersedes nothing and is dead itself.
  void SelectLive() {
    std::map<uint64_t, Lsn> opened;  // epoch → its first LSN
    for (const Segment& segment : segments_) {
      if (segment.opened) opened.emplace(segment.epoch, segment.epoch_first_lsn);
    }
    Lsn end = kNoEnd;
    for (auto it = opened.rbegin(); it != opened.rend(); ++it) {
      live_end_[it->first] = end;
      end = std::min(end, it->second);
    }
    for (Segment& segment : segments_) {
      if (!segment.has_frames) {
        if (segment.has_garbage) {
          unreadable_.push_back(segment);
        } else {
          result_.dead_files.push_back(segment.path);
        }
      } else if (const auto it = live_end_.find(segment.epoch); it == live_end_.end()) {
        result_.dead_files.push_back(segment.path);
      } else {
        // A superseded one is kept too: it may hold the only frame that shows that its epoch was
        // opened, which other segments of that epoch depend on.
        segment.superseded = segment.begin_lsn >= it->second;
        if (segment.superseded) segment.begin_lsn = it->second;
        live_.push_back(segment);
      }
    }
    std::stable_sort(live_.begin(), live_.end(), [](const Segment& a, const Segment& b) {
      return a.epoch != b.epoch ? a.epoch < b.epoch : a.id < b.id;
    });
  }

  absl::Status ReplayLive() {
    size_t first = 0;
    for (size_t i = 0; i < live_.size(); ++i) {
      if (!live_[i].superseded && live_[i].begin_lsn <= options_.replay_from_lsn) first = i;
    }
    for (size_t i = 0; i < live_.size(); ++i) {
      result_.segments.push_back({.id = live_[i].id,
                                  .path = live_[i].path,
                                  .epoch = live_[i].epoch,
                                  .begin_lsn = live_[i].begin_lsn,
                                  .end_lsn = live_[i].begin_lsn,
                                  .size_bytes = live_[i].file_bytes});
    }
    for (size_t i = first; i < live_.size() && !result_.damage.has_value(); ++i) {
      if (live_[i].superseded) continue;
      if (live_[i].epoch != epoch_) EnterEpoch(live_[i]);
      if (result_.damage.has_value()) break;
      KYRO_RETURN_IF_ERROR(ReplaySegment(i));
    }
    return absl::OkStatus();
  }

  // The LSN that must come next for nothing to be missing.
  Lsn Needed() const { return std::max(next_lsn_, options_.replay_from_lsn); }

  void EnterEpoch(const Segment& segment) {
    // The opener of this epoch had everything before it in hand, so it must still be there.
    if (segment.epoch_first_lsn > Needed()) {
      Damaged(segment.epoch_first_lsn,
              absl::StrFormat("epoch %d, which begins after them, is there", segment.epoch));
      return;
    }
    // What follows the last frame of an older epoch is a tail that an earlier recovery has cut.
    torn_.clear();
    hole_end_ = 0;
    broken_ = false;
    epoch_ = segment.epoch;
    epoch_end_ = live_end_[epoch_];
    hash_known_ = false;  // the segment that began the chain may have been dropped
  }

  absl::Status ReplaySegment(size_t index) {
    const Segment& segment = live_[index];
    KYRO_ASSIGN_OR_RETURN(std::unique_ptr<FrameScanner> scanner, Open(segment));
    uint64_t accepted_end = 0;
    while (true) {
      if (started_ && next_lsn_ >= epoch_end_) break;
      KYRO_ASSIGN_OR_RETURN(std::optional<Frame> frame, scanner->Next());
      if (!frame.has_value()) {
        if (scanner->garbage_end() > accepted_end) {
          NoteTorn(segment.path, accepted_end, scanner->garbage_end());
        }
        break;
      }
      if (frame->after_garbage) broken_ = true;
      if (frame->after_garbage && torn_.empty()) {
        NoteTorn(segment.path, accepted_end, frame->header.offset);
      }
      KYRO_RETURN_IF_ERROR(Take(*frame, segment.path, accepted_end));
      if (result_.damage.has_value()) return absl::OkStatus();
      if (accepted_) {
        accepted_end = frame->end_offset();
        accepted_path_ = segment.path;
        accepted_end_ = accepted_end;
      }
    }
    result_.segments[index].size_bytes = accepted_end;
    return absl::OkStatus();
  }

  // Accepts the frame as the continuation of the log, or draws the conclusion that it allows.
  absl::Status Take(const Frame& frame, const std::string& path, uint64_t accepted_end) {
    accepted_ = false;
    const FrameHeader& header = frame.header;
    if (header.epoch != epoch_ || (started_ && header.first_lsn < next_lsn_)) {
      broken_ = true;
      return absl::OkStatus();
    }
    if (header.first_lsn > Needed() || hole_end_ != 0) {
      // Records are missing before this frame. It may be an unsynced frame that outlived its
      // predecessor; but when it knows that they were durable, they were acknowledged and are lost.
      if (torn_.empty() && accepted_end > 0) NoteTorn(path, accepted_end, header.offset);
      if (hole_end_ == 0) hole_end_ = header.first_lsn;
      if (header.synced_lsn >= Needed()) {
        Damaged(hole_end_, absl::StrFormat("the frame at %s offset %d was written when everything "
                                           "up to lsn %d was durable",
                                           path, header.offset, header.synced_lsn));
      }
      return absl::OkStatus();
    }
    const bool adjacent = !broken_ && started_ && header.first_lsn == next_lsn_;
    if (adjacent && hash_known_ && header.prev_hash != hash_) {
      torn_ = {{path, header.offset, 0}};
      Damaged(header.end_lsn(),
              "the hash of the frame before does not match: a segment was "
              "replaced or comes from another copy of this database");
      return absl::OkStatus();
    }
    if (header.end_lsn() > epoch_end_) {
      torn_ = {{path, header.offset, 0}};
      Damaged(header.end_lsn(),
              absl::StrFormat("the frame ends at lsn %d, inside of it a newer epoch begins at %d",
                              header.end_lsn() - 1, epoch_end_));
      return absl::OkStatus();
    }
    // Only frames without records can have been lost before this one: no harm.
    accepted_ = true;
    started_ = true;
    broken_ = false;
    torn_.clear();
    hash_ = frame.hash;
    hash_known_ = true;
    next_lsn_ = header.end_lsn();
    NoteSynced(header);
    if (header.record_count > 0 && header.end_lsn() > options_.replay_from_lsn) {
      return callback_(frame);
    }
    return absl::OkStatus();
  }

  // The frame that declares an epoch open is written before it is synced: read from the cache of a
  // process that died in between, it may yet be lost, and with it the epoch and the copies of
  // records that are in it. What stands behind it in its epoch was written after that sync.
  void NoteSynced(const FrameHeader& header) {
    if (header.opening()) {
      opening_epoch_ = header.epoch;
    } else if (header.epoch == opening_epoch_) {
      opening_epoch_ = 0;
      return;
    }
    synced_lsn_ = std::max(synced_lsn_, header.synced_lsn);
  }

  // The bytes [begin, end) of a segment, or more of them, explain nothing.
  void NoteTorn(const std::string& path, uint64_t begin, uint64_t end) {
    broken_ = true;
    if (torn_.empty() || torn_.back().path != path) torn_.push_back({path, begin, 0});
    torn_.back().bytes = end - torn_.back().offset;
  }

  void Damaged(Lsn end_lsn, absl::string_view detail) {
    Damage damage;
    damage.begin_lsn = Needed();
    damage.end_lsn = end_lsn;
    damage.detail = std::string(detail);
    if (!torn_.empty()) {
      damage.file = torn_.front().path;
      damage.offset = torn_.front().offset;
    } else {  // nothing strange in any file: the next segment is not there
      damage.file = accepted_path_.empty() ? options_.directory : accepted_path_;
      damage.offset = accepted_end_;
    }
    result_.damage = std::move(damage);
  }

  void Finish() {
    const Lsn next = Needed();
    result_.last_lsn = next - 1;
    // A log that ends before the checkpoint lacks nothing: the checkpoint vouches for the rest.
    result_.synced_lsn = next > next_lsn_ ? next - 1 : std::min<Lsn>(synced_lsn_, next - 1);
    if (!result_.damage.has_value()) {
      for (const Torn& torn : torn_) {
        if (result_.torn_file.empty()) {
          result_.torn_file = torn.path;
          result_.torn_offset = torn.offset;
        }
        result_.torn_bytes += torn.bytes;
      }
      for (const Segment& segment : unreadable_) {
        if (!live_.empty() && segment.id < live_.back().id) continue;
        if (result_.torn_file.empty()) result_.torn_file = segment.path;
        result_.torn_bytes += segment.file_bytes;
      }
    }
    // Segments follow one another, so each ends where the next begins.
    Lsn end = next;
    for (size_t i = live_.size(); i > 0; --i) {
      SegmentInfo& info = result_.segments[i - 1];
      info.end_lsn = live_[i - 1].superseded ? info.begin_lsn : std::max(end, info.begin_lsn);
      end = info.begin_lsn;
    }
    // Files without one readable frame hold nothing, but may be evidence: they stay, in their place
    // by number, until the segments around them are dropped.
    for (const Segment& segment : unreadable_) {
      auto at = std::find_if(result_.segments.begin(), result_.segments.end(),
                             [&](const SegmentInfo& info) { return info.id > segment.id; });
      const Lsn lsn = at == result_.segments.end() ? next : at->begin_lsn;
      result_.segments.insert(at, {.id = segment.id,
                                   .path = segment.path,
                                   .epoch = 0,
                                   .begin_lsn = lsn,
                                   .end_lsn = lsn,
                                   .size_bytes = segment.file_bytes});
    }
  }

  absl::StatusOr<std::unique_ptr<FrameScanner>> Open(const Segment& segment) {
    return FrameScanner::Open(options_.file_system, segment.path, segment.id, options_.database_id);
  }

  struct Torn {
    std::string path;
    uint64_t offset;
    uint64_t bytes;
  };

  const RecoveryOptions& options_;
  const FrameCallback& callback_;
  RecoveryResult result_;
  std::vector<Segment> segments_;
  std::vector<Segment> live_;
  std::vector<Segment> unreadable_;
  std::map<uint64_t, Lsn> live_end_;  // opened epoch → where a newer one supersedes it

  uint64_t epoch_ = 0;
  Lsn epoch_end_ = kNoEnd;
  bool started_ = false;  // a frame was accepted: `next_lsn_` is known
  Lsn next_lsn_ = 1;
  Lsn synced_lsn_ = 0;
  uint64_t opening_epoch_ = 0;  // the epoch of the last frame, when that one was part of an opening
  uint64_t hash_ = 0;
  bool hash_known_ = false;
  bool accepted_ = false;   // the last frame given to `Take`
  bool broken_ = false;     // something unexplained follows the last accepted frame
  Lsn hole_end_ = 0;        // first LSN after missing records; 0 = none are missing
  std::vector<Torn> torn_;  // what follows the last accepted frame
  std::string accepted_path_;
  uint64_t accepted_end_ = 0;
};

}  // namespace

absl::StatusOr<RecoveryResult> ReplayFrames(const RecoveryOptions& options,
                                            const FrameCallback& callback) {
  if (options.replay_from_lsn == 0) {
    return absl::InvalidArgumentError("replay_from_lsn is 0, the first lsn is 1");
  }
  return Replay(options, callback).Run();
}

}  // namespace kyrodb::wal
