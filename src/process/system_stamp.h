#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace omnisandbox::process {

/// What names of the system stood for when somebody looked at them: says at the price of one
/// stat(2) a name whether looking again would give the same answer. Note before looking: what
/// changes in between then shows.
class SystemStamp {
 public:
  /// The file, folder or link of that name, with what it contains: a link's target, a folder's
  /// names.
  void note_content(std::string_view path);
  /// Which file or folder stands there, whatever is in it; a link is itself.
  void note_identity(std::string_view path);
  /// Which file the name leads to, through links.
  void note_target(std::string_view path);

  bool is_current() const;

 private:
  enum class Look : std::uint8_t { content, identity, target };
  struct Witness {
    std::string path;
    Look look = Look::identity;
    // What was there; all 0: nothing.
    std::uint64_t device = 0;
    std::uint64_t inode = 0;
    std::int64_t changed_ns = 0;  // of `content`
    bool operator==(const Witness&) const = default;
  };
  static Witness look_at(std::string path, Look look);

  std::vector<Witness> witnesses_;
};

}  // namespace omnisandbox::process
