#include "omnisandbox/audit.h"

#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <mutex>
#include <optional>

#include "support.h"

namespace omnisandbox::python {
namespace {

/// Keeps records until Python takes them. A decision never waits for Python: where the queue is
/// full the record is lost, counted, and told to the run as an error.
class AuditQueue final : public AuditSink {
 public:
  explicit AuditQueue(std::size_t capacity) : capacity_(capacity) {}

  Expected<void> write(const AuditRecord& record) override {
    const std::lock_guard lock(mutex_);
    if (closed_ || records_.size() >= capacity_) {
      ++lost_;
      return Error{.kind = ErrorKind::limit,
                   .message = closed_ ? "the audit log is closed"
                                      : "the audit log is full: read its records, or give it more "
                                        "room (AuditLog(capacity=…))",
                   .resource = {}};
    }
    records_.push_back(record);
    filled_.notify_one();
    return {};
  }

  /// Waits up to `seconds`; empty when none came, or the log is closed and read.
  std::optional<AuditRecord> take(double seconds) {
    std::unique_lock lock(mutex_);
    filled_.wait_for(lock, std::chrono::duration<double>(seconds),
                     [this] { return closed_ || !records_.empty(); });
    if (records_.empty()) {
      return {};
    }
    AuditRecord record = std::move(records_.front());
    records_.pop_front();
    return record;
  }

  void close() {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    filled_.notify_all();
  }
  bool closed() const {
    const std::lock_guard lock(mutex_);
    return closed_;
  }
  std::uint64_t lost() const {
    const std::lock_guard lock(mutex_);
    return lost_;
  }

 private:
  const std::size_t capacity_;
  mutable std::mutex mutex_;
  std::condition_variable filled_;
  std::deque<AuditRecord> records_;
  std::uint64_t lost_ = 0;
  bool closed_ = false;
};

/// The arguments of omnisandbox.AuditRecord.
nb::tuple record_tuple(const AuditRecord& record) {
  const bool is_decision = record.event == AuditRecord::Event::decision;
  const double time = std::chrono::duration<double>(record.time.time_since_epoch()).count();
  return nb::make_tuple(
      is_decision ? "decision" : "outcome", time, text_of(record.run_id), text_of(record.sandbox),
      record.capability ? nb::object(text_of(to_string(*record.capability))) : nb::none(),
      text_of(record.operation), text_of(record.resource), text_of(record.rule), record.granted,
      text_of(record.reason),
      record.status ? nb::object(text_of(to_string(*record.status))) : nb::none(), record.exit_code,
      std::chrono::duration<double>(record.duration).count(), record.peak_memory_bytes,
      record.denial_count, text_of(to_json_line(record)));
}

nb::object take(AuditQueue& queue, double seconds) {
  std::optional<AuditRecord> record;
  {
    const nb::gil_scoped_release released;
    record = queue.take(seconds);
  }
  return record ? nb::object(record_tuple(*record)) : nb::none();
}

}  // namespace

void bind_audit(nb::module_& module) {
  const nb::class_<AuditSink> sink(module, "AuditSink");
  nb::class_<AuditQueue, AuditSink>(module, "AuditQueue")
      .def(nb::init<std::size_t>())
      .def("take", &take)
      .def("close", &AuditQueue::close, nb::call_guard<nb::gil_scoped_release>())
      .def_prop_ro("closed", &AuditQueue::closed)
      .def_prop_ro("lost", &AuditQueue::lost);
  module.def("open_audit_file",
             [](const nb::bytes& path, std::uint64_t rotate_at_bytes, unsigned kept_files) {
               return unwrap(open_json_lines_audit(view_of(path), rotate_at_bytes, kept_files));
             });
}

}  // namespace omnisandbox::python
