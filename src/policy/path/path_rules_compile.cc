#include <cerrno>
#include <utility>

#include "base/error.h"
#include "base/try.h"
#include "linux/file_handles.h"
#include "linux/file_system.h"
#include "policy/path/built_in_secrets.h"
#include "policy/path/path_index.h"
#include "policy/path/path_rules.h"
#include "policy/path/path_text.h"

namespace omnisandbox::policy {
namespace {

constexpr std::string_view everything = "*";
constexpr std::uint64_t resolve_rule = RESOLVE_NO_MAGICLINKS;

// Of an access that is decided: none is `automatic` any more.
std::string_view name_of(PathAccess access) {
  if (access == PathAccess::read_write) {
    return "read_write";
  }
  return access == PathAccess::read ? "read" : "none";
}

struct GrantedUses {
  bool reading = false;
  bool writing = false;
};

GrantedUses granted_uses(const Config& config) {
  GrantedUses granted;
  for (const Capability capability : config.capabilities) {
    granted.reading |= capability == Capability::fs_read;
    granted.writing |= capability == Capability::fs_write;
  }
  return granted;
}

// What a rule opens under the capabilities: never more than they grant, whatever it says.
PathAccess effective_access(PathAccess wanted, GrantedUses granted) {
  if (wanted == PathAccess::none) {
    return PathAccess::none;
  }
  if (granted.writing && wanted != PathAccess::read) {
    return PathAccess::read_write;
  }
  return granted.reading ? PathAccess::read : PathAccess::none;
}

// A rule while it is compiled.
struct Draft {
  std::string where;  // allowed_paths[3]
  const PathRule* rule;
  PathAccess access;

  std::string text() const {
    return fmt::format("{} \"{}\" ({})", where, base::printable(rule->path), name_of(access));
  }
  Error error(ErrorKind kind, std::string_view why) const {
    Error error = base::make_error(kind, "{}: \"{}\": {}", where, base::printable(rule->path), why);
    error.resource = rule->path;
    return error;
  }
  // The kind and the text of `cause`, with the rule in front.
  Error error(const Error& cause) const {
    Error result = error(cause.kind, cause.message);
    result.system_errno = cause.system_errno;
    return result;
  }
};

bool is_same_file(const struct stat& left, const struct stat& right) {
  return left.st_dev == right.st_dev && left.st_ino == right.st_ino;
}

// The path from "/" as openat2 wants it beneath a handle on "/".
std::string_view beneath_slash(std::string_view canonical) { return canonical.substr(1); }

// An open file or folder and the one path without links that leads to it.
struct Canonical {
  linux_::Fd handle;
  std::string path;
  struct stat status;
};

Expected<Canonical> canonicalise(const linux_::Fd& slash, std::string_view path) {
  Canonical result;
  result.handle = TRY(linux_::open_at2(AT_FDCWD, path, O_PATH, 0, resolve_rule));
  result.status = TRY(linux_::stat_of(result.handle));
  result.path = TRY(linux_::path_of(result.handle));
  // The path is only text until it is seen to lead to the same file, without any link.
  if (!result.path.starts_with('/')) {
    return base::make_error(ErrorKind::io, "the kernel knows no absolute path for it");
  }
  const auto again =
      linux_::open_at2(slash.get(), beneath_slash(result.path), O_PATH, 0, linux_::resolve_exactly);
  if (!again && (again.error().system_errno == EMFILE || again.error().system_errno == ENFILE)) {
    return again.error();
  }
  if (!again || !is_same_file(TRY(linux_::stat_of(*again)), result.status)) {
    return base::make_error(ErrorKind::io, "it changed while the policy was compiled; try again");
  }
  return result;
}

Error opening_failed(const Draft& draft, const Error& cause) {
  switch (cause.system_errno) {
    case ENOENT:
    case ENOTDIR:
      return draft.error(ErrorKind::not_found,
                         "there is no such file or folder; create it first, or remove the rule");
    case EMFILE:
    case ENFILE:
      return draft.error(ErrorKind::limit,
                         "the process has too many open files, and each rule holds one; raise the "
                         "limit (ulimit -n), or write fewer rules");
    case ELOOP:
      return draft.error(ErrorKind::invalid_argument,
                         "it leads through a link of /proc, or through too many links");
    default:
      return draft.error(cause);
  }
}

Expected<linux_::Fd> open_slash() {
  auto slash = linux_::open_at2(AT_FDCWD, "/", O_PATH | O_DIRECTORY, 0, resolve_rule);
  if (!slash && slash.error().system_errno == ENOSYS) {
    return base::make_error(
        ErrorKind::unavailable,
        "allowed_paths need openat2(2), which this kernel (before Linux 5.6) or "
        "a filter over this process does not have; without it no path is opened");
  }
  return slash;
}

// Whether a failure means that there is nothing of that name, as far as this user can see.
bool means_missing(const Error& error) {
  return error.system_errno == ENOENT || error.system_errno == ENOTDIR ||
         error.system_errno == EACCES || error.system_errno == ELOOP;
}

// The canonical path of something that need not exist: its first parts are canonicalised as far as
// they do.
Expected<std::string> canonicalise_missing(const linux_::Fd& slash, std::string_view path) {
  std::string_view existing = path;
  for (;;) {
    if (auto found = canonicalise(slash, existing)) {
      std::string result = std::move(found->path);
      for (std::string_view rest = existing == "/" ? path : path.substr(existing.size());
           !rest.empty();) {
        const std::string_view name = take_component(rest);
        result = name.empty() ? result : join(result, name);
      }
      return result;
    } else if (!means_missing(found.error()) || existing == "/") {
      // What may be there after all could be a link, and the rule would miss what that leads to.
      return std::move(found).error();
    }
    existing = parent_of(existing);
  }
}

}  // namespace

/// Collects drafts into an Index. One use only.
class PathRulesCompiler {
 public:
  using Index = PathRules::Index;

  static Expected<PathRules> compile(const Config& config) {
    PathRulesCompiler compiler;
    compiler.granted_ = granted_uses(config);
    if (!config.allow_secrets) {
      TRY(compiler.add_built_in_secrets());
    }
    if (!config.allowed_paths.empty()) {
      compiler.slash_ = TRY(open_slash());
    }
    for (std::size_t index = 0; index < config.allowed_paths.size(); ++index) {
      const PathRule& rule = config.allowed_paths[index];
      TRY(compiler.add_rule(Draft{.where = fmt::format("allowed_paths[{}]", index),
                                  .rule = &rule,
                                  .access = effective_access(rule.access, compiler.granted_)}));
    }
    return TRY(compiler.finish());
  }

 private:
  Expected<void> add_built_in_secrets() {
    for (const BuiltInSecret& secret : built_in_secrets()) {
      NamePattern pattern = TRY(parse_name_pattern(secret.pattern));
      pattern.source = PatternSource::built_in;
      pattern.most = secret.most;
      pattern.text = fmt::format("built-in secret {} ({})", secret.pattern, secret.why);
      pattern.reason =
          "it is on the built-in list of secrets, which only a rule that names it opens";
      index_->patterns.add(std::move(pattern));
    }
    return {};
  }

  Expected<void> add_rule(const Draft& draft) {
    const std::string& path = draft.rule->path;
    if (path == everything) {
      return draft.rule->access == PathAccess::none ? add_absolute_none(draft, "/")
                                                    : add_root(draft, "/");
    }
    if (path.starts_with("**/")) {
      return add_pattern(draft);
    }
    if (path.find_first_of("*?") != std::string::npos) {
      return draft.error(ErrorKind::invalid_argument,
                         "wildcards can only stand in a pattern such as \"**/*.pem\" with access: "
                         "none, and \"*\" alone means everything; name a folder without them");
    }
    auto parsed = parse_path(path);
    if (!parsed) {
      return draft.error(parsed.error());
    }
    if (draft.rule->access != PathAccess::none) {
      return add_root(draft, path);
    }
    if (parsed->has_parent_steps) {
      return draft.error(ErrorKind::invalid_argument, "write it without \"..\"");
    }
    return add_absolute_none(draft, parsed->path);
  }

  Expected<void> add_pattern(const Draft& draft) {
    if (draft.rule->access != PathAccess::none) {
      return draft.error(ErrorKind::invalid_argument,
                         "a pattern only takes away; give it access: none, or name a folder");
    }
    TRY(refuse_guest_path(draft));
    auto pattern = parse_name_pattern(draft.rule->path);
    if (!pattern) {
      return draft.error(pattern.error());
    }
    pattern->text = draft.text();
    pattern->reason = "the rule takes it away (access: none)";
    index_->patterns.add(std::move(*pattern));
    return {};
  }

  Expected<void> add_absolute_none(const Draft& draft, std::string_view path) {
    TRY(refuse_guest_path(draft));
    auto canonical = canonicalise_missing(slash_, path);
    if (!canonical) {
      return opening_failed(draft, canonical.error());
    }
    const Index::Rule rule{.access = PathAccess::none,
                           .root = nullptr,
                           .covers_beneath = true,
                           .text = draft.text(),
                           .reason = "the rule takes it away (access: none)"};
    add_to_tree(*canonical, rule);
    // A link is taken away together with what it leads to.
    if (*canonical != path) {
      add_to_tree(path, rule);
    }
    closed_paths_.push_back(*std::move(canonical));
    return {};
  }

  static Expected<void> refuse_guest_path(const Draft& draft) {
    if (!draft.rule->guest_path.empty()) {
      return draft.error(ErrorKind::invalid_argument,
                         "a rule that takes away has no guest_path; remove it");
    }
    return {};
  }

  Expected<void> add_root(const Draft& draft, std::string_view path) {
    auto opened = canonicalise(slash_, path);
    if (!opened) {
      return opening_failed(draft, opened.error());
    }
    const auto kind = linux_::file_system_of(opened->handle);
    if (!kind) {
      return draft.error(kind.error());
    }
    auto root = std::make_unique<PathRoot>();
    root->handle = std::move(opened->handle);
    root->path = std::move(opened->path);
    root->access = draft.access;
    root->is_directory = S_ISDIR(opened->status.st_mode);
    root->excludes_devices = kind->excludes_devices;
    root->text = draft.text();
    if (!root->is_directory) {
      TRY(hold_folder(draft, *root, opened->status));
    }
    const std::string spelling = spelling_of(path, root->path);
    root->guest_path = TRY(guest_path_of(draft, spelling));
    add_to_tree(root->path,
                Index::Rule{.access = root->access,
                            .root = root.get(),
                            .covers_beneath = root->is_directory,
                            .text = root->text,
                            .reason = "neither fs_read nor fs_write is granted for it"});
    roots_.push_back({std::move(root), spelling, draft.where});
    return {};
  }

  Expected<void> hold_folder(const Draft& draft, PathRoot& root, const struct stat& status) const {
    auto folder = linux_::open_at2(slash_.get(), beneath_slash(parent_of(root.path)),
                                   O_PATH | O_DIRECTORY, 0, linux_::resolve_exactly);
    if (!folder) {
      return opening_failed(draft, folder.error());
    }
    const auto held = linux_::stat_at(*folder, last_component_of(root.path));
    if (!held || !is_same_file(*held, status)) {
      return draft.error(ErrorKind::io, "it changed while the policy was compiled; try again");
    }
    root.folder = std::move(*folder);
    return {};
  }

  // The path as the user wrote it, which guests see too; the canonical one where only the kernel
  // knows where it leads.
  static std::string spelling_of(std::string_view path, const std::string& canonical) {
    auto parsed = parse_path(path);
    if (parsed && !parsed->has_parent_steps) {
      return std::move(parsed->path);
    }
    return canonical;
  }

  static Expected<std::string> guest_path_of(const Draft& draft, const std::string& spelling) {
    if (draft.rule->guest_path.empty()) {
      return spelling;
    }
    auto parsed = parse_path(draft.rule->guest_path);
    if (!parsed) {
      return draft.error(ErrorKind::invalid_argument, "guest_path: " + parsed.error().message);
    }
    if (parsed->has_parent_steps) {
      return draft.error(ErrorKind::invalid_argument, "guest_path cannot contain \"..\"");
    }
    return std::move(parsed->path);
  }

  static Index::Node& node_at(std::vector<Index::Node>& nodes, PrefixTree::Node node) {
    if (nodes.size() <= node) {
      nodes.resize(node + 1);
    }
    return nodes[node];
  }

  // Of several rules for one path the strictest stays; `none` is the strictest.
  void add_to_tree(std::string_view path, Index::Rule rule) {
    const auto index = static_cast<std::uint32_t>(index_->rules.size());
    const bool is_strict = rule.access != PathAccess::read_write;
    const PrefixTree::Node node = index_->host_paths.insert(path, [&](PrefixTree::Node above) {
      Index::Node& at = node_at(index_->nodes, above);
      at.is_above_root |= rule.root != nullptr;
      at.rule_below = is_strict ? index : at.rule_below;
    });
    Index::Node& at = node_at(index_->nodes, node);
    if (at.rule == Index::no_rule || rule.access < index_->rules[at.rule].access) {
      at.rule = index;
    }
    index_->rules.push_back(std::move(rule));
  }

  Expected<PathRules> finish() {
    PathRules rules;
    for (RootDraft& draft : roots_) {
      const auto node = index_->host_paths.find(draft.root->path);
      const Index::Rule& strictest = index_->rules[index_->nodes[*node].rule];
      draft.root->access = strictest.access;
      if (strictest.access == PathAccess::none) {
        continue;  // it only stands in judge's answers
      }
      TRY(add_guest_path(draft));
      add_value(index_->spellings, index_->spelled_roots, draft.spelling, draft.root.get());
    }
    for (Index::Rule& rule : index_->rules) {
      if (rule.root != nullptr && rule.root->access == PathAccess::none) {
        rule.root = nullptr;
      }
    }
    for (RootDraft& draft : roots_) {
      if (draft.root->access != PathAccess::none) {
        rules.roots_.push_back(std::move(draft.root));
      }
    }
    index_->nodes.resize(index_->host_paths.size());
    rules.closed_paths_ = std::move(closed_paths_);
    rules.index_ = std::move(index_);
    return rules;
  }

  struct RootDraft {
    std::unique_ptr<PathRoot> root;
    std::string spelling;
    std::string where;
  };

  Expected<void> add_guest_path(const RootDraft& draft) {
    const PathRoot* taken = add_value(index_->guest_paths, index_->guest_roots,
                                      draft.root->guest_path, draft.root.get());
    if (taken != nullptr && taken->path != draft.root->path) {
      return base::make_error(
          ErrorKind::invalid_argument,
          "{}: guests see \"{}\" under the name \"{}\", which {} has already; give it another "
          "guest_path",
          draft.where, base::printable(draft.root->path), base::printable(draft.root->guest_path),
          taken->text);
    }
    return {};
  }

  // What had the path already, or null; the first one stays.
  static const PathRoot* add_value(PrefixTree& tree, std::vector<const PathRoot*>& values,
                                   std::string_view path, const PathRoot* root) {
    const PrefixTree::Node node = tree.insert(path, [](PrefixTree::Node) {});
    if (values.size() <= node) {
      values.resize(node + 1, nullptr);
    }
    if (values[node] == nullptr) {
      values[node] = root;
      return nullptr;
    }
    return values[node];
  }

  GrantedUses granted_;
  linux_::Fd slash_;
  std::unique_ptr<Index> index_ = std::make_unique<Index>();
  std::vector<RootDraft> roots_;
  std::vector<std::string> closed_paths_;
};

Expected<PathRules> PathRules::compile(const Config& config) {
  return PathRulesCompiler::compile(config);
}

}  // namespace omnisandbox::policy
