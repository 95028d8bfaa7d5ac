#pragma once

#include <cstdint>

namespace omnisandbox::egress {

/// How a transfer from one socket to another ended.
enum class BodyEnd : std::uint8_t {
  whole,
  source_failed,  ///< the sender went away in the middle, or sent what is no HTTP
  sink_failed,    ///< the receiver went away
  limit,          ///< `count` said no
};

}  // namespace omnisandbox::egress
