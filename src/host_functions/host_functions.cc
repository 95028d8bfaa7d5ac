#include "omnisandbox/host_functions.h"

#include "base/error.h"
#include "base/try.h"
#include "host_functions/file_functions.h"
#include "host_functions/host_functions_impl.h"
#include "host_functions/http_function.h"

namespace omnisandbox {

HostFunctions::HostFunctions(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
HostFunctions::HostFunctions(HostFunctions&&) noexcept = default;
HostFunctions& HostFunctions::operator=(HostFunctions&&) noexcept = default;
HostFunctions::~HostFunctions() = default;

Expected<HostFunctions> HostFunctions::create(Policy policy, HostFunctionOptions options) {
  auto context = TRY(host_functions::RunContext::create(std::move(policy), std::move(options)));
  return HostFunctions(std::make_unique<Impl>(std::move(context)));
}

Expected<std::string> HostFunctions::fs_read(std::string_view path, ReadRange range) {
  return host_functions::read_file(*impl_->context, path, range);
}

Expected<FileInfo> HostFunctions::fs_stat(std::string_view path) {
  return host_functions::stat_file(*impl_->context, path);
}

Expected<std::vector<DirectoryEntry>> HostFunctions::fs_list(std::string_view path) {
  return host_functions::list_files(*impl_->context, path);
}

Expected<void> HostFunctions::fs_write(std::string_view path, std::string_view content,
                                       WriteOptions options) {
  return host_functions::write_file(*impl_->context, path, content, options);
}

Expected<void> HostFunctions::fs_delete(std::string_view path) {
  return host_functions::delete_file(*impl_->context, path);
}

Expected<void> HostFunctions::fs_make_directory(std::string_view path) {
  return host_functions::make_directory(*impl_->context, path);
}

Expected<HttpResponse> HostFunctions::http_fetch(const HttpRequest& request) {
  return host_functions::fetch(*impl_->context, request);
}

Expected<Result> HostFunctions::exec_run(const CommandRequest& request) {
  host_functions::RunContext& context = *impl_->context;
  TRY(context.begin_call());
  auto judged = context.compiled().judge_command(request.command, request.args);
  if (!judged) {
    return context.refused("exec_run", std::move(judged).error());
  }
  TRY(context.granted(Capability::exec_run, "exec_run", request.command, judged->rule));
  if (context.options().commands == nullptr) {
    return base::make_error(ErrorKind::unavailable,
                            "exec_run {}: the policy allows it, but no sandbox for commands is set "
                            "up here; a command never "
                            "runs unconfined",
                            base::printable(request.command));
  }
  CommandRequest own = request;
  own.run_id = context.run_id();
  auto result =
      context.options().commands->run(context.policy(), own, context.deadline(), context.stop());
  if (result) context.add_denials_of(*result);
  return result;
}

const Policy& HostFunctions::policy() const noexcept { return impl_->context->policy(); }
const std::string& HostFunctions::run_id() const noexcept { return impl_->context->run_id(); }
std::vector<Denial> HostFunctions::denials() const { return impl_->context->denials(); }
std::uint64_t HostFunctions::denial_count() const noexcept {
  return impl_->context->denial_count();
}

}  // namespace omnisandbox
