#include "process/launcher/reporting.h"

#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstring>

namespace omnisandbox::process::launcher {

bool fail(Failure& failure, const char* call, const char* subject) {
  failure.error_number = errno;
  failure.call = call;
  std::snprintf(failure.subject, sizeof failure.subject, "%s", subject);
  return false;
}

void send_report(const Report& report) {
  // The library is gone where this fails, and the launcher ends with it.
  while (::send(control_descriptor, &report, sizeof report, MSG_NOSIGNAL) < 0 && errno == EINTR) {
  }
}

void send_report(const Report& report, int descriptor) {
  iovec vector{const_cast<Report*>(&report), sizeof report};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  msghdr message{};
  message.msg_iov = &vector;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  cmsghdr* part = CMSG_FIRSTHDR(&message);
  part->cmsg_level = SOL_SOCKET;
  part->cmsg_type = SCM_RIGHTS;
  part->cmsg_len = CMSG_LEN(sizeof(int));
  std::memcpy(CMSG_DATA(part), &descriptor, sizeof descriptor);
  while (::sendmsg(control_descriptor, &message, MSG_NOSIGNAL) < 0 && errno == EINTR) {
  }
}

void report_and_exit(Report::Kind kind, const Failure& failure) {
  Report report;
  report.kind = kind;
  report.error_number = failure.error_number;
  report.value = static_cast<std::uint32_t>(failure.cause);
  std::snprintf(report.step, sizeof report.step, "%s %s", failure.call, failure.subject);
  send_report(report);
  ::_exit(1);
}

}  // namespace omnisandbox::process::launcher
