#include "c_api/call.h"

using namespace omnisandbox;
using c_api::guarded;
using c_api::require;

omnisandbox_error_t* omnisandbox_audit_open(omnisandbox_bytes_t path, uint64_t rotate_at_bytes,
                                            omnisandbox_audit_t** audit) {
  return guarded([&]() -> Expected<void> {
    TRY(require({{"audit", audit}}));
    *audit = nullptr;
    const auto file = TRY(c_api::view(path, "path"));
    c_api::give(audit, TRY(rotate_at_bytes == 0 ? open_json_lines_audit(file)
                                                : open_json_lines_audit(file, rotate_at_bytes)));
    return {};
  });
}

omnisandbox_error_t* omnisandbox_audit_call(omnisandbox_audit_callback_t callback, void* user_data,
                                            omnisandbox_release_t release,
                                            omnisandbox_audit_t** audit) {
  return guarded([&]() -> Expected<void> {
    // Shared by the copies of the callback; the last one releases.
    const std::shared_ptr<void> owned(user_data, [release](void* data) {
      if (release != nullptr) {
        release(data);
      }
    });
    TRY(require({{"audit", audit}}));
    *audit = nullptr;
    TRY(require({{"callback", reinterpret_cast<const void*>(callback)}}));
    c_api::give(audit, make_callback_audit([callback, owned](const AuditRecord& record) {
                  const std::string line = to_json_line(record);
                  callback(owned.get(), c_api::bytes_of(line));
                }));
    return {};
  });
}

void omnisandbox_audit_free(omnisandbox_audit_t* audit) { c_api::free_handle(audit); }

omnisandbox_error_t* omnisandbox_cancellation_create(omnisandbox_cancellation_t** cancellation) {
  return guarded([&]() -> Expected<void> {
    TRY(require({{"cancellation", cancellation}}));
    *cancellation = nullptr;
    c_api::give(cancellation, std::stop_source());
    return {};
  });
}

void omnisandbox_cancel(omnisandbox_cancellation_t* cancellation) {
  if (cancellation != nullptr) {
    cancellation->source.request_stop();
  }
}

void omnisandbox_cancellation_free(omnisandbox_cancellation_t* cancellation) {
  c_api::free_handle(cancellation);
}
