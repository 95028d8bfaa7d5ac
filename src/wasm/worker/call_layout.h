#pragma once

#include <cstdint>
#include <string_view>

namespace omnisandbox::wasm::worker {

/// How a host function uses the guest's memory: what a worker must send along with the call, and
/// where the answer goes. It says nothing about what is allowed: the function itself, at the
/// parent's, checks every pointer and asks the policy.
struct CallLayout {
  std::string_view module;
  std::string_view name;
  /// One letter for each parameter:
  ///   v  a value                         i  the address of bytes to read, their length follows
  ///   l  the length that an address has  o  the address of bytes to write, their length follows
  ///   a  the address of 4 bytes to write, b 8, c 24, d 64
  ///   I  the address of ciovecs, their number follows; O of iovecs
  ///   n  like o, where the function needs less than the whole range to be valid
  ///   P, E  the subscriptions and events of poll_oneoff
  std::string_view parameters;
  /// How many bytes of the written range count.
  enum class Written : std::uint8_t {
    all,
    in_last_argument,  ///< the number that the function stores at its last pointer
    events,            ///< the same, of events
    result,            ///< the function's result
  };
  Written written = Written::all;
  enum class Place : std::uint8_t {
    parent,
    worker,            ///< needs nothing but what the worker has: arguments, clocks, random bytes
    streams_in_worker  ///< in the worker, for the standard streams until the guest changes one
  };
  Place place = Place::parent;
};

/// Null for a function that has none, which a test excludes.
const CallLayout* find_layout(std::string_view module, std::string_view name);

}  // namespace omnisandbox::wasm::worker
