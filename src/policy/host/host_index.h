#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "policy/host/host_rule.h"
#include "policy/host/ip_address.h"
#include "policy/host/url_path.h"

namespace omnisandbox::policy {

/// The rules for one host, one range or "*", found by port and path.
class HostRuleGroup {
 public:
  /// `rule` must stay where it is.
  void add(const ParsedHostRule& rule, std::uint32_t rule_index);
  void sort();

  /// Calls `visit(rule_index)` for each rule that opens `port` to `scheme` and whose path prefix
  /// covers `path`, until it returns false. An empty path is covered by rules without a prefix
  /// only.
  template <class Visit>
  void visit_at(std::uint16_t port, Schemes scheme, std::string_view path, Visit&& visit) const {
    for (const Entry& entry : port_ranges_) {
      const bool is_open = entry.ports.low <= port && port <= entry.ports.high &&
                           has_scheme(entry.ports.schemes, scheme) &&
                           covers(entry.path_prefix, path);
      if (is_open && !visit(entry.rule_index)) return;
    }
    if (!visit_prefix(port, scheme, {}, visit)) return;
    // The prefixes that the path itself has, "/a", "/a/", "/a/b", …, as far as a rule has one as
    // long.
    for (std::size_t end = 1; end <= path.size() && end <= longest_prefix_; ++end) {
      const bool is_boundary = end == path.size() || path[end] == '/' || path[end - 1] == '/';
      if (is_boundary && !visit_prefix(port, scheme, path.substr(0, end), visit)) return;
    }
  }
  /// Of every rule in the group, in the order of the Config.
  const std::vector<std::uint32_t>& rules() const noexcept { return rules_; }
  bool has_addresses() const noexcept { return has_addresses_; }

 private:
  struct Entry {
    PortRange ports;
    std::string_view path_prefix;  // into the rule
    std::uint32_t rule_index = 0;
    bool operator<(const Entry& other) const noexcept {
      return ports.low != other.ports.low ? ports.low < other.ports.low
                                          : path_prefix < other.path_prefix;
    }
  };

  static bool covers(std::string_view prefix, std::string_view path) {
    return prefix.empty() || path_is_under(path, prefix);
  }

  template <class Visit>
  bool visit_prefix(std::uint16_t port, Schemes scheme, std::string_view prefix,
                    Visit&& visit) const {
    const Entry wanted{{port, port, scheme}, prefix, 0};
    for (auto entry = std::lower_bound(single_ports_.begin(), single_ports_.end(), wanted);
         entry != single_ports_.end() && entry->ports.low == port && entry->path_prefix == prefix;
         ++entry) {
      if (has_scheme(entry->ports.schemes, scheme) && !visit(entry->rule_index)) return false;
    }
    return true;
  }

  std::vector<Entry> single_ports_;  // sorted by port and path
  std::vector<Entry> port_ranges_;
  std::vector<std::uint32_t> rules_;
  std::size_t longest_prefix_ = 0;
  bool has_addresses_ = false;
};

/// CIDR ranges of one family. They are nested or apart, never crossing, so each has at most one
/// smallest range around it; an address is found by binary search for the last range that begins
/// before it, and from there outwards.
class RangeTree {
 public:
  HostRuleGroup& group_of(const IpRange& range);
  void build();

  /// The groups of the ranges that hold `address`, the smallest first, until `visit` returns false.
  template <class Visit>
  bool visit(const IpAddress& address, Visit&& visit) const {
    const auto after = std::upper_bound(
        nodes_.begin(), nodes_.end(), address,
        [](const IpAddress& value, const Node& node) { return value < node.range.base(); });
    for (std::size_t i = static_cast<std::size_t>(after - nodes_.begin()); i != 0;
         i = nodes_[i - 1].parent) {
      const Node& node = nodes_[i - 1];
      if (node.range.contains(address) && !visit(node.group)) return false;
    }
    return true;
  }

 private:
  struct Node {
    IpRange range;
    std::size_t parent = 0;  // position of the smallest range around it, plus 1; 0: none
    HostRuleGroup group;
  };
  std::vector<Node> nodes_;                                 // sorted by base, wider ranges first
  std::unordered_map<std::string, std::size_t> positions_;  // while building
};

/// Finds the rules for a host: by hash for names and their suffixes, by binary search for
/// addresses.
class HostIndex {
 public:
  explicit HostIndex(std::vector<ParsedHostRule> rules);
  HostIndex(const HostIndex&) = delete;  // the groups point into the rules
  HostIndex& operator=(const HostIndex&) = delete;

  const std::vector<ParsedHostRule>& rules() const noexcept { return rules_; }

  /// The groups whose host covers `name`, the most specific first, until `visit` returns false.
  template <class Visit>
  void visit_name(std::string_view name, Visit&& visit) const {
    if (const auto found = names_.find(name); found != names_.end() && !visit(found->second))
      return;
    if (!visit_suffixes(name, visit)) return;
    // "*" means public hosts, and localhost never is one (RFC 6761).
    if (!any_.rules().empty() && !is_localhost(name)) visit(any_);
  }
  template <class Visit>
  void visit_address(const IpAddress& address, bool is_public, Visit&& visit) const {
    if (!(address.is_v4() ? v4_ : v6_).visit(address, visit)) return;
    if (!any_.rules().empty() && is_public) visit(any_);
  }
  bool has_any() const noexcept { return !any_.rules().empty(); }

  static bool is_localhost(std::string_view name) noexcept {
    return name == "localhost" || name.ends_with(".localhost");
  }

 private:
  struct NameHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view name) const noexcept {
      return std::hash<std::string_view>{}(name);
    }
  };
  using Groups = std::unordered_map<std::string, HostRuleGroup, NameHash, std::equal_to<>>;

  // From the longest suffix that any rule has to the shortest.
  template <class Visit>
  bool visit_suffixes(std::string_view name, Visit&& visit) const {
    if (suffixes_.empty()) return true;
    for (std::size_t dot = first_suffix_dot(name); dot != std::string_view::npos;
         dot = name.find('.', dot + 1)) {
      if (const auto found = suffixes_.find(name.substr(dot + 1));
          found != suffixes_.end() && !visit(found->second))
        return false;
    }
    return true;
  }
  std::size_t first_suffix_dot(std::string_view name) const noexcept;

  std::vector<ParsedHostRule> rules_;
  Groups names_;
  Groups suffixes_;  // without "*."
  std::size_t max_suffix_labels_ = 0;
  RangeTree v4_;
  RangeTree v6_;
  HostRuleGroup any_;
};

}  // namespace omnisandbox::policy
