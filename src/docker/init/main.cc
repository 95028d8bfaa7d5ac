// The first process of a container. It reports what is mounted before anything of the image runs,
// waits for a job, does it, ends whatever is left, and says how it went; in a session the next job
// follows. When its input ends, the host is gone, and so is everything in the container. Statically
// linked, and the only thing that an image must be able to carry.
#include <sys/prctl.h>

#include <csignal>
#include <cstdlib>

#include "docker/init/command.h"
#include "docker/init/files.h"
#include "docker/init/streams.h"
#include "docker/init/surroundings.h"

namespace init = omnisandbox::docker::init;

namespace {

constexpr int exit_wrong_use = 125;

init::Outcome do_job(const init::Job& job, char* text, char** paths) {
  switch (job.kind) {
    case init::JobKind::report:
      return {.exit_code = EXIT_SUCCESS, .may_go_on = init::report_paths(paths)};
    case init::JobKind::run:
      return init::run_command(job, text);
    case init::JobKind::take_files:
      return init::take_files(job, text);
    case init::JobKind::give_files:
      return init::give_files(job, text);
  }
  return {.exit_code = exit_wrong_use};
}

init::Outcome next_job(char** paths) {
  init::Job job;
  if (!init::read_exactly(0, &job, sizeof job)) {
    return {.exit_code = EXIT_SUCCESS};  // not needed any more
  }
  if (job.magic != init::job_magic || job.version != init::protocol_version ||
      job.text_bytes > init::max_job_bytes) {
    return {.exit_code = exit_wrong_use};
  }
  auto* text = static_cast<char*>(std::malloc(job.text_bytes + 1U));
  if (text == nullptr || !init::read_exactly(0, text, job.text_bytes)) {
    return {.exit_code = exit_wrong_use};
  }
  text[job.text_bytes] = '\0';
  const init::Outcome outcome = do_job(job, text, paths);
  std::free(text);
  return outcome;
}

}  // namespace

int main(int argument_count, char** arguments) {
  // The command has the same user: it must not read the token here, or take this process over.
  ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  // Writing to a host that is gone is an error like another.
  ::signal(SIGPIPE, SIG_IGN);
  char** const paths = arguments + 2;
  if (argument_count < 2 || !init::report_surroundings(arguments[1], paths)) {
    return exit_wrong_use;
  }
  for (;;) {
    const init::Outcome outcome = next_job(paths);
    if (!outcome.may_go_on) {
      return outcome.exit_code;
    }
  }
}
