#include "server/pg/backends.h"

#include <cstring>
#include <utility>

#include "server/pg/scram.h"

namespace kyrodb::server::pg {
namespace {

constexpr size_t kQueryBytesShown = 1024;

}  // namespace

void Backend::SetSession(sql::Session* session) {
  absl::MutexLock lock(&mutex_);
  session_ = session;
}

void Backend::Describe(Activity activity) {
  absl::MutexLock lock(&mutex_);
  activity_ = std::move(activity);
  activity_.process_id = process_id_;
}

void Backend::SetState(absl::string_view state, int64_t micros) {
  absl::MutexLock lock(&mutex_);
  activity_.state.assign(state.data(), state.size());
  activity_.state_micros = micros;
}

void Backend::SetQuery(absl::string_view query, int64_t micros) {
  if (query.size() > kQueryBytesShown) {
    size_t end = kQueryBytesShown;
    while (end > 0 && (query[end] & 0xC0) == 0x80) --end;  // not within a character
    query = query.substr(0, end);
  }
  absl::MutexLock lock(&mutex_);
  activity_.query.assign(query.data(), query.size());
  activity_.query_micros = micros;
  activity_.state = "active";
  activity_.state_micros = micros;
}

void Backend::SetApplication(absl::string_view name) {
  absl::MutexLock lock(&mutex_);
  activity_.application = std::string(name);
}

Backend::Activity Backend::activity() const {
  absl::MutexLock lock(&mutex_);
  return activity_;
}

void Backend::Cancel() {
  cancelled_.store(true);
  {
    absl::MutexLock lock(&mutex_);
    if (session_ != nullptr) session_->Cancel();
  }
  transport_->Wake();
}

std::shared_ptr<Backend> Backends::Add(Transport* transport) {
  const std::string random = RandomBytes(sizeof(int32_t));
  int32_t secret = 0;
  std::memcpy(&secret, random.data(), sizeof(secret));
  absl::MutexLock lock(&mutex_);
  do {
    last_process_id_ = last_process_id_ == INT32_MAX ? 1 : last_process_id_ + 1;
  } while (backends_.contains(last_process_id_));
  auto backend = std::make_shared<Backend>(last_process_id_, secret, transport);
  backends_[last_process_id_] = backend;
  return backend;
}

void Backends::Remove(int32_t process_id) {
  absl::MutexLock lock(&mutex_);
  backends_.erase(process_id);
}

bool Backends::AddClient(size_t clients_max) {
  absl::MutexLock lock(&mutex_);
  if (client_count_ >= clients_max) return false;
  ++client_count_;
  return true;
}

void Backends::RemoveClient() {
  absl::MutexLock lock(&mutex_);
  --client_count_;
}

void Backends::Cancel(int32_t process_id, int32_t secret) {
  // Called with the lock, so that the backend's transport cannot end meanwhile.
  absl::MutexLock lock(&mutex_);
  const auto found = backends_.find(process_id);
  if (found == backends_.end() || found->second->secret() != secret) return;
  found->second->Cancel();
}

void Backends::EndReading() {
  absl::MutexLock lock(&mutex_);
  for (const auto& [id, backend] : backends_) backend->EndReading();
}

void Backends::Abort() {
  absl::MutexLock lock(&mutex_);
  for (const auto& [id, backend] : backends_) backend->Abort();
}

std::vector<std::shared_ptr<Backend>> Backends::All() const {
  absl::MutexLock lock(&mutex_);
  std::vector<std::shared_ptr<Backend>> all;
  for (const auto& [id, backend] : backends_) all.push_back(backend);
  return all;
}

}  // namespace kyrodb::server::pg
