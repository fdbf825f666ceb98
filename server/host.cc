#include "server/host.h"

#include <filesystem>
#include <iostream>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/base/status.h"
#include "server/tuner_bridge/database_environment.h"
#include "server/tuner_bridge/decisions_table.h"
#include "tuner/policy.h"

namespace kyrodb::server {

// Destroyed from the last member to the first: the tuner before what it watches.
struct Host::Parts {
  std::unique_ptr<engine::Database> database;
  std::unique_ptr<DatabaseEnvironment> environment;
  std::unique_ptr<tuner::Tuner> tuner;
  sql::VirtualTableRegistry tables;
};

absl::StatusOr<std::unique_ptr<Host>> Host::Open(const HostOptions& options) {
  if (options.directory.empty()) return absl::InvalidArgumentError("the directory's name is empty");
  if (options.create_if_missing) {
    const std::filesystem::path parent =
        std::filesystem::path(options.directory).lexically_normal().parent_path();
    std::error_code error;
    if (!parent.empty()) std::filesystem::create_directories(parent, error);
    if (error) {
      return absl::UnavailableError(
          absl::StrCat("cannot make directory ", parent.string(), ": ", error.message()));
    }
  }
  auto parts = std::make_unique<Parts>();
  engine::OpenOptions open;
  open.opener = options.opener;
  open.create_if_missing = options.create_if_missing;
  open.on_damage = [](absl::string_view message) {
    std::cerr << absl::StrCat("kyro: found damage on the disk: ", message, "\n");
  };
  KYRO_ASSIGN_OR_RETURN(parts->database, engine::Database::Open(options.directory, open));

  KYRO_ASSIGN_OR_RETURN(parts->environment, DatabaseEnvironment::Create(*parts->database));
  KYRO_ASSIGN_OR_RETURN(std::unique_ptr<tuner::Policy> policy,
                        tuner::MakePolicy("marginal_utility"));
  tuner::TunerOptions tuner_options;
  tuner_options.limits = parts->environment->DefaultLimits();
  tuner_options.mode = options.tuner_mode;
  KYRO_ASSIGN_OR_RETURN(parts->tuner,
                        tuner::Tuner::Create(tuner_options, std::move(policy), *parts->environment,
                                             parts->database->clock()));
  KYRO_RETURN_IF_ERROR(
      parts->tables.Add(std::make_shared<DecisionsTable>(&parts->tuner->journal())));
  if (options.tuner_mode != tuner::Mode::kOff) {
    KYRO_RETURN_IF_ERROR(parts->tuner->Start(options.tuner_interval));
  }
  std::unique_ptr<Host> host(new Host());
  host->parts_ = std::move(parts);
  return host;
}

Host::~Host() = default;

std::unique_ptr<sql::Session> Host::NewSession(sql::SessionOptions options) const {
  options.virtual_tables = &parts_->tables;
  return std::make_unique<sql::Session>(parts_->database.get(), std::move(options));
}

engine::Database& Host::database() const { return *parts_->database; }
tuner::Tuner& Host::tuner() const { return *parts_->tuner; }

absl::Status Host::Close() {
  parts_->tuner->Stop();
  return parts_->database->Close();
}

}  // namespace kyrodb::server
