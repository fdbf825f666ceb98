#include "engine/base/memory_file_system.h"
#include "wal/manifest.h"

int main() {
  const auto disk = kyrodb::NewMemoryFileSystem();
  const auto store = kyrodb::wal::ManifestStore::Open(disk.get(), "/");
  if (!store.ok() || !(*store)->Publish("state").ok()) return 1;
  const auto loaded = (*store)->Load();
  return loaded.ok() && *loaded == "state" ? 0 : 1;
}
