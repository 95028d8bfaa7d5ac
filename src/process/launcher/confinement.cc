#include "process/launcher/confinement.h"

#include <fcntl.h>
#include <linux/filter.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <vector>

#include "linux/fd.h"
#include "linux/landlock_calls.h"
#include "linux/mount_calls.h"
#include "linux/privilege_calls.h"

namespace omnisandbox::process::launcher {
namespace {

namespace landlock = linux_::landlock;

// From this version on Landlock also keeps signals and abstract sockets inside, which nothing else
// does where there are no namespaces.
constexpr int version_with_scopes = 6;

bool add_path(const LandlockPath& rule, int ruleset, std::uint64_t handled, Failure& failure) {
  const linux_::Fd file(::open(rule.path.c_str(), O_PATH | O_CLOEXEC));
  struct stat status {};
  if (!file.is_open() || ::fstat(file.get(), &status) != 0) {
    return errno == ENOENT || errno == ENOTDIR || errno == EACCES ||
           fail(failure, "open", rule.path.c_str());
  }
  std::uint64_t access = rule.access & handled;
  if (!S_ISDIR(status.st_mode)) {
    access &= landlock::on_files;
  }
  return access == 0 || linux_::landlock_add_path(ruleset, file.get(), access) == 0 ||
         fail(failure, "landlock_add_rule", rule.path.c_str());
}

}  // namespace

bool prepare_landlock(const LaunchPlan& plan, StepCounter& steps, int version, int& ruleset,
                      Failure& failure) {
  ruleset = -1;
  if (plan.tier == Tier::landlock_only && version < version_with_scopes) {
    errno = ENOSYS;
    return fail(failure, "landlock_create_ruleset", "version 6 is needed");
  }
  if (version <= 0) {
    return true;
  }
  landlock::RulesetAttributes attributes{};
  attributes.handled_access_fs = landlock::file_system_rights(version);
  attributes.handled_access_net =
      version >= 4 ? landlock::net_bind_tcp | landlock::net_connect_tcp : 0;
  attributes.scoped = version >= version_with_scopes
                          ? landlock::scope_abstract_unix_socket | landlock::scope_signal
                          : 0;
  ruleset = linux_::landlock_create_ruleset(attributes, version);
  if (steps.fails_here() || ruleset < 0) {
    return fail(failure, "landlock_create_ruleset", "");
  }
  for (const LandlockPath& rule : plan.landlock_paths) {
    if (!add_path(rule, ruleset, attributes.handled_access_fs, failure)) {
      return false;
    }
  }
  if (plan.proxy_port != 0 && version >= 4 &&
      linux_::landlock_add_port(ruleset, plan.proxy_port, landlock::net_connect_tcp) != 0) {
    return fail(failure, "landlock_add_rule", "the proxy's port");
  }
  return true;
}

bool confine_self(const LaunchPlan& plan, StepCounter& steps, int ruleset, Failure& failure) {
  for (const ResourceLimit& limit : plan.limits) {
    rlimit current{};
    rlimit wanted{limit.value, limit.value};
    const auto resource = static_cast<__rlimit_resource_t>(limit.resource);
    // Never above what the user is bounded to already.
    if (::getrlimit(resource, &current) == 0 && current.rlim_max < wanted.rlim_max) {
      wanted = {current.rlim_max, current.rlim_max};
    }
    if (steps.fails_here() || ::setrlimit(resource, &wanted) != 0) {
      return fail(failure, "setrlimit", "");
    }
  }
  // With namespaces they were dropped before.
  if (plan.tier == Tier::landlock_only &&
      (steps.fails_here() || linux_::drop_all_capabilities() != 0)) {
    return fail(failure, "capset", "");
  }
  if (steps.fails_here() || linux_::set_no_new_privileges() != 0) {
    return fail(failure, "prctl", "PR_SET_NO_NEW_PRIVS");
  }
  if (ruleset >= 0 && (steps.fails_here() || linux_::landlock_restrict_self(ruleset) != 0)) {
    return fail(failure, "landlock_restrict_self", "");
  }
  // The kernel copies the program; it needs the alignment of its entries.
  std::vector<sock_filter> filter(plan.seccomp_filter.size() / sizeof(sock_filter));
  std::memcpy(filter.data(), plan.seccomp_filter.data(), filter.size() * sizeof(sock_filter));
  const sock_fprog program{static_cast<unsigned short>(filter.size()), filter.data()};
  if (plan.hands_calls_over == 0) {
    return (!steps.fails_here() && linux_::install_seccomp_filter(program) == 0) ||
           fail(failure, "seccomp", "SECCOMP_SET_MODE_FILTER");
  }
  const linux_::Fd receiver(steps.fails_here() ? -1 : linux_::install_handing_filter(program));
  if (!receiver.is_open()) {
    return fail(failure, "seccomp", "SECCOMP_FILTER_FLAG_NEW_LISTENER");
  }
  // From here on only calls that the filter neither refuses nor hands over, until the library
  // answers them.
  Report report;
  report.kind = Report::Kind::handed_calls;
  send_report(report, receiver.get());
  return true;
}

}  // namespace omnisandbox::process::launcher
