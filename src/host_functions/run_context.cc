#include "host_functions/run_context.h"

#include "base/error.h"
#include "base/random_id.h"
#include "base/try.h"

namespace omnisandbox::host_functions {
namespace {

// Adds `amount` unless the total would pass `limit`; concurrent callers cannot pass it together
// either.
bool charge(std::atomic<std::uint64_t>& total, std::uint64_t amount, std::uint64_t limit) {
  std::uint64_t before = total.load(std::memory_order_relaxed);
  do {
    if (before > limit || amount > limit - before) {
      return false;
    }
  } while (!total.compare_exchange_weak(before, before + amount, std::memory_order_relaxed));
  return true;
}

}  // namespace

Expected<std::unique_ptr<RunContext>> RunContext::create(Policy policy,
                                                         HostFunctionOptions options) {
  if (policy.config().audit_required && options.audit == nullptr) {
    return base::make_error(
        ErrorKind::unavailable,
        "the policy says audit_required: true, and no audit sink is set; give one "
        "(on the command line: --audit FILE)");
  }
  if (options.run_id.empty()) {
    options.run_id = base::random_id();
  }
  if (!options.deadline) {
    options.deadline = std::chrono::steady_clock::now() + policy.compiled().limits().timeout;
  }
  return std::unique_ptr<RunContext>(new RunContext(std::move(policy), std::move(options)));
}

RunContext::RunContext(Policy policy, HostFunctionOptions options)
    : policy_(std::move(policy)), options_(std::move(options)), gate_(policy_.compiled()) {}

Expected<void> RunContext::check_time() const {
  if (options_.stop.stop_requested()) {
    return base::make_error(ErrorKind::cancelled, "the run was cancelled");
  }
  if (std::chrono::steady_clock::now() >= deadline()) {
    return base::make_error(ErrorKind::timeout, "the deadline of the run has passed");
  }
  return {};
}

Expected<void> RunContext::begin_call() {
  TRY(check_time());
  if (!charge(used_->calls, 1, limits().max_host_calls)) {
    return base::make_error(ErrorKind::limit,
                            "the run used up its {} host-function calls (max_host_calls)",
                            limits().max_host_calls);
  }
  return {};
}

Expected<void> RunContext::charge_write(std::uint64_t bytes) {
  if (!charge(used_->bytes_written, bytes, limits().max_write_bytes)) {
    return base::make_error(ErrorKind::limit, "the run may write {} bytes in all (max_write_bytes)",
                            limits().max_write_bytes);
  }
  return {};
}

Expected<void> RunContext::charge_file_created() {
  if (!charge(used_->files_created, 1, limits().max_files_created)) {
    return base::make_error(ErrorKind::limit,
                            "the run may create {} files and folders (max_files_created)",
                            limits().max_files_created);
  }
  return {};
}

Expected<void> RunContext::record(const AuditRecord& record) {
  auto written = options_.audit->write(record);
  if (!written && policy_.config().audit_required) {
    Error error = std::move(written).error();
    error.kind = ErrorKind::unavailable;
    error.message =
        "refused because the policy says audit_required: true and the audit record could not be "
        "written: " +
        error.message;
    return error;
  }
  return {};
}

Expected<void> RunContext::granted(Capability capability, std::string_view operation,
                                   std::string_view resource, std::string_view rule) {
  if (options_.audit == nullptr) {
    return {};
  }
  AuditRecord entry;
  entry.event = AuditRecord::Event::decision;
  entry.time = std::chrono::system_clock::now();
  entry.run_id = options_.run_id;
  entry.sandbox = options_.sandbox;
  entry.capability = capability;
  entry.operation = operation;
  entry.resource = resource;
  entry.rule = rule;
  entry.granted = true;
  return record(entry);
}

Error RunContext::refused(std::string_view operation, Denial denial) {
  denial_count_.fetch_add(1, std::memory_order_relaxed);
  {
    const std::lock_guard lock(denials_mutex_);
    if (denials_.size() < max_reported_denials) {
      denials_.push_back(denial);
    }
  }
  if (options_.audit != nullptr) {
    AuditRecord entry;
    entry.event = AuditRecord::Event::decision;
    entry.time = std::chrono::system_clock::now();
    entry.run_id = options_.run_id;
    entry.sandbox = options_.sandbox;
    entry.capability = denial.capability;
    entry.operation = operation;
    entry.resource = denial.resource;
    entry.rule = denial.rule;
    entry.reason = denial.reason;
    if (auto recorded = record(entry); !recorded) {
      return std::move(recorded).error();
    }
  }
  return Error::from_denial(std::move(denial));
}

void RunContext::add_denials_of(const Result& command) {
  denial_count_.fetch_add(command.denial_count, std::memory_order_relaxed);
  const std::lock_guard lock(denials_mutex_);
  for (const Denial& denial : command.denials) {
    if (denials_.size() < max_reported_denials) {
      denials_.push_back(denial);
    }
  }
}

Error RunContext::pass_on(std::string_view operation, Error error) {
  if (error.kind == ErrorKind::denied && error.denial) {
    return refused(operation, *std::move(error.denial));
  }
  return error;
}

std::vector<Denial> RunContext::denials() const {
  const std::lock_guard lock(denials_mutex_);
  return denials_;
}

}  // namespace omnisandbox::host_functions
