#include "broker/memory/snapshot_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>

namespace sparc::broker {
namespace {

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  [[nodiscard]] int get() const { return fd_; }
  [[nodiscard]] bool valid() const { return fd_ >= 0; }

 private:
  int fd_;
};

std::unexpected<Error> system_failure(std::string_view what, const std::string& path) {
  const int code = errno;
  return fail("the snapshot " + path + " could not be " + std::string(what) + ": " + std::strerror(code));
}

bool write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

bool sync_folder_of(const std::string& path) {
  std::string folder = std::filesystem::path(path).parent_path().string();
  if (folder.empty()) folder = ".";
  const Descriptor fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  return fd.valid() && ::fsync(fd.get()) == 0;
}

Result<std::string> read_all(int fd, const std::string& path, std::uint64_t bytes_max) {
  struct stat status{};
  if (::fstat(fd, &status) != 0) return system_failure("read", path);
  if (!S_ISREG(status.st_mode)) return fail("the snapshot " + path + " is not a file");
  if (static_cast<std::uint64_t>(status.st_size) > bytes_max) {
    return fail("the snapshot " + path + " has " + std::to_string(status.st_size) + " bytes, at most " +
                std::to_string(bytes_max) + " are read");
  }
  std::string out(static_cast<std::size_t>(status.st_size), '\0');
  std::size_t have = 0;
  while (have < out.size()) {
    const ssize_t got = ::read(fd, out.data() + have, out.size() - have);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return system_failure("read", path);
    if (got == 0) break;
    have += static_cast<std::size_t>(got);
  }
  out.resize(have);
  return out;
}

}  // namespace

Result<void> write_snapshot_file(const std::string& path, std::string_view bytes) {
  const std::string temporary = path + ".tmp";
  {
    const Descriptor fd(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    if (!fd.valid()) return system_failure("created", temporary);
    if (!write_all(fd.get(), bytes) || ::fsync(fd.get()) != 0) {
      auto failure = system_failure("written", temporary);
      ::unlink(temporary.c_str());
      return failure;
    }
  }
  if (::rename(temporary.c_str(), path.c_str()) != 0) {
    auto failure = system_failure("put in place", path);
    ::unlink(temporary.c_str());
    return failure;
  }
  if (!sync_folder_of(path)) return system_failure("made durable", path);
  return {};
}

Result<std::optional<std::string>> take_snapshot_file(const std::string& path, std::uint64_t bytes_max) {
  const Descriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid() && errno == ENOENT) return std::optional<std::string>();
  Result<std::string> bytes =
      fd.valid() ? read_all(fd.get(), path, bytes_max) : Result<std::string>(system_failure("opened", path));
  if (::unlink(path.c_str()) != 0) return system_failure("removed", path);
  if (!sync_folder_of(path)) return system_failure("removed durably", path);
  if (!bytes) return std::unexpected(std::move(bytes.error()));
  return std::optional(std::move(*bytes));
}

}  // namespace sparc::broker
