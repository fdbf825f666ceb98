// One opened database as the edge uses it: the engine, the tables that this layer adds to SQL, and
// the tuner.
#pragma once

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "engine/database.h"
#include "sql/session.h"
#include "sql/virtual_table.h"
#include "tuner/tuner.h"

namespace kyrodb::server {

struct HostOptions {
  std::string directory;
  // Told to the next process that wants the same directory.
  std::string opener = "kyro";
  bool create_if_missing = true;
  tuner::Mode tuner_mode = tuner::Mode::kAuto;
  absl::Duration tuner_interval = absl::Seconds(2);
};

// Errors:         those of `Database::Open`; the parents of the directory are made when they are
//                 missing and `create_if_missing` is set.
// Thread-safety:  all methods may be called from any thread, except `Close`, which must be the
//                 last call.
// Lifetime:       sessions must end before the host does.
class Host {
 public:
  static absl::StatusOr<std::unique_ptr<Host>> Open(const HostOptions& options);
  ~Host();
  Host(const Host&) = delete;
  Host& operator=(const Host&) = delete;

  // A session that sees `kyro_tuner_decisions` beside the tables of the database.
  std::unique_ptr<sql::Session> NewSession(sql::SessionOptions options = {}) const;

  engine::Database& database() const;
  tuner::Tuner& tuner() const;

  // Stops the tuner, then checkpoints and closes the database.
  absl::Status Close();

 private:
  Host() = default;
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace kyrodb::server
