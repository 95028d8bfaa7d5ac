#include "host_functions/http_function.h"

#include "base/error.h"
#include "base/try.h"

namespace omnisandbox::host_functions {

Expected<HttpResponse> fetch(RunContext& context, const HttpRequest& request) {
  TRY(context.begin_call());
  const auto target = TRY(policy::canonicalise_url(request.url));
  auto grant = context.compiled().judge_request(target, request.method, request.url);
  if (!grant) return context.refused("http_fetch", std::move(grant).error());
  return base::make_error(ErrorKind::unavailable, "http_fetch is not part of this build");
}

}  // namespace omnisandbox::host_functions
