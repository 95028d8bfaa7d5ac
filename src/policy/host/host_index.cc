#include "policy/host/host_index.h"

#include <utility>

namespace omnisandbox::policy {

void HostRuleGroup::add(const ParsedHostRule& rule, std::uint32_t rule_index) {
  for (const PortRange& ports : rule.ports) {
    (ports.low == ports.high ? single_ports_ : port_ranges_)
        .push_back({ports, rule.path_prefix, rule_index});
  }
  rules_.push_back(rule_index);
  longest_prefix_ = std::max(longest_prefix_, rule.path_prefix.size());
  has_addresses_ = has_addresses_ || !rule.addresses.empty();
}

void HostRuleGroup::sort() { std::stable_sort(single_ports_.begin(), single_ports_.end()); }

HostRuleGroup& RangeTree::group_of(const IpRange& range) {
  const auto [position, is_new] = positions_.try_emplace(range.to_string(), nodes_.size());
  if (is_new) nodes_.push_back(Node{range, 0, {}});
  return nodes_[position->second].group;
}

void RangeTree::build() {
  positions_.clear();
  std::sort(nodes_.begin(), nodes_.end(),
            [](const Node& a, const Node& b) { return a.range < b.range; });
  std::vector<std::size_t> around;  // the ranges that hold the current one, outermost first
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    while (!around.empty() && !nodes_[around.back()].range.contains(nodes_[i].range))
      around.pop_back();
    nodes_[i].parent = around.empty() ? 0 : around.back() + 1;
    around.push_back(i);
    nodes_[i].group.sort();
  }
}

HostIndex::HostIndex(std::vector<ParsedHostRule> rules) : rules_(std::move(rules)) {
  for (std::uint32_t i = 0; i < rules_.size(); ++i) {
    const ParsedHostRule& rule = rules_[i];
    switch (rule.kind) {
      case ParsedHostRule::Kind::name:
        names_[rule.name].add(rule, i);
        break;
      case ParsedHostRule::Kind::subdomains:
        suffixes_[rule.name].add(rule, i);
        max_suffix_labels_ = std::max(
            max_suffix_labels_,
            static_cast<std::size_t>(std::count(rule.name.begin(), rule.name.end(), '.')) + 1);
        break;
      case ParsedHostRule::Kind::range:
        (rule.range->base().is_v4() ? v4_ : v6_).group_of(*rule.range).add(rule, i);
        break;
      case ParsedHostRule::Kind::any:
        any_.add(rule, i);
        break;
    }
  }
  for (auto& [name, group] : names_) group.sort();
  for (auto& [suffix, group] : suffixes_) group.sort();
  v4_.build();
  v6_.build();
  any_.sort();
}

std::size_t HostIndex::first_suffix_dot(std::string_view name) const noexcept {
  // A guest may ask for a name of 127 labels; only as many as a rule has are ever looked up.
  std::size_t dot = name.size();
  for (std::size_t labels = 0; labels < max_suffix_labels_; ++labels) {
    const std::size_t before = dot == 0 ? std::string_view::npos : name.rfind('.', dot - 1);
    if (before == std::string_view::npos) return name.find('.');
    dot = before;
  }
  return dot;
}

}  // namespace omnisandbox::policy
