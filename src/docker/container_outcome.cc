#include "docker/container_outcome.h"

#include <fmt/format.h>
#include <sys/wait.h>

#include <cerrno>
#include <csignal>
#include <cstring>

#include "base/error.h"
#include "base/units.h"
#include "docker/container_run.h"

namespace omnisandbox::docker {
namespace {

constexpr int signal_code_base = 128;
constexpr int exit_cannot_run = 126;
constexpr int exit_not_found = 127;

void end_as(Result& result, Status status, Error error) {
  result.status = status;
  result.exit_code = signal_code_base + SIGKILL;
  result.error = std::move(error);
}

Error start_failure(const init::Ending& ending, const ContainerJob& job) {
  const std::string name = base::printable(job.command);
  if (ending.failed_step == init::Step::enter_folder) {
    return base::make_error(ErrorKind::io, "{} was not run: the working folder {} of the image: {}",
                            name, base::printable(job.working_dir),
                            std::strerror(ending.failed_errno));
  }
  if (ending.failed_step == init::Step::execute && ending.failed_errno == ENOENT) {
    return base::make_error(ErrorKind::not_found,
                            "the image has no {} (or not the interpreter or the loader that it "
                            "names)",
                            name);
  }
  return base::make_error(ErrorKind::io, "{} cannot be run in the container: {}", name,
                          std::strerror(ending.failed_errno));
}

Error memory_error(const ContainerJob& job, std::string_view source) {
  return base::make_error(
      ErrorKind::memory, "{} and what it started used more than {} (memory_limit; {})",
      base::printable(job.command), base::format_byte_size(job.memory_bytes), source);
}

void set_from_ending(Result& result, const init::Ending& ending, const ContainerJob& job) {
  if (ending.failed_step != init::Step::none) {
    result.status = Status::failed;
    result.error = start_failure(ending, job);
    result.exit_code =
        result.error->kind == ErrorKind::not_found ? exit_not_found : exit_cannot_run;
  } else if (ending.cause == init::Cause::cpu_time) {
    end_as(result, Status::timeout,
           base::make_error(
               ErrorKind::timeout,
               "{} and what it started used more than {} of CPU time (cpu_time_limit)",
               base::printable(job.command),
               base::format_duration(job.cpu_time.value_or(std::chrono::milliseconds{}))));
  } else if (ending.memory_kills > 0) {
    end_as(result, Status::memory_limit,
           memory_error(job, fmt::format("the kernel ended {} of the container's processes",
                                         ending.memory_kills)));
  } else if (ending.task_refusals > 0) {
    end_as(result, Status::process_limit,
           base::make_error(ErrorKind::limit,
                            "{} tried to have more than {} processes and threads (pids_limit, "
                            "max_processes)",
                            base::printable(job.command), job.max_processes));
  } else if (ending.cause == init::Cause::host_gone) {
    end_as(result, Status::failed,
           base::make_error(ErrorKind::unavailable,
                            "the engine cut the container's input off, so that the container "
                            "ended {}",
                            base::printable(job.command)));
  } else {
    result.exit_code = WIFSIGNALED(ending.wait_status)
                           ? signal_code_base + WTERMSIG(ending.wait_status)
                           : WEXITSTATUS(ending.wait_status);
    result.status = result.exit_code == 0 ? Status::ok : Status::exited;
  }
}

void set_from_engine(Result& result, const RunFacts& facts) {
  if (facts.memory_flag || facts.memory_event) {
    end_as(result, Status::memory_limit,
           memory_error(facts.job, fmt::format("the engine's oom event: {}, its OOMKilled flag: {}",
                                               facts.memory_event ? "yes" : "no",
                                               facts.memory_flag ? "yes" : "no")));
    return;
  }
  end_as(result, Status::failed,
         base::make_error(ErrorKind::unavailable,
                          "the container was ended from outside while {} ran (exit code {})",
                          base::printable(facts.job.command), facts.engine_exit_code));
}

}  // namespace

void set_outcome(Result& result, const RunFacts& facts) {
  if (facts.ending) {
    result.peak_memory_bytes = facts.ending->peak_memory_bytes;
    result.cpu_time = std::chrono::microseconds(facts.ending->cpu_time_us);
  }
  const std::string name = base::printable(facts.job.command);
  switch (facts.end) {
    case RunEnd::deadline:
      end_as(result, Status::timeout,
             base::make_error(ErrorKind::timeout,
                              "{} and all that it started were ended at the deadline", name));
      return;
    case RunEnd::stopped:
      end_as(result, Status::cancelled,
             base::make_error(ErrorKind::cancelled, "{} was cancelled", name));
      return;
    case RunEnd::none:
      break;
  }
  if (facts.ending) {
    set_from_ending(result, *facts.ending, facts.job);
  } else {
    set_from_engine(result, facts);
  }
}

}  // namespace omnisandbox::docker
