#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace omnisandbox::policy {

/// Takes the first component off `rest`, which begins with a slash or is empty. Empty at the end.
inline std::string_view take_component(std::string_view& rest) {
  if (rest.size() <= 1) {
    rest = {};
    return {};
  }
  const std::size_t end = rest.find('/', 1);
  const std::string_view component = rest.substr(1, end == std::string_view::npos ? end : end - 1);
  rest = end == std::string_view::npos ? std::string_view() : rest.substr(end);
  return component;
}

/// Canonical paths as a tree of components. What a node means is the user's business: he keeps it
/// in a vector by node. One table for all edges, so that a step costs one look-up however many
/// paths there are.
class PrefixTree {
 public:
  using Node = std::uint32_t;
  static constexpr Node root = 0;

  std::size_t size() const { return node_count_; }

  /// The node of `path`; made with all nodes above it where it is new. `visit(node)` is called for
  /// each node strictly above.
  template <class Visit>
  Node insert(std::string_view path, Visit&& visit) {
    Node node = root;
    for (std::string_view rest = path, name = take_component(rest); !name.empty();
         name = take_component(rest)) {
      visit(node);
      const auto [edge, is_new] = edges_.try_emplace(Edge{node, std::string(name)}, node_count_);
      node = edge->second;
      node_count_ += is_new ? 1 : 0;
    }
    return node;
  }

  std::optional<Node> child(Node node, std::string_view name) const {
    const auto edge = edges_.find(EdgeView{node, name});
    return edge == edges_.end() ? std::nullopt : std::optional(edge->second);
  }

  std::optional<Node> find(std::string_view path) const {
    std::optional<Node> node = root;
    for (std::string_view rest = path, name = take_component(rest); node && !name.empty();
         name = take_component(rest)) {
      node = child(*node, name);
    }
    return node;
  }

 private:
  struct EdgeView {
    Node from;
    std::string_view name;
  };
  struct Edge {
    Node from;
    std::string name;
    operator EdgeView() const { return {from, name}; }  // NOLINT(google-explicit-constructor)
  };
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(const EdgeView& edge) const {
      // The multiplier is 2^64 divided by the golden ratio: it spreads consecutive node numbers.
      return std::hash<std::string_view>()(edge.name) ^ (edge.from * 0x9E3779B97F4A7C15ULL);
    }
  };
  struct Equal {
    using is_transparent = void;
    bool operator()(const EdgeView& left, const EdgeView& right) const {
      return left.from == right.from && left.name == right.name;
    }
  };
  std::unordered_map<Edge, Node, Hash, Equal> edges_;
  Node node_count_ = 1;
};

}  // namespace omnisandbox::policy
