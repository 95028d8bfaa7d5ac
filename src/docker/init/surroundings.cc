#include "docker/init/surroundings.h"

#include <dirent.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/un.h>

#include <cstring>

#include "docker/init/protocol.h"
#include "docker/init/streams.h"

namespace omnisandbox::docker::init {
namespace {

// Waiting clients; the host takes them as it can.
constexpr int listener_backlog = 64;

std::uint32_t count_entries(const char* path) {
  DIR* folder = ::opendir(path);
  if (folder == nullptr) {
    return 0;
  }
  std::uint32_t count = 0;
  while (const dirent* entry = ::readdir(folder)) {
    if (std::strcmp(entry->d_name, ".") != 0 && std::strcmp(entry->d_name, "..") != 0 &&
        ++count == 2) {
      break;
    }
  }
  ::closedir(folder);
  return count;
}

PathFacts facts_of(const char* path) {
  PathFacts facts;
  struct stat status {};
  struct statvfs mounted {};
  if (::lstat(path, &status) != 0 || ::statvfs(path, &mounted) != 0) {
    facts.error = errno;
    return facts;
  }
  facts.device = status.st_dev;
  facts.inode = status.st_ino;
  facts.special_device = status.st_rdev;
  facts.mode = status.st_mode;
  facts.is_read_only = (mounted.f_flag & ST_RDONLY) != 0 ? 1 : 0;
  facts.entry_count = S_ISDIR(status.st_mode) ? count_entries(path) : 0;
  return facts;
}

// The socket is made in this network; whoever holds the handle accepts its clients from another.
int make_listener() {
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(proxy_port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (listener < 0 ||
      ::bind(listener, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      ::listen(listener, listener_backlog) != 0) {
    return -1;
  }
  return listener;
}

bool send_descriptor(int socket, int descriptor) {
  char byte = 'L';
  iovec piece{&byte, 1};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  msghdr message{};
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof(int));
  std::memcpy(CMSG_DATA(header), &descriptor, sizeof descriptor);
  return ::sendmsg(socket, &message, MSG_NOSIGNAL) == 1;
}

int hand_over_listener() {
  const int listener = make_listener();
  const int socket = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, listener_socket_path, sizeof listener_socket_path);
  if (listener < 0 || socket < 0 ||
      ::connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      !send_descriptor(socket, listener)) {
    return errno;
  }
  ::close(socket);
  ::close(listener);
  return 0;
}

}  // namespace

bool report_surroundings(const char* mode, char** paths) {
  if (std::strcmp(mode, listener_mode) == 0) {
    return report_paths(paths, hand_over_listener());
  }
  return std::strcmp(mode, plain_mode) == 0 && report_paths(paths);
}

bool report_paths(char** paths, int listener_error) {
  Ready ready{.listener_error = listener_error};
  for (char** path = paths; *path != nullptr; ++path) {
    ++ready.path_count;
  }
  if (!write_exactly(1, &ready, sizeof ready)) {
    return false;
  }
  for (char** path = paths; *path != nullptr; ++path) {
    const PathFacts facts = facts_of(*path);
    if (!write_exactly(1, &facts, sizeof facts)) {
      return false;
    }
  }
  return true;
}

}  // namespace omnisandbox::docker::init
