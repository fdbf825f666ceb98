// Goal:   the lock works between processes and dies with its holder; descriptors do not leak into
//         programs that we start; the system's errors keep their meaning.
// Method: forked children that take or try the lock, talking over pipes; /proc/self/fd; /dev/full.
#include "engine/base/posix_file_system.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "tests/base/status_is.h"

namespace kyrodb {
namespace {

class PosixFileSystemTest : public ::testing::Test {
 protected:
  void SetUp() override {
    directory_ = JoinPath(::testing::TempDir(), "kyro_posix_XXXXXX");
    ASSERT_NE(::mkdtemp(directory_.data()), nullptr);
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  std::string Path(absl::string_view name) const { return JoinPath(directory_, name); }

  std::unique_ptr<FileSystem> file_system_ = NewPosixFileSystem();
  std::string directory_;
};

// The child reports one byte through the pipe, then waits to be killed.
struct Child {
  pid_t pid = -1;
  char report = 0;
};

template <typename Work>
Child Fork(const Work& work) {
  int ends[2];
  if (::pipe(ends) != 0) return {};
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::close(ends[0]);
    const char report = work();
    if (::write(ends[1], &report, 1) != 1) ::_exit(1);
    while (true) ::pause();
  }
  ::close(ends[1]);
  Child child{.pid = pid};
  if (::read(ends[0], &child.report, 1) != 1) child.report = '?';
  ::close(ends[0]);
  return child;
}

void Kill(const Child& child) {
  ::kill(child.pid, SIGKILL);
  int status = 0;
  ::waitpid(child.pid, &status, 0);
}

TEST_F(PosixFileSystemTest, LockExcludesAnotherProcess) {
  const auto lock = file_system_->Lock(Path("LOCK"), "the parent");
  ASSERT_THAT(lock, IsOk());
  const Child child = Fork([this] {
    const auto attempt = NewPosixFileSystem()->Lock(Path("LOCK"), "the child");
    if (attempt.ok()) return 'l';
    return attempt.status().code() == absl::StatusCode::kFailedPrecondition &&
                   attempt.status().message().find("held by the parent") != std::string::npos
               ? 'r'
               : 'e';
  });
  EXPECT_EQ(child.report, 'r');
  Kill(child);
  EXPECT_EQ(ReadFile(*file_system_, Path("LOCK")).value(), "the parent");
}

TEST_F(PosixFileSystemTest, LockDiesWithItsProcess) {
  // The lock outlives the lambda: the child holds it until it is killed.
  std::unique_ptr<FileLock> held;
  const Child child = Fork([&] {
    auto lock = NewPosixFileSystem()->Lock(Path("LOCK"), "the child");
    if (!lock.ok()) return 'e';
    held = *std::move(lock);
    return 'l';
  });
  EXPECT_EQ(child.report, 'l');
  EXPECT_THAT(file_system_->Lock(Path("LOCK"), "the parent"),
              StatusIs(absl::StatusCode::kFailedPrecondition, "held by the child"));
  Kill(child);
  EXPECT_THAT(file_system_->Lock(Path("LOCK"), "the parent"), IsOk());
}

TEST_F(PosixFileSystemTest, ReadingTheLockFileDoesNotDropTheLock) {
  // As it would with the older, per-process POSIX locks.
  const auto lock = file_system_->Lock(Path("LOCK"), "me");
  ASSERT_THAT(lock, IsOk());
  ASSERT_EQ(ReadFile(*file_system_, Path("LOCK")).value(), "me");
  const Child child = Fork(
      [this] { return NewPosixFileSystem()->Lock(Path("LOCK"), "the child").ok() ? 'l' : 'r'; });
  EXPECT_EQ(child.report, 'r');
  Kill(child);
}

TEST_F(PosixFileSystemTest, DescriptorsAreClosedInProgramsThatWeStart) {
  const auto writer = file_system_->Create(Path("written"));
  const auto reader = file_system_->OpenForRead(Path("written"));
  const auto lock = file_system_->Lock(Path("LOCK"), "me");
  ASSERT_THAT(writer, IsOk());
  ASSERT_THAT(reader, IsOk());
  ASSERT_THAT(lock, IsOk());
  int ours_count = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    std::error_code error;
    const std::string target = std::filesystem::read_symlink(entry.path(), error).string();
    if (target.rfind(directory_, 0) != 0) continue;
    ++ours_count;
    const int fd = std::stoi(entry.path().filename().string());
    EXPECT_NE(::fcntl(fd, F_GETFD) & FD_CLOEXEC, 0) << target;
  }
  EXPECT_EQ(ours_count, 3);
}

TEST_F(PosixFileSystemTest, FilesAreClosedWhenTheirObjectsGo) {
  const auto count_ours = [this] {
    int count = 0;
    for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
      std::error_code error;
      count +=
          std::filesystem::read_symlink(entry.path(), error).string().rfind(directory_, 0) == 0;
    }
    return count;
  };
  {
    const auto writer = file_system_->Create(Path("a")).value();
    const auto reader = file_system_->OpenForRead(Path("a")).value();
    const auto lock = file_system_->Lock(Path("LOCK"), "me").value();
    EXPECT_FALSE(file_system_->Lock(Path("LOCK"), "me").ok());
    EXPECT_THAT(file_system_->List(directory_), IsOk());
    EXPECT_THAT(file_system_->SyncDirectory(directory_), IsOk());
    EXPECT_EQ(count_ours(), 3);
  }
  EXPECT_EQ(count_ours(), 0);
}

TEST_F(PosixFileSystemTest, FullDiskIsResourceExhausted) {
  // /dev/full takes any open and answers every write with ENOSPC; `Lock` writes its owner's text.
  std::filesystem::create_symlink("/dev/full", Path("full"));
  EXPECT_THAT(file_system_->Lock(Path("full"), "me"),
              StatusIs(absl::StatusCode::kResourceExhausted,
                       "lock \"" + Path("full") + "\": No space left on device"));
}

TEST_F(PosixFileSystemTest, WriteThatStopsHalfwayIsNotTakenForWhole) {
  // The limit lets the system write half of the bytes; the other half must be tried and fail.
  const Child child = Fork([this] {
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit = {.rlim_cur = 4096, .rlim_max = 4096};
    if (::setrlimit(RLIMIT_FSIZE, &limit) != 0) return 's';
    auto file = file_system_->Create(Path("a"));
    if (!file.ok()) return 'c';
    const absl::Status status = (*file)->Write(0, std::string(8192, 'x'));
    return status.code() == absl::StatusCode::kUnavailable &&
                   status.message().find("File too large") != std::string::npos
               ? 'r'
               : 'e';
  });
  EXPECT_EQ(child.report, 'r');
  Kill(child);
  EXPECT_EQ(ReadFile(*file_system_, Path("a")).value().size(), 4096u);
}

TEST_F(PosixFileSystemTest, NamesWithANulNameNothing) {
  ASSERT_THAT(WriteFileSynced(*file_system_, Path("a"), "x"), IsOk());
  const std::string path = Path("a") + std::string("\0b", 2);
  EXPECT_THAT(file_system_->OpenForRead(path), StatusIs(absl::StatusCode::kNotFound, ""));
  EXPECT_THAT(file_system_->Remove(path), StatusIs(absl::StatusCode::kNotFound, ""));
  EXPECT_EQ(file_system_->Exists(path).value(), false);
  EXPECT_EQ(ReadFile(*file_system_, Path("a")).value(), "x");
}

TEST_F(PosixFileSystemTest, NamesTooLongAreUnavailableWithTheSystemsWords) {
  EXPECT_THAT(file_system_->Create(Path(std::string(300, 'n'))),
              StatusIs(absl::StatusCode::kUnavailable, "File name too long"));
}

}  // namespace
}  // namespace kyrodb
