#include "policy/host/host_rules.h"

#include <algorithm>
#include <optional>

#include "base/error.h"
#include "base/try.h"
#include "policy/host/host_index.h"
#include "policy/host/host_rule.h"
#include "policy/host/special_addresses.h"
#include "policy/host/url_path.h"

namespace omnisandbox::policy {
namespace {

// The rules of one host that are looked at for the reason of a denial; the answer itself looks at
// all.
constexpr std::size_t max_rules_explained = 100;

// What is asked of each rule that covers the host.
struct Question {
  std::uint16_t port = 0;
  Schemes scheme = Schemes::https;
  std::string_view method;
  std::string_view path;
  bool is_tunnel = false;
};

// How near a rule comes to allowing, the farthest first.
enum class Mismatch : std::uint8_t { port, scheme, tunnel, path, ambiguous_path, method };

bool lists(const std::vector<std::string>& methods, std::string_view method) {
  return std::find(methods.begin(), methods.end(), method) != methods.end();
}

std::optional<Mismatch> mismatch_within_port(const ParsedHostRule& rule, const Question& question) {
  if (question.is_tunnel) {
    const bool is_open =
        rule.path_prefix.empty() && (rule.methods.empty() || lists(rule.methods, "CONNECT"));
    return is_open ? std::nullopt : std::optional(Mismatch::tunnel);
  }
  if (!rule.path_prefix.empty()) {
    if (!path_is_under(question.path, rule.path_prefix)) return Mismatch::path;
    if (is_ambiguous_path(question.path)) return Mismatch::ambiguous_path;
  }
  const bool is_method_allowed =
      rule.methods.empty() ? question.method != "TRACE" : lists(rule.methods, question.method);
  return is_method_allowed ? std::nullopt : std::optional(Mismatch::method);
}

std::optional<Mismatch> mismatch_of(const ParsedHostRule& rule, const Question& question) {
  Mismatch nearest = Mismatch::port;
  for (const PortRange& ports : rule.ports) {
    if (question.port < ports.low || question.port > ports.high) continue;
    if (has_scheme(ports.schemes, question.scheme)) return mismatch_within_port(rule, question);
    nearest = Mismatch::scheme;
  }
  return nearest;
}

std::string join(const std::vector<std::string>& words) {
  std::string text;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (i != 0) text += i + 1 == words.size() ? " and " : ", ";
    text += words[i];
  }
  return text;
}

std::string describe_ports(const ParsedHostRule& rule) {
  std::vector<std::string> ports;
  for (const PortRange& range : rule.ports) {
    ports.push_back(range.low == range.high ? fmt::format("{}", range.low)
                                            : fmt::format("{} to {}", range.low, range.high));
  }
  const bool is_one = ports.size() == 1 && rule.ports.front().low == rule.ports.front().high;
  return fmt::format("{} {}", is_one ? "port" : "ports", join(ports));
}

std::string explain(const ParsedHostRule& rule, std::size_t index, Mismatch mismatch,
                    const Question& question) {
  const std::string name = fmt::format("allowed_hosts[{}]", index);
  switch (mismatch) {
    case Mismatch::port:
      return fmt::format("{} allows {}, not {}", name, describe_ports(rule), question.port);
    case Mismatch::scheme: {
      const bool asks_https = question.scheme == Schemes::https;
      return fmt::format("{} does not allow {} on port {}, only {}", name,
                         asks_https ? "https" : "http", question.port,
                         asks_https ? "http" : "https");
    }
    case Mismatch::tunnel:
      return fmt::format("{} limits {}, which nobody can check inside a tunnel", name,
                         rule.path_prefix.empty() ? "methods" : "paths");
    case Mismatch::path:
      return fmt::format("{} allows only paths under {}", name, rule.path_prefix);
    case Mismatch::ambiguous_path:
      return fmt::format(
          "{} allows only paths under {}, and a server could read this path as another one (it "
          "hides dots, slashes or NUL "
          "behind an encoding)",
          name, rule.path_prefix);
    case Mismatch::method:
      break;
  }
  const std::string method = base::printable(question.method, 40);
  return rule.methods.empty()
             ? fmt::format("{} does not list the method {}", name, method)
             : fmt::format("{} allows only {}, not {}", name, join(rule.methods), method);
}

// Asks the groups that cover a host, one after the other; afterwards knows the answer.
class Judgement {
 public:
  Judgement(const std::vector<ParsedHostRule>& rules, const Question& question)
      : rules_(rules), question_(question) {}

  // Returns whether later groups still matter.
  bool operator()(const HostRuleGroup& group) {
    if (answer_.allowed && !group.has_addresses()) return true;
    // A tunnel hides its paths, so it has none.
    const std::string_view path = question_.is_tunnel ? std::string_view() : question_.path;
    group.visit_at(question_.port, question_.scheme, path,
                   [&](std::uint32_t index) { return consider(index, group); });
    return true;
  }

  HostAnswer take() && { return std::move(answer_); }
  bool is_allowed() const { return answer_.allowed; }

 private:
  bool consider(std::uint32_t index, const HostRuleGroup& group) {
    const ParsedHostRule& rule = rules_[index];
    if (mismatch_within_port(rule, question_)) return true;
    if (!answer_.allowed) {
      answer_.allowed = true;
      answer_.rule = rule.text;
      answer_.rule_index = index;
    }
    if (!rule.addresses.empty()) answer_.address_rules.push_back(index);
    return group.has_addresses();
  }

  const std::vector<ParsedHostRule>& rules_;
  const Question& question_;
  HostAnswer answer_;
};

// Looks for the rule that came nearest; only on the way to a denial.
class Explanation {
 public:
  Explanation(const std::vector<ParsedHostRule>& rules, const Question& question)
      : rules_(rules), question_(question) {}

  bool operator()(const HostRuleGroup& group) {
    for (const std::uint32_t index : group.rules()) {
      if (++looked_at_ > max_rules_explained) return false;
      const auto mismatch = mismatch_of(rules_[index], question_);
      if (mismatch && (!nearest_ || *mismatch > *nearest_)) {
        nearest_ = mismatch;
        rule_index_ = index;
      }
    }
    return true;
  }

  std::optional<HostAnswer> take() const {
    if (!nearest_) return std::nullopt;
    const ParsedHostRule& rule = rules_[rule_index_];
    HostAnswer answer;
    answer.rule = rule.text;
    answer.reason = explain(rule, rule_index_, *nearest_, question_);
    return answer;
  }

 private:
  const std::vector<ParsedHostRule>& rules_;
  const Question& question_;
  std::optional<Mismatch> nearest_;
  std::uint32_t rule_index_ = 0;
  std::size_t looked_at_ = 0;
};

HostAnswer refusal(std::string reason) {
  HostAnswer answer;
  answer.reason = std::move(reason);
  return answer;
}

HostAnswer no_rule_for(std::string_view host, const std::optional<IpAddress>& address,
                       bool has_any) {
  const std::string_view any_note = has_any ? " (\"*\" covers public hosts only)" : "";
  if (address) {
    const bool is_public = !special_purpose_of(*address);
    return refusal(fmt::format("no rule lists the address {}{}", describe(*address),
                               is_public ? "" : any_note));
  }
  return refusal(fmt::format("no rule names the host {}{}", base::printable(host, 300),
                             HostIndex::is_localhost(host) ? any_note : ""));
}

HostAnswer answer_question(const HostIndex& index, std::string_view host,
                           const Question& question) {
  const std::optional<IpAddress> address = IpAddress::parse(host);
  const bool is_public = address && !special_purpose_of(*address);
  const auto visit = [&](auto& visitor) {
    if (address) {
      index.visit_address(*address, is_public, visitor);
    } else {
      index.visit_name(host, visitor);
    }
  };
  Judgement judgement(index.rules(), question);
  visit(judgement);
  if (judgement.is_allowed()) return std::move(judgement).take();
  Explanation explanation(index.rules(), question);
  visit(explanation);
  if (auto answer = explanation.take()) return *std::move(answer);
  return no_rule_for(host, address, index.has_any());
}

}  // namespace

HostRules::HostRules() noexcept = default;
HostRules::HostRules(HostRules&&) noexcept = default;
HostRules& HostRules::operator=(HostRules&&) noexcept = default;
HostRules::~HostRules() = default;

Expected<HostRules> HostRules::compile(const std::vector<HostRule>& rules) {
  std::vector<ParsedHostRule> parsed;
  parsed.reserve(rules.size());
  for (std::size_t i = 0; i < rules.size(); ++i)
    parsed.push_back(TRY(parse_host_rule(rules[i], i)));
  HostRules compiled;
  compiled.index_ = std::make_unique<const HostIndex>(std::move(parsed));
  return compiled;
}

HostAnswer HostRules::judge(const CanonicalTarget& target, std::string_view method) const {
  if (method == "CONNECT") return refusal("CONNECT opens a tunnel; a request never may");
  if (index_ == nullptr) return refusal("allowed_hosts is empty");
  const Question question{.port = target.port,
                          .scheme = target.scheme == "https" ? Schemes::https : Schemes::http,
                          .method = method,
                          .path = target.path};
  return answer_question(*index_, target.host, question);
}

HostAnswer HostRules::judge_tunnel(std::string_view canonical_host, std::uint16_t port) const {
  if (index_ == nullptr) return refusal("allowed_hosts is empty");
  const Question question{
      .port = port, .scheme = Schemes::https, .method = "CONNECT", .path = "/", .is_tunnel = true};
  return answer_question(*index_, canonical_host, question);
}

HostAnswer HostRules::judge_address(const CanonicalTarget& target, const HostAnswer& grant,
                                    const IpAddress& address) const {
  if (!grant.allowed || index_ == nullptr) return refusal("the request was not granted");
  HostAnswer answer = grant;
  if (target.host_is_address) {
    if (IpAddress::parse(target.host) == address) return answer;
    return refusal(fmt::format("the request is for {}, and the socket leads to {}", target.host,
                               describe(address)));
  }
  if (!special_purpose_of(address)) return answer;
  for (const std::uint32_t rule_index : grant.address_rules) {
    const ParsedHostRule& rule = index_->rules().at(rule_index);
    for (const IpRange& range : rule.addresses) {
      if (!range.contains(address)) continue;
      answer.rule = rule.text;
      answer.rule_index = rule_index;
      return answer;
    }
  }
  answer = refusal(fmt::format("{} resolves to {}, which no rule lists",
                               base::printable(target.host, 300), describe(address)));
  answer.rule = grant.rule;
  return answer;
}

}  // namespace omnisandbox::policy
