#include "docker/docker_session.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "base/error.h"
#include "base/random_id.h"
#include "base/try.h"
#include "docker/container.h"
#include "docker/container_run.h"
#include "docker/host_files.h"
#include "docker/recorded_run.h"
#include "docker/run_preparation.h"
#include "docker/run_with_copies.h"
#include "egress/proxy/proxy.h"
#include "linux/channels.h"
#include "linux/message_socket.h"
#include "linux/terminal_pair.h"
#include "linux/threads.h"
#include "policy/compiled_policy.h"
#include "policy/container/container_grant.h"
#include "policy/limits.h"

namespace omnisandbox {
namespace {

using Clock = std::chrono::steady_clock;
using docker::Container;
using docker::DockerJob;
using docker::RunPreparation;

struct Request {
  std::stop_source source;
  void operator()() const noexcept {
    // A copy: requesting is no const member, and all copies share one state.
    std::stop_source(source).request_stop();
  }
};

/// A stop token that follows two others.
class EitherStop {
 public:
  EitherStop(const std::stop_token& left, const std::stop_token& right)
      : on_left_(left, Request{source_}), on_right_(right, Request{source_}) {}
  std::stop_token token() const noexcept { return source_.get_token(); }

 private:
  std::stop_source source_;
  std::stop_callback<Request> on_left_;
  std::stop_callback<Request> on_right_;
};

Error session_is_over(std::string_view why) {
  return base::make_error(ErrorKind::unavailable, "the session is over: {}; open another one", why);
}

// For one look into a container that waits, which takes milliseconds where all is well.
constexpr std::chrono::seconds look_time{5};

/// A command whose rule narrows what the container of a session has would be given more than its
/// rule says.
Expected<void> check_bounds(const policy::ContainerCommand& command,
                            const policy::ContainerGrant& grant, const DockerJob& job) {
  const auto refused = [&](std::string reason, std::string remedy) {
    return Error::from_denial({.capability = Capability::exec_run,
                               .resource = job.command,
                               .rule = command.rule,
                               .reason = std::move(reason),
                               .remedy = std::move(remedy)});
  };
  if (!command.bounds.allows_network && grant.network != NetworkMode::none) {
    return refused("its rule gives it no network, and the container of the session has one",
                   "network_mode: none for the session, or network: true in the command's rule");
  }
  if (command.bounds.memory_bytes.value_or(grant.memory_bytes) < grant.memory_bytes) {
    return refused("its rule gives it less memory than the container of the session has",
                   "a memory_limit of the container that is no more than the rule's");
  }
  return {};
}

}  // namespace

class DockerSession::Impl {
 public:
  Impl(Policy its_policy, DockerConfig its_docker,
       std::shared_ptr<docker::DockerMachinery> its_machinery, const DockerSessionOptions& options)
      : policy_(std::move(its_policy)),
        docker_(std::move(its_docker)),
        machinery_(std::move(its_machinery)),
        on_callers_stop_(options.stop, Request{stop_source_}),
        stop_(stop_source_.get_token()),
        run_id_(base::random_id()) {}

  ~Impl() {
    // Whoever could act on a failure has asked before; the sweep finds what is left.
    static_cast<void>(close());
  }

  Expected<void> open(const DockerSessionOptions& options) {
    DockerJob job{.command = docker_.image,
                  .deadline = Clock::now() + policy_.compiled().limits().timeout,
                  .stop = stop_,
                  .run_id = run_id_,
                  .on_pull = options.on_pull};
    TRY(judge());
    RunPreparation preparation(policy_, docker_, *machinery_, job);
    auto grant = policy::judge_container(policy_.compiled(), docker_);
    TRY(preparation.record_grant(grant));
    grant_ = std::make_shared<const policy::ContainerGrant>(TRY(std::move(grant)));
    const auto engine = TRY(machinery_->engine(preparation.patience()));
    image_ = TRY(preparation.image_from(*engine));
    docker::WarmOrder order{.engine = engine,
                            .grant = grant_,
                            .image = image_,
                            .init_program = machinery_->init_program()};
    container_ = TRY(preparation.new_container(order, {}, options.time_to_live));
    grant_ = order.grant;
    end_ = Clock::now() + options.time_to_live;
    wake_up_.emplace(TRY(linux_::WakeUp::create()));
    watch_ = TRY(linux_::start_thread("to end the session in time", [this] { watch(); }));
    return {};
  }

  Expected<Result> run(DockerJob job) {
    const EitherStop stop(job.stop, stop_);
    job.stop = stop.token();
    return docker::recorded_run(policy_, machinery_->audit().get(), job,
                                [&] { return run_judged(job); });
  }

  template <class Copy>
  Expected<CopiedFiles> copy(std::string_view operation, std::string_view host_path,
                             std::string_view container_path, const Copy& work) {
    auto host = TRY(HostFunctions::create(policy_, {.audit = machinery_->audit(),
                                                    .run_id = base::random_id(),
                                                    .sandbox = "docker",
                                                    .stop = stop_}));
    auto copied = copy_judged(host, container_path, work);
    AuditRecord outcome;
    outcome.event = AuditRecord::Event::outcome;
    outcome.operation = operation;
    outcome.resource = host_path;
    if (!copied) {
      outcome.status = copied.error().kind == ErrorKind::denied ? Status::denied : Status::failed;
      outcome.reason = copied.error().message;
    }
    TRY(docker::write_record(policy_, machinery_->audit().get(), std::move(outcome),
                             host.run_id()));
    return copied;
  }

  Expected<void> close() {
    const std::lock_guard one_closes(closing_);
    stop_source_.request_stop();
    if (watch_.joinable()) {
      watch_.join();
    }
    const std::lock_guard lock(mutex_);
    finish("it was closed");
    return std::exchange(removed_, {});
  }

  bool is_open() const noexcept { return !is_over_ && Clock::now() < end_; }

  const Policy& policy() const noexcept { return policy_; }

 private:
  /// A container that waits for commands is for those who may run some.
  Expected<void> judge() const {
    auto denial = policy_.compiled().missing(Capability::exec_run, docker_.image);
    AuditRecord decision;
    decision.capability = Capability::exec_run;
    decision.operation = "container.session";
    decision.resource = docker_.image;
    decision.granted = !denial;
    decision.rule = denial ? denial->rule : "capabilities";
    decision.reason = denial ? denial->reason : std::string();
    TRY(docker::write_record(policy_, machinery_->audit().get(), std::move(decision), run_id_));
    return denial ? Expected<void>(Error::from_denial(*std::move(denial))) : Expected<void>();
  }

  /// Removes the container; the caller holds the mutex.
  void finish(std::string why) {
    if (container_ != nullptr) {
      is_over_ = true;
      why_over_ = std::move(why);
      removed_ = std::exchange(container_, nullptr)->remove();
    }
  }

  Expected<void> check_open() {
    if (Clock::now() >= end_) {
      finish("its time to live has passed");
    }
    return container_ == nullptr ? Expected<void>(session_is_over(why_over_)) : Expected<void>();
  }

  /// Before each command and copy. Somebody may have put another file in the place of one that is
  /// hidden or narrowed, and in a container that runs that one would be open.
  Expected<void> check_mounts() {
    auto checked =
        container_->check_again(*grant_, {.until = Clock::now() + look_time, .stop = {}});
    if (checked) {
      return {};
    }
    const Error& error = checked.error();
    finish(error.denial ? fmt::format("{}: {}", base::printable(error.denial->resource),
                                      error.denial->reason)
                        : error.message);
    return session_is_over(why_over_);
  }

  /// After each command and copy. A container whose streams are out of step serves nobody.
  void check_step() {
    if (!container_->is_in_step()) {
      finish("the command before did not end in order");
    }
  }

  /// Ends it when its time is over, or at a stop.
  void watch() {
    const std::stop_callback on_stop(stop_, [this] { wake_up_->wake(); });
    static_cast<void>(
        linux_::wait_until_ready(wake_up_->handle(), linux_::Readiness::to_read, end_));
    const std::lock_guard lock(mutex_);
    finish(stop_.stop_requested() ? "it was closed or stopped" : "its time to live has passed");
  }

  Expected<Result> run_judged(const DockerJob& job) {
    const auto start = Clock::now();
    auto command = policy::judge_container_command(policy_.compiled(), job.command, job.args);
    if (!command) {
      return Error::from_denial(std::move(command).error());
    }
    const std::lock_guard lock(mutex_);
    TRY(check_open());
    TRY(check_bounds(*command, *grant_, job));
    TRY(check_mounts());
    RunPreparation preparation(policy_, docker_, *machinery_, job);
    const auto limit = policy_.compiled().limits().timeout;
    preparation.shorten(std::min(end_, start + std::min(limit, command->timeout.value_or(limit))));
    docker::ContainerJob contained = TRY(preparation.job_for(*command, *grant_, image_));
    contained.is_last = docker::IsLast::no;
    std::unique_ptr<egress::Proxy> proxy;
    if (container_->listener().is_open()) {
      // One for each command: its records and its refusals are its own.
      linux_::Fd listener = TRY(linux_::duplicate(container_->listener()));
      proxy = TRY(egress::Proxy::start(policy_, std::move(listener),
                                       {.audit = machinery_->audit(),
                                        .run_id = job.run_id,
                                        .sandbox = "docker",
                                        .deadline = preparation.deadline()}));
    }
    auto result =
        docker::run_with_copies(policy_, machinery_->audit(), *container_, contained, job);
    const egress::ProxyReport refused = proxy ? proxy->stop() : egress::ProxyReport{};
    check_step();
    if (!result) {
      return result;
    }
    result->denials.insert(result->denials.begin(), refused.denials.begin(), refused.denials.end());
    result->denial_count += refused.denial_count;
    result->run_id = job.run_id;
    result->duration = Clock::now() - start;
    return result;
  }

  template <class Copy>
  Expected<CopiedFiles> copy_judged(HostFunctions& host, std::string_view container_path,
                                    const Copy& work) {
    const std::string inside = TRY(policy::judge_container_path(container_path));
    const auto timeout = policy_.compiled().limits().timeout;
    const std::lock_guard lock(mutex_);
    TRY(check_open());
    TRY(check_mounts());
    auto copied =
        work(host, *container_, inside, docker::copy_limits(policy_),
             docker::Patience{.until = std::min(end_, Clock::now() + timeout), .stop = stop_});
    check_step();
    return copied;
  }

  const Policy policy_;
  const DockerConfig docker_;
  const std::shared_ptr<docker::DockerMachinery> machinery_;  // shared with the sandbox
  std::stop_source stop_source_;
  const std::stop_callback<Request> on_callers_stop_;
  const std::stop_token stop_;
  const std::string run_id_;
  std::shared_ptr<const policy::ContainerGrant> grant_;  // its mounts stay pinned
  docker::ImageFacts image_;
  Clock::time_point end_{};
  std::optional<linux_::WakeUp> wake_up_;
  std::atomic<bool> is_over_ = false;
  std::mutex closing_;                    // guards watch_ once it has started
  std::mutex mutex_;                      // held while a command runs
  std::unique_ptr<Container> container_;  // guarded by mutex_; null: it is over
  std::string why_over_;                  // guarded by mutex_
  Expected<void> removed_{};              // guarded by mutex_
  std::jthread watch_;                    // last: it uses the others
};

DockerSession::DockerSession(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
DockerSession::DockerSession(DockerSession&&) noexcept = default;
DockerSession& DockerSession::operator=(DockerSession&&) noexcept = default;
DockerSession::~DockerSession() = default;

Expected<Result> DockerSession::run(std::string_view command, std::vector<std::string> args,
                                    DockerRunOptions options) {
  return impl_->run(docker::job_of(command, std::move(args), std::move(options), impl_->policy()));
}

Expected<Result> DockerSession::run_shell(std::string_view script, DockerRunOptions options) {
  return run("sh", {"-c", std::string(script)}, std::move(options));
}

Expected<Result> DockerSession::run_with_stdin(std::string_view command,
                                               std::vector<std::string> args,
                                               std::string stdin_data, DockerRunOptions options) {
  options.stdin_data = std::move(stdin_data);
  return run(command, std::move(args), std::move(options));
}

Expected<CopiedFiles> DockerSession::copy_in(std::string_view host_path,
                                             std::string_view container_path) {
  return impl_->copy(
      "container.copy_in", host_path, container_path,
      [host_path](HostFunctions& host, Container& container, const std::string& inside,
                  const docker::CopyLimits& limits, const docker::Patience& patience) {
        return docker::copy_in(host, host_path, container, inside, limits, patience);
      });
}

Expected<CopiedFiles> DockerSession::copy_out(std::string_view container_path,
                                              std::string_view host_path) {
  return impl_->copy(
      "container.copy_out", host_path, container_path,
      [host_path](HostFunctions& host, Container& container, const std::string& inside,
                  const docker::CopyLimits& limits, const docker::Patience& patience) {
        return docker::copy_out(host, host_path, container, inside, limits, patience);
      });
}

Expected<void> DockerSession::close() { return impl_->close(); }
bool DockerSession::is_open() const noexcept { return impl_->is_open(); }

namespace docker {

Expected<DockerSession> open_session(const Policy& policy, const DockerConfig& docker,
                                     std::shared_ptr<DockerMachinery> machinery,
                                     const DockerSessionOptions& options) {
  if (options.time_to_live.count() <= 0 || options.time_to_live > policy::max_timeout) {
    return base::make_error(ErrorKind::invalid_argument,
                            "a session lives for more than nothing and at most 24 hours");
  }
  auto impl = std::make_unique<DockerSession::Impl>(policy, docker, std::move(machinery), options);
  TRY(impl->open(options));
  return DockerSession(std::move(impl));
}

}  // namespace docker
}  // namespace omnisandbox
