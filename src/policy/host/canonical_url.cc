#include "policy/host/canonical_url.h"

#include "base/error.h"

namespace omnisandbox::policy {

Expected<CanonicalTarget> canonicalise_url(std::string_view url) {
  return base::make_error(ErrorKind::unavailable, "the URL \"{}\" cannot be judged by this build",
                          base::printable(url));
}

}  // namespace omnisandbox::policy
