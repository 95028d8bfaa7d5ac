#pragma once

#include <cstdint>
#include <span>

namespace omnisandbox::process {

/// What a call does with a path.
enum class PathAction : std::uint8_t {
  look,  ///< asks whether it is there, and what it is
  open,  ///< its flags say
  change,
  move,    ///< changes, and takes what lies beneath along
  create,  ///< changes the folder around it
  execute,
};

/// A system call that names a file. Positions are those of its arguments; -1: none.
struct WatchedCall {
  int number = 0;
  PathAction action = PathAction::look;
  int path = 0;
  int folder = -1;       ///< a descriptor that a relative path starts at
  int flags = -1;        ///< of `open`
  int second_path = -1;  ///< a second name, which is created
  int second_folder = -1;
};

/// Each call once.
std::span<const WatchedCall> watched_calls();
/// Null where the call is none of them.
const WatchedCall* find_watched_call(int number);

}  // namespace omnisandbox::process
