#include "policy/path/path_gate.h"

#include "base/error.h"
#include "base/try.h"
#include "policy/path/path_text.h"

namespace omnisandbox::policy {

Expected<OpenedPath> PathGate::open(const PathQuestion& question, int /*flags*/,
                                    unsigned /*mode*/) const {
  const PathText text = TRY(parse_path(question.path));
  auto judged = judge_.judge_path(text.path, question.use, question.path);
  if (!judged) {
    return Error::from_denial(std::move(judged).error());
  }
  return base::make_error(ErrorKind::unavailable, "the path gate opens nothing yet");
}

Expected<LocatedPath> PathGate::locate(const PathQuestion& question) const {
  const PathText text = TRY(parse_path(question.path));
  auto judged = judge_.judge_path(text.path, question.use, question.path);
  if (!judged) {
    return Error::from_denial(std::move(judged).error());
  }
  return base::make_error(ErrorKind::unavailable, "the path gate opens nothing yet");
}

}  // namespace omnisandbox::policy
