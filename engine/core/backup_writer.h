// Makes a backup of an open database.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "engine/backup.h"
#include "engine/base/clock.h"
#include "engine/base/file_system.h"
#include "engine/core/checkpointer.h"
#include "engine/core/file_names.h"
#include "engine/core/space_table.h"
#include "wal/log.h"

namespace kyrodb::engine {

struct BackupContext {
  FileSystem* file_system = nullptr;
  const Clock* clock = nullptr;
  const FileNames* names = nullptr;
  wal::Log* log = nullptr;
  SpaceTable* spaces = nullptr;
  Checkpointer* checkpointer = nullptr;
};

// As `Database::Backup`; one at a time.
absl::StatusOr<BackupReport> MakeBackup(const BackupContext& context, const std::string& target,
                                        const BackupOptions& options);

}  // namespace kyrodb::engine
