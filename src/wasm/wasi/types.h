#pragma once

#include <cstdint>

/// The numbers and memory layouts of WASI snapshot preview 1, as its specification gives them
/// (wasi_snapshot_preview1.witx). Structures are laid out as guests see them: little-endian, with
/// explicit padding, so that no byte of host memory is ever copied out unset.
namespace omnisandbox::wasm::wasi {

/// witx `$errno`. 32 bits wide because functions return it as an i32.
enum class Errno : std::uint32_t {
  success = 0,
  too_big = 1,
  acces = 2,
  addrinuse = 3,
  addrnotavail = 4,
  afnosupport = 5,
  again = 6,
  already = 7,
  badf = 8,
  badmsg = 9,
  busy = 10,
  canceled = 11,
  child = 12,
  connaborted = 13,
  connrefused = 14,
  connreset = 15,
  deadlk = 16,
  destaddrreq = 17,
  dom = 18,
  dquot = 19,
  exist = 20,
  fault = 21,
  fbig = 22,
  hostunreach = 23,
  idrm = 24,
  ilseq = 25,
  inprogress = 26,
  intr = 27,
  inval = 28,
  io = 29,
  isconn = 30,
  isdir = 31,
  loop = 32,
  mfile = 33,
  mlink = 34,
  msgsize = 35,
  multihop = 36,
  nametoolong = 37,
  netdown = 38,
  netreset = 39,
  netunreach = 40,
  nfile = 41,
  nobufs = 42,
  nodev = 43,
  noent = 44,
  noexec = 45,
  nolck = 46,
  nolink = 47,
  nomem = 48,
  nomsg = 49,
  noprotoopt = 50,
  nospc = 51,
  nosys = 52,
  notconn = 53,
  notdir = 54,
  notempty = 55,
  notrecoverable = 56,
  notsock = 57,
  notsup = 58,
  notty = 59,
  nxio = 60,
  overflow = 61,
  ownerdead = 62,
  perm = 63,
  pipe = 64,
  proto = 65,
  protonosupport = 66,
  prototype = 67,
  range = 68,
  rofs = 69,
  spipe = 70,
  srch = 71,
  stale = 72,
  timedout = 73,
  txtbsy = 74,
  xdev = 75,
  notcapable = 76,
};

/// witx `$rights`: what may be done with a descriptor.
using Rights = std::uint64_t;
namespace rights {
inline constexpr Rights fd_datasync = 1ULL << 0;
inline constexpr Rights fd_read = 1ULL << 1;
inline constexpr Rights fd_seek = 1ULL << 2;
inline constexpr Rights fd_fdstat_set_flags = 1ULL << 3;
inline constexpr Rights fd_sync = 1ULL << 4;
inline constexpr Rights fd_tell = 1ULL << 5;
inline constexpr Rights fd_write = 1ULL << 6;
inline constexpr Rights fd_advise = 1ULL << 7;
inline constexpr Rights fd_allocate = 1ULL << 8;
inline constexpr Rights path_create_directory = 1ULL << 9;
inline constexpr Rights path_create_file = 1ULL << 10;
inline constexpr Rights path_link_source = 1ULL << 11;
inline constexpr Rights path_link_target = 1ULL << 12;
inline constexpr Rights path_open = 1ULL << 13;
inline constexpr Rights fd_readdir = 1ULL << 14;
inline constexpr Rights path_readlink = 1ULL << 15;
inline constexpr Rights path_rename_source = 1ULL << 16;
inline constexpr Rights path_rename_target = 1ULL << 17;
inline constexpr Rights path_filestat_get = 1ULL << 18;
inline constexpr Rights path_filestat_set_size = 1ULL << 19;
inline constexpr Rights path_filestat_set_times = 1ULL << 20;
inline constexpr Rights fd_filestat_get = 1ULL << 21;
inline constexpr Rights fd_filestat_set_size = 1ULL << 22;
inline constexpr Rights fd_filestat_set_times = 1ULL << 23;
inline constexpr Rights path_symlink = 1ULL << 24;
inline constexpr Rights path_remove_directory = 1ULL << 25;
inline constexpr Rights path_unlink_file = 1ULL << 26;
inline constexpr Rights poll_fd_readwrite = 1ULL << 27;
inline constexpr Rights sock_shutdown = 1ULL << 28;
inline constexpr Rights sock_accept = 1ULL << 29;

inline constexpr Rights all = (1ULL << 30) - 1;
inline constexpr Rights of_file = fd_datasync | fd_read | fd_seek | fd_fdstat_set_flags | fd_sync |
                                  fd_tell | fd_write | fd_advise | fd_allocate | fd_filestat_get |
                                  fd_filestat_set_size | fd_filestat_set_times | poll_fd_readwrite;
/// Of a file's rights, those that mean nothing unless it is open for writing.
inline constexpr Rights of_writing = fd_datasync | fd_write | fd_allocate | fd_filestat_set_size;
inline constexpr Rights of_directory =
    fd_datasync | fd_sync | fd_fdstat_set_flags | fd_filestat_get | fd_filestat_set_times |
    fd_readdir | path_create_directory | path_create_file | path_link_source | path_link_target |
    path_open | path_readlink | path_rename_source | path_rename_target | path_filestat_get |
    path_filestat_set_size | path_filestat_set_times | path_symlink | path_remove_directory |
    path_unlink_file;
inline constexpr Rights of_input =
    fd_read | fd_filestat_get | fd_fdstat_set_flags | poll_fd_readwrite;
inline constexpr Rights of_output =
    fd_write | fd_filestat_get | fd_fdstat_set_flags | poll_fd_readwrite;
}  // namespace rights

/// witx `$filetype`.
enum class FileType : std::uint8_t {
  unknown = 0,
  block_device = 1,
  character_device = 2,
  directory = 3,
  regular_file = 4,
  socket_dgram = 5,
  socket_stream = 6,
  symbolic_link = 7,
};

namespace fdflags {
inline constexpr std::uint16_t append = 1;
inline constexpr std::uint16_t dsync = 2;
inline constexpr std::uint16_t nonblock = 4;
inline constexpr std::uint16_t rsync = 8;
inline constexpr std::uint16_t sync = 16;
inline constexpr std::uint16_t all = 31;
inline constexpr std::uint16_t syncing = dsync | rsync | sync;
}  // namespace fdflags

namespace oflags {
inline constexpr std::uint16_t creat = 1;
inline constexpr std::uint16_t directory = 2;
inline constexpr std::uint16_t excl = 4;
inline constexpr std::uint16_t trunc = 8;
inline constexpr std::uint16_t all = 15;
}  // namespace oflags

inline constexpr std::uint32_t lookup_symlink_follow = 1;

namespace fstflags {
inline constexpr std::uint16_t atim = 1;
inline constexpr std::uint16_t atim_now = 2;
inline constexpr std::uint16_t mtim = 4;
inline constexpr std::uint16_t mtim_now = 8;
inline constexpr std::uint16_t all = 15;
}  // namespace fstflags

enum class Whence : std::uint8_t { set = 0, current = 1, end = 2 };
enum class ClockId : std::uint32_t { realtime = 0, monotonic = 1, process_cpu = 2, thread_cpu = 3 };
enum class EventType : std::uint8_t { clock = 0, fd_read = 1, fd_write = 2 };

inline constexpr std::uint8_t preopen_type_directory = 0;
inline constexpr std::uint8_t last_advice = 5;  // `noreuse`
inline constexpr std::uint16_t subscription_clock_absolute = 1;
inline constexpr std::uint16_t event_hangup = 1;

struct Fdstat {
  FileType filetype = FileType::unknown;
  std::uint8_t padding_1 = 0;
  std::uint16_t flags = 0;
  std::uint32_t padding_2 = 0;
  Rights rights_base = 0;
  Rights rights_inheriting = 0;
};
static_assert(sizeof(Fdstat) == 24);

struct Filestat {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  FileType filetype = FileType::unknown;
  std::uint8_t padding[7] = {};
  std::uint64_t link_count = 0;
  std::uint64_t size_bytes = 0;
  std::uint64_t accessed_ns = 0;
  std::uint64_t modified_ns = 0;
  std::uint64_t changed_ns = 0;
};
static_assert(sizeof(Filestat) == 64);

struct Prestat {
  std::uint8_t tag = preopen_type_directory;
  std::uint8_t padding[3] = {};
  std::uint32_t name_length = 0;
};
static_assert(sizeof(Prestat) == 8);

struct Dirent {
  std::uint64_t next_cookie = 0;
  std::uint64_t inode = 0;
  std::uint32_t name_length = 0;
  FileType filetype = FileType::unknown;
  std::uint8_t padding[3] = {};
};
static_assert(sizeof(Dirent) == 24);

/// witx `$iovec` and `$ciovec`.
struct IoVector {
  std::uint32_t offset = 0;
  std::uint32_t length = 0;
};
static_assert(sizeof(IoVector) == 8);

/// witx `$subscription`; the union's members overlap as the specification lays them out.
struct Subscription {
  std::uint64_t user_data = 0;
  EventType tag = EventType::clock;
  std::uint8_t padding_1[7] = {};
  std::uint32_t clock_id_or_descriptor = 0;
  std::uint32_t padding_2 = 0;
  std::uint64_t timeout_ns = 0;
  std::uint64_t precision_ns = 0;
  std::uint16_t clock_flags = 0;
  std::uint8_t padding_3[6] = {};
};
static_assert(sizeof(Subscription) == 48);

struct Event {
  std::uint64_t user_data = 0;
  std::uint16_t error = 0;
  EventType type = EventType::clock;
  std::uint8_t padding_1[5] = {};
  std::uint64_t available_bytes = 0;
  std::uint16_t flags = 0;
  std::uint8_t padding_2[6] = {};
};
static_assert(sizeof(Event) == 32);

}  // namespace omnisandbox::wasm::wasi
