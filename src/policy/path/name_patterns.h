#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "omnisandbox/config.h"
#include "omnisandbox/expected.h"

namespace omnisandbox::policy {

/// Who wrote a pattern. A rule that names a built-in secret (or something inside it) opens it; over
/// a user's own `none` only a longer rule wins.
enum class PatternSource : std::uint8_t { user, built_in };

/// "**/name", "**/a/b" or, for the built-in ones, "/a/*/b". In a component "*" stands for any
/// bytes, also none, and "?" for one character; nothing else is special, and neither stands for a
/// slash.
struct NamePattern {
  std::vector<std::string> components;
  bool from_root = false;  ///< matches from "/" on, not at any depth
  PatternSource source = PatternSource::user;
  PathAccess most = PathAccess::none;  ///< what is left of the access; `read_write`: an exception
                                       ///< from the built-in ones
  std::string text;                    ///< for people
  std::string reason;
};

/// The components of a pattern; `invalid_argument` when it is none.
Expected<NamePattern> parse_name_pattern(std::string_view pattern);

/// Whether one component matches; see NamePattern.
bool matches_wildcards(std::string_view name, std::string_view pattern);

/// Patterns, found by the component that they end with. A look-up costs one probe, and one more for
/// each different length of a fixed beginning or end among the patterns with wildcards; only
/// patterns that both begin and end with a wildcard ("*secret*") are tried one by one.
class NamePatterns {
 public:
  void add(NamePattern pattern);
  bool empty() const noexcept { return patterns_.empty(); }

  /// The pattern that leaves the least, of those whose match ends with the last component of
  /// `path`; null: none does. `depth` is the number of components of `path`, which is not "/".
  const NamePattern* strictest_ending_at(std::string_view path, std::size_t depth,
                                         PatternSource only_up_to) const;

  /// A pattern of which a first part, but not all, matches the end of `path`: it may match
  /// something beneath.
  const NamePattern* begun_at(std::string_view path, std::size_t depth) const;

 private:
  // Patterns by the text that one component of theirs begins, ends or agrees with.
  class ComponentIndex {
   public:
    void add(std::string_view component, std::uint32_t value);
    /// Calls `visit(value)` for all that may match `name`, and some that do not.
    template <class Visit>
    void candidates(std::string_view name, Visit&& visit) const;

   private:
    struct Hash {
      using is_transparent = void;
      std::size_t operator()(std::string_view text) const {
        return std::hash<std::string_view>()(text);
      }
    };
    using Table =
        std::unordered_map<std::string, std::vector<std::uint32_t>, Hash, std::equal_to<>>;
    Table exact_;
    std::map<std::size_t, Table> by_beginning_;  // by the length of the fixed beginning
    std::map<std::size_t, Table> by_end_;
    std::vector<std::uint32_t> others_;
  };
  struct Part {
    std::uint32_t pattern;
    std::uint32_t length;  // components up to here
  };

  std::vector<NamePattern> patterns_;
  ComponentIndex by_last_;         // → pattern
  std::vector<Part> inner_parts_;  // every proper beginning of every pattern
  ComponentIndex by_inner_part_;   // → inner part
};

}  // namespace omnisandbox::policy
