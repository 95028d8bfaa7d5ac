#pragma once

#include <chrono>
#include <stop_token>
#include <string>

#include "linux/fd.h"
#include "omnisandbox/expected.h"

namespace omnisandbox::linux_ {

/// A UNIX socket with a name in a new folder of its own, which only this user can enter; whoever is
/// given the name itself (a bind mount) may connect. Name and folder are gone with it.
class LocalListener {
 public:
  static Expected<LocalListener> create();
  LocalListener(LocalListener&& other) noexcept;
  LocalListener& operator=(LocalListener&&) = delete;
  ~LocalListener();

  const std::string& path() const noexcept { return path_; }
  /// Takes one descriptor from the first client that connects. `timeout` where none came before
  /// `until`.
  Expected<Fd> receive_descriptor(std::chrono::steady_clock::time_point until) const;

 private:
  LocalListener(std::string folder, std::string path, Fd socket)
      : folder_(std::move(folder)), path_(std::move(path)), socket_(std::move(socket)) {}
  std::string folder_;
  std::string path_;
  Fd socket_;
};

}  // namespace omnisandbox::linux_
