#include "engine/core/manifest_state.h"

#include "absl/strings/str_cat.h"
#include "engine/base/coding.h"
#include "engine/core/file_names.h"

namespace kyrodb::engine {
namespace {

// Version 1: the first. All numbers are varints, in the order of the struct.
// Version 2: `run_notes` follow, each a file number and an LSN base.
// Version 3: a note has a replaced count too.
// Version 4: the runs of a space are followed by its value files, each a file number, its bytes of
// values, and how many of them are live.
constexpr uint64_t kManifestVersion = 4;

}  // namespace

std::vector<std::string> FilesOf(const ManifestState& state) {
  const FileNames names("");
  std::vector<std::string> files;
  for (const ManifestState::Space& space : state.spaces) {
    for (const uint64_t number : space.runs) files.push_back(names.Run(space.id, number));
    for (const auto& values : space.value_files) files.push_back(names.Values(values.file_number));
  }
  for (const SegmentFile& segment : state.segments) {
    files.push_back(names.Segment(segment.index, segment.file_number));
  }
  return files;
}

std::string EncodeManifest(const ManifestState& state) {
  std::string out;
  PutVarint64(&out, kManifestVersion);
  PutVarint64(&out, state.database_id);
  PutVarint64(&out, state.epoch);
  PutVarint64(&out, state.checkpoint_lsn);
  PutVarint64(&out, state.next_file_number);
  PutVarint64(&out, state.log_segment);
  PutVarint64(&out, state.spaces.size());
  for (const ManifestState::Space& space : state.spaces) {
    PutVarint64(&out, space.id);
    PutVarint64(&out, space.runs.size());
    for (uint64_t file_number : space.runs) PutVarint64(&out, file_number);
    PutVarint64(&out, space.value_files.size());
    for (const auto& values : space.value_files) {
      PutVarint64(&out, values.file_number);
      PutVarint64(&out, values.value_bytes);
      PutVarint64(&out, values.live_bytes);
    }
  }
  PutVarint64(&out, state.segments.size());
  for (const SegmentFile& segment : state.segments) {
    PutVarint64(&out, segment.index);
    PutVarint64(&out, segment.file_number);
    PutVarint64(&out, segment.covers_lsn);
  }
  PutVarint64(&out, state.run_notes.size());
  for (const ManifestState::RunNote& note : state.run_notes) {
    PutVarint64(&out, note.file_number);
    PutVarint64(&out, note.lsn_base);
    PutVarint64(&out, note.replaced_count);
  }
  return out;
}

ManifestState::RunNote ManifestState::NoteOf(uint64_t run) const {
  for (const RunNote& note : run_notes) {
    if (note.file_number == run) return note;
  }
  return RunNote{.file_number = run};
}

absl::StatusOr<ManifestState> DecodeManifest(absl::string_view bytes) {
  ByteReader reader(bytes);
  const uint64_t version = reader.Varint64();
  if (reader.ok() && version > kManifestVersion) {
    return absl::UnimplementedError(absl::StrCat("manifest has version ", version,
                                                 ", this program reads up to ", kManifestVersion));
  }
  ManifestState state;
  state.database_id = reader.Varint64();
  state.epoch = reader.Varint64();
  state.checkpoint_lsn = reader.Varint64();
  state.next_file_number = reader.Varint64();
  state.log_segment = reader.Varint64();
  const uint64_t space_count = reader.Varint64();
  for (uint64_t i = 0; i < space_count && reader.ok(); ++i) {
    ManifestState::Space space;
    space.id = static_cast<ObjectId>(reader.Varint64());
    const uint64_t run_count = reader.Varint64();
    for (uint64_t j = 0; j < run_count && reader.ok(); ++j) {
      space.runs.push_back(reader.Varint64());
    }
    const uint64_t value_file_count = version >= 4 ? reader.Varint64() : 0;
    for (uint64_t j = 0; j < value_file_count && reader.ok(); ++j) {
      ManifestState::Space::ValueFile values;
      values.file_number = reader.Varint64();
      values.value_bytes = reader.Varint64();
      values.live_bytes = reader.Varint64();
      space.value_files.push_back(values);
    }
    state.spaces.push_back(std::move(space));
  }
  const uint64_t segment_count = reader.Varint64();
  for (uint64_t i = 0; i < segment_count && reader.ok(); ++i) {
    SegmentFile segment;
    segment.index = static_cast<ObjectId>(reader.Varint64());
    segment.file_number = reader.Varint64();
    segment.covers_lsn = reader.Varint64();
    state.segments.push_back(segment);
  }
  const uint64_t note_count = version >= 2 ? reader.Varint64() : 0;
  for (uint64_t i = 0; i < note_count && reader.ok(); ++i) {
    ManifestState::RunNote note;
    note.file_number = reader.Varint64();
    note.lsn_base = reader.Varint64();
    if (version >= 3) note.replaced_count = reader.Varint64();
    state.run_notes.push_back(note);
  }
  if (!reader.ok() || !reader.rest().empty()) {
    return absl::DataLossError(
        absl::StrCat("manifest payload of ", bytes.size(), " bytes is damaged"));
  }
  return state;
}

}  // namespace kyrodb::engine
