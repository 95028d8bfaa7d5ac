#include "wasm/component/wasi/preview1_call.h"

#include <algorithm>
#include <utility>

#include "wasm/component/limits.h"

namespace omnisandbox::wasm::component::wasi02 {
namespace {

using wasi::Errno;

constexpr std::uint32_t alignment = 8;

}  // namespace

Preview1Call::Range Preview1Call::room(std::size_t bytes) {
  const auto offset =
      static_cast<std::uint32_t>((buffer_.size() + alignment - 1) / alignment * alignment);
  buffer_.resize(offset + bytes);
  return {offset, static_cast<std::uint32_t>(bytes)};
}

Preview1Call::Range Preview1Call::put(std::string_view text) {
  const Range range = room(text.size());
  std::copy(text.begin(), text.end(), buffer_.begin() + range.offset);
  return range;
}

std::string_view error_code_name(Errno code) {
  switch (code) {
    case Errno::acces:
      return "access";
    case Errno::again:
      return "would-block";
    case Errno::already:
      return "already";
    case Errno::badf:
      return "bad-descriptor";
    case Errno::busy:
      return "busy";
    case Errno::deadlk:
      return "deadlock";
    case Errno::dquot:
    case Errno::mfile:
    case Errno::nfile:
      return "quota";
    case Errno::exist:
      return "exist";
    case Errno::fbig:
      return "file-too-large";
    case Errno::ilseq:
      return "illegal-byte-sequence";
    case Errno::inprogress:
      return "in-progress";
    case Errno::intr:
      return "interrupted";
    case Errno::inval:
      return "invalid";
    case Errno::isdir:
      return "is-directory";
    case Errno::loop:
      return "loop";
    case Errno::mlink:
      return "too-many-links";
    case Errno::msgsize:
      return "message-size";
    case Errno::nametoolong:
      return "name-too-long";
    case Errno::nodev:
      return "no-device";
    case Errno::noent:
      return "no-entry";
    case Errno::nolck:
      return "no-lock";
    case Errno::nomem:
      return "insufficient-memory";
    case Errno::nospc:
      return "insufficient-space";
    case Errno::notdir:
      return "not-directory";
    case Errno::notempty:
      return "not-empty";
    case Errno::notrecoverable:
      return "not-recoverable";
    case Errno::notsup:
    case Errno::nosys:
      return "unsupported";
    case Errno::notty:
      return "no-tty";
    case Errno::nxio:
      return "no-such-device";
    case Errno::overflow:
      return "overflow";
    case Errno::perm:
    case Errno::notcapable:
      return "not-permitted";
    case Errno::pipe:
      return "pipe";
    case Errno::rofs:
      return "read-only";
    case Errno::spipe:
      return "invalid-seek";
    case Errno::txtbsy:
      return "text-file-busy";
    case Errno::xdev:
      return "cross-device";
    default:
      return "io";
  }
}

Value failed(Errno code) { return Value::error(Value::enumeration(error_code_name(code))); }

Value outcome_of(Errno code) { return code == Errno::success ? Value::ok() : failed(code); }

FileRead read_file(HostCall& call, std::uint32_t fd, std::uint64_t offset, std::uint64_t length) {
  Preview1Call files(call);
  const auto data = files.room(static_cast<std::size_t>(std::min(length, max_transfer_bytes)));
  const auto vector =
      files.put({reinterpret_cast<const char*>(&data), sizeof data});  // {offset, length}: an iovec
  static_assert(sizeof data == sizeof(wasi::IoVector));
  const auto used = files.room(sizeof(std::uint32_t));
  FileRead read;
  read.code = files.call<&wasi::fd_pread>(fd, vector.offset, 1U, offset, used.offset);
  if (read.code == Errno::success) {
    read.bytes = files.text({data.offset, files.load<std::uint32_t>(used)});
  }
  return read;
}

FileWrite write_file(HostCall& call, std::uint32_t fd, std::uint64_t offset,
                     std::string_view bytes) {
  Preview1Call files(call);
  const auto data = files.put(bytes);
  const auto vector = files.put({reinterpret_cast<const char*>(&data), sizeof data});
  const auto used = files.room(sizeof(std::uint32_t));
  FileWrite written;
  written.code = files.call<&wasi::fd_pwrite>(fd, vector.offset, 1U, offset, used.offset);
  written.written = written.code == Errno::success ? files.load<std::uint32_t>(used) : 0;
  return written;
}

FileWrite append_to_file(HostCall& call, std::uint32_t fd, std::string_view bytes) {
  const Opened before = look_at(call, fd);
  if (before.code != Errno::success) {
    return {.code = before.code};
  }
  Preview1Call files(call);
  const auto data = files.put(bytes);
  const auto vector = files.put({reinterpret_cast<const char*>(&data), sizeof data});
  const auto used = files.room(sizeof(std::uint32_t));
  // A descriptor of this interface does not append by itself: streams do.
  const std::uint32_t flags = before.stat.flags;
  FileWrite written;
  written.code = files.call<&wasi::fd_fdstat_set_flags>(fd, flags | wasi::fdflags::append);
  if (written.code != Errno::success) {
    return written;
  }
  written.code = files.call<&wasi::fd_write>(fd, vector.offset, 1U, used.offset);
  written.written = written.code == Errno::success ? files.load<std::uint32_t>(used) : 0;
  const GuestCall::End end = call.end;
  static_cast<void>(files.call<&wasi::fd_fdstat_set_flags>(fd, flags));
  call.end = end;
  return written;
}

Opened look_at(HostCall& call, std::uint32_t fd) {
  Preview1Call files(call);
  const auto stat = files.room(sizeof(wasi::Fdstat));
  Opened opened;
  opened.code = files.call<&wasi::fd_fdstat_get>(fd, stat.offset);
  opened.stat = files.load<wasi::Fdstat>(stat);
  return opened;
}

void close_file(ComponentRun& run, std::uint32_t fd) noexcept {
  try {
    GuestCall call{.run = *run.guest, .memory = GuestMemory({})};
    const std::uint64_t argument = fd;
    run.outside->call(wasi::entry<&wasi::fd_close>("").invoke, call, {&argument, 1});
  } catch (...) {
    // Out of memory: it stays open until the run ends.
  }
}

void release_stream(ComponentRun& run, std::uint32_t fd) noexcept {
  const auto use = run.files.find(fd);
  if (use == run.files.end() || --use->second.streams > 0) {
    return;
  }
  const bool close = use->second.descriptor_dropped;
  run.files.erase(use);
  if (close) {
    close_file(run, fd);
  }
}

}  // namespace omnisandbox::wasm::component::wasi02
