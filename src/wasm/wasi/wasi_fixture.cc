#include "wasm/wasi/wasi_fixture.h"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <stdexcept>

#include "host_functions/host_functions_impl.h"

namespace omnisandbox::wasm::wasi {
namespace {

namespace fs = std::filesystem;

HostFunctions host_functions_for(Policy policy, HostFunctionOptions options) {
  auto created = HostFunctions::create(std::move(policy), std::move(options));
  if (!created) {
    throw std::runtime_error(created.error().message);
  }
  return std::move(*created);
}

std::string text_of(TestGuest& guest, Pointer place, std::size_t size) {
  return std::string(guest.memory().text(place, static_cast<Size>(size)).value());
}

}  // namespace

TestGuest::TestGuest(Policy policy, HostFunctionOptions options)
    : host_functions_(host_functions_for(std::move(policy), std::move(options))),
      run_(std::make_unique<GuestRun>(host_functions_, *host_functions_.impl().context)),
      bytes_(memory_bytes),
      call_{.run = *run_, .memory = GuestMemory(bytes_)} {}

Pointer TestGuest::reserve(std::size_t size) {
  const Pointer place = next_;
  next_ += static_cast<Pointer>((size + 15) / 8 * 8);
  if (next_ > memory_bytes) {
    throw std::runtime_error("the test guest's memory is full; call reset()");
  }
  return place;
}

Pointer TestGuest::put(std::string_view text) {
  const Pointer place = reserve(text.size());
  const auto bytes = call_.memory.slice(place, static_cast<Size>(text.size()));
  std::copy(text.begin(), text.end(), bytes->begin());
  return place;
}

Pointer TestGuest::put_vector(Pointer place, Size size) {
  const Pointer vector = reserve(sizeof(IoVector));
  EXPECT_TRUE(call_.memory.store(vector, IoVector{place, size}));
  return vector;
}

std::vector<std::string> TestGuest::preopen_names() {
  std::vector<std::string> names;
  const Pointer prestat = reserve(sizeof(Prestat));
  for (GuestFd fd = 3; fd_prestat_get(call_, fd, prestat) == Errno::success; ++fd) {
    reset();
    const Size length = load<Prestat>(prestat).name_length;
    const Pointer name = reserve(length + sizeof(Prestat));
    EXPECT_EQ(fd_prestat_dir_name(call_, fd, name + sizeof(Prestat), length), Errno::success);
    names.push_back(text_of(*this, name + sizeof(Prestat), length));
  }
  return names;
}

GuestFd TestGuest::preopen(std::string_view name) {
  const std::vector<std::string> names = preopen_names();
  const auto found = std::find(names.begin(), names.end(), name);
  if (found == names.end()) {
    ADD_FAILURE() << "no preopened directory " << name;
    return 0;
  }
  return static_cast<GuestFd>(3 + (found - names.begin()));
}

Answer<GuestFd> TestGuest::open(GuestFd fd, std::string_view path, OpenOptions options) {
  reset();
  const Pointer text = put(path);
  const Pointer opened = reserve(sizeof(GuestFd));
  const Errno error = path_open(call_, fd, options.lookup_flags, text,
                                static_cast<Size>(path.size()), options.open_flags, options.base,
                                options.inheriting, options.descriptor_flags, opened);
  return {error, error == Errno::success ? load<GuestFd>(opened) : 0};
}

Errno TestGuest::close(GuestFd fd) { return fd_close(call_, fd); }

Answer<std::string> TestGuest::read(GuestFd fd, Size size) {
  reset();
  const Pointer place = reserve(size);
  const Pointer count = reserve(sizeof(Size));
  const Errno error = fd_read(call_, fd, put_vector(place, size), 1, count);
  return {error, error == Errno::success ? text_of(*this, place, load<Size>(count)) : ""};
}

Answer<std::string> TestGuest::pread(GuestFd fd, std::uint64_t offset, Size size) {
  reset();
  const Pointer place = reserve(size);
  const Pointer count = reserve(sizeof(Size));
  const Errno error = fd_pread(call_, fd, put_vector(place, size), 1, offset, count);
  return {error, error == Errno::success ? text_of(*this, place, load<Size>(count)) : ""};
}

Answer<Size> TestGuest::write(GuestFd fd, std::string_view data) {
  reset();
  const Pointer place = put(data);
  const Pointer count = reserve(sizeof(Size));
  const Errno error =
      fd_write(call_, fd, put_vector(place, static_cast<Size>(data.size())), 1, count);
  return {error, error == Errno::success ? load<Size>(count) : 0};
}

Answer<Size> TestGuest::pwrite(GuestFd fd, std::string_view data, std::uint64_t offset) {
  reset();
  const Pointer place = put(data);
  const Pointer count = reserve(sizeof(Size));
  const Errno error =
      fd_pwrite(call_, fd, put_vector(place, static_cast<Size>(data.size())), 1, offset, count);
  return {error, error == Errno::success ? load<Size>(count) : 0};
}

Answer<std::uint64_t> TestGuest::seek(GuestFd fd, std::int64_t delta, Whence whence) {
  reset();
  const Pointer place = reserve(sizeof(std::uint64_t));
  const Errno error = fd_seek(call_, fd, delta, static_cast<std::uint32_t>(whence), place);
  return {error, error == Errno::success ? load<std::uint64_t>(place) : 0};
}

Answer<Filestat> TestGuest::stat(GuestFd fd) {
  reset();
  const Pointer place = reserve(sizeof(Filestat));
  const Errno error = fd_filestat_get(call_, fd, place);
  return {error, load<Filestat>(place)};
}

Answer<Fdstat> TestGuest::fdstat(GuestFd fd) {
  reset();
  const Pointer place = reserve(sizeof(Fdstat));
  const Errno error = fd_fdstat_get(call_, fd, place);
  return {error, load<Fdstat>(place)};
}

Answer<Filestat> TestGuest::stat_path(GuestFd fd, std::string_view path,
                                      std::uint32_t lookup_flags) {
  reset();
  const Pointer text = put(path);
  const Pointer place = reserve(sizeof(Filestat));
  const Errno error =
      path_filestat_get(call_, fd, lookup_flags, text, static_cast<Size>(path.size()), place);
  return {error, load<Filestat>(place)};
}

Errno TestGuest::set_times_path(GuestFd fd, std::string_view path, std::uint64_t modified_ns,
                                std::uint32_t lookup_flags) {
  reset();
  return path_filestat_set_times(call_, fd, lookup_flags, put(path), static_cast<Size>(path.size()),
                                 0, modified_ns, fstflags::mtim);
}

Errno TestGuest::create_directory(GuestFd fd, std::string_view path) {
  reset();
  return path_create_directory(call_, fd, put(path), static_cast<Size>(path.size()));
}

Errno TestGuest::remove_directory(GuestFd fd, std::string_view path) {
  reset();
  return path_remove_directory(call_, fd, put(path), static_cast<Size>(path.size()));
}

Errno TestGuest::unlink(GuestFd fd, std::string_view path) {
  reset();
  return path_unlink_file(call_, fd, put(path), static_cast<Size>(path.size()));
}

Errno TestGuest::rename(GuestFd old_fd, std::string_view old_path, GuestFd new_fd,
                        std::string_view new_path) {
  reset();
  const Pointer from = put(old_path);
  return path_rename(call_, old_fd, from, static_cast<Size>(old_path.size()), new_fd, put(new_path),
                     static_cast<Size>(new_path.size()));
}

Errno TestGuest::link(GuestFd old_fd, std::string_view old_path, GuestFd new_fd,
                      std::string_view new_path) {
  reset();
  const Pointer from = put(old_path);
  return path_link(call_, old_fd, 0, from, static_cast<Size>(old_path.size()), new_fd,
                   put(new_path), static_cast<Size>(new_path.size()));
}

Errno TestGuest::symlink(std::string_view target, GuestFd fd, std::string_view path) {
  reset();
  const Pointer text = put(target);
  return path_symlink(call_, text, static_cast<Size>(target.size()), fd, put(path),
                      static_cast<Size>(path.size()));
}

Answer<std::string> TestGuest::readlink(GuestFd fd, std::string_view path, Size size) {
  reset();
  const Pointer text = put(path);
  const Pointer place = reserve(size);
  const Pointer used = reserve(sizeof(Size));
  const Errno error =
      path_readlink(call_, fd, text, static_cast<Size>(path.size()), place, size, used);
  return {error, error == Errno::success ? text_of(*this, place, load<Size>(used)) : ""};
}

Answer<TestGuest::Listed> TestGuest::list(GuestFd fd, Size buffer_size) {
  Answer<Listed> answer;
  for (std::uint64_t cookie = 0;;) {
    reset();
    const Pointer buffer = reserve(buffer_size);
    const Pointer used_place = reserve(sizeof(Size));
    answer.error = fd_readdir(call_, fd, buffer, buffer_size, cookie, used_place);
    ++answer.value.calls;
    if (answer.error != Errno::success) {
      return answer;
    }
    const Size used = load<Size>(used_place);
    Size position = 0;
    while (position + sizeof(Dirent) <= used) {
      const auto entry = load<Dirent>(buffer + position);
      const Size name_begin = position + static_cast<Size>(sizeof(Dirent));
      if (name_begin + entry.name_length > used) {
        break;
      }
      const bool is_new =
          answer.value.entries
              .emplace(text_of(*this, buffer + name_begin, entry.name_length), entry)
              .second;
      EXPECT_TRUE(is_new) << "listed twice";
      cookie = entry.next_cookie;
      position = name_begin + entry.name_length;
    }
    if (used < buffer_size) {
      return answer;
    }
  }
}

std::set<std::string> TestGuest::names_in(GuestFd fd) {
  const auto listed = list(fd);
  EXPECT_EQ(listed.error, Errno::success);
  std::set<std::string> names;
  for (const auto& [name, entry] : listed.value.entries) {
    if (name != "." && name != "..") {
      names.insert(name);
    }
  }
  return names;
}

void WasiTest::SetUp() {
  std::string pattern = (base_ / "omnisandbox-wasi-XXXXXX").string();
  ASSERT_NE(mkdtemp(pattern.data()), nullptr);
  folder_ = fs::canonical(pattern);
  for (const char* name : {"work/sub", "docs", "outside"}) {
    fs::create_directories(folder_ / name);
  }
  make_file("work/note.txt", "a note");
  make_file("work/sub/deep.txt", "deep");
  make_file("docs/manual.txt", "a manual");
  make_file("outside/secret.txt", "secret");
}

void WasiTest::TearDown() { fs::remove_all(folder_); }

Config WasiTest::config() const {
  Config config;
  config.capabilities = {Capability::fs_read, Capability::fs_write};
  config.allowed_paths = {PathRule(path("work"), PathAccess::read_write),
                          PathRule(path("docs"), PathAccess::read)};
  return config;
}

Policy WasiTest::policy_of(Config config) {
  auto policy = Policy::compile(std::move(config));
  if (!policy) {
    throw std::runtime_error(policy.error().message);
  }
  return std::move(*policy);
}

std::unique_ptr<TestGuest> WasiTest::guest_under(Config config, HostFunctionOptions options) {
  return std::make_unique<TestGuest>(policy_of(std::move(config)), std::move(options));
}

std::string WasiTest::content(std::string_view name) const {
  std::ifstream file(folder_ / name, std::ios::binary);
  EXPECT_TRUE(file.is_open()) << name;
  return {std::istreambuf_iterator<char>(file), {}};
}

void WasiTest::make_file(std::string_view name, std::string_view content) const {
  std::ofstream(folder_ / name, std::ios::binary) << content;
}

bool WasiTest::exists(std::string_view name) const {
  return fs::exists(fs::symlink_status(folder_ / name));
}

std::map<std::string, std::string> WasiTest::snapshot(std::string_view name) const {
  std::map<std::string, std::string> found;
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(folder_ / name)) {
    std::string& text = found[entry.path().lexically_relative(folder_)];
    if (entry.is_symlink()) {
      text = "-> " + fs::read_symlink(entry.path()).string();
    } else if (entry.is_regular_file()) {
      text = std::to_string(entry.last_write_time().time_since_epoch().count()) + " " +
             std::to_string(entry.hard_link_count()) + " " +
             content(entry.path().lexically_relative(folder_).native());
    }
  }
  return found;
}

std::size_t open_descriptor_count() {
  std::size_t count = 0;
  for ([[maybe_unused]] const fs::directory_entry& entry :
       fs::directory_iterator("/proc/self/fd")) {
    ++count;
  }
  return count;
}

std::ostream& operator<<(std::ostream& out, Errno error) {
  return out << "errno " << static_cast<std::uint32_t>(error);
}

}  // namespace omnisandbox::wasm::wasi
