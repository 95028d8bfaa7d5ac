#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "docker/init/protocol.h"

namespace omnisandbox::docker {

/// One output stream of a container's first process: a fixed number of bytes before the command
/// runs, the command's output, and a mark with a secret token at its end. Passes the output on at
/// once; only bytes that could be the begin of the mark are held back.
class MarkedStream {
 public:
  /// `tail_bytes`: of the mark and all that follows it; what comes later is dropped.
  MarkedStream(std::size_t tail_bytes, std::function<void(std::string_view)> take)
      : tail_bytes_(tail_bytes), take_(std::move(take)) {}

  /// From now on the mark is looked for. Before, everything is passed on.
  void expect(const init::Token& token);

  void feed(std::string_view piece);
  /// The stream is over, with or without its mark: passes on what was held back.
  void finish();

  /// The mark with what follows, once all of it is there.
  const std::optional<std::string>& tail() const noexcept { return tail_; }

 private:
  std::size_t tail_bytes_;
  std::function<void(std::string_view)> take_;
  std::string mark_;  // its fixed begin; empty: not expected yet
  std::string held_;  // a proper prefix of the mark, or the mark and what has come of the tail
  bool has_mark_ = false;
  std::optional<std::string> tail_;
};

}  // namespace omnisandbox::docker
