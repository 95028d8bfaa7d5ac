#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "omnisandbox/expected.h"
#include "policy/host/ip_address.h"

namespace omnisandbox::egress {

/// Looks names up without blocking and without threads (c-ares): in /etc/hosts and at the name
/// servers of /etc/resolv.conf. Known gap: other modules of nsswitch.conf are not asked. Thread
/// rule: used from the thread of `io` alone.
class NameResolver {
 public:
  using Done = std::function<void(Expected<std::vector<policy::IpAddress>>)>;

  explicit NameResolver(boost::asio::io_context& io);
  NameResolver(const NameResolver&) = delete;
  NameResolver& operator=(const NameResolver&) = delete;
  /// Lookups under way end without an answer.
  ~NameResolver();

  /// Calls `done` later, from the loop. Errors: `not_found`, `io`. Give it only names that the
  /// policy allows: a lookup carries the name to strangers.
  void look_up(const std::string& name, Done done);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace omnisandbox::egress
