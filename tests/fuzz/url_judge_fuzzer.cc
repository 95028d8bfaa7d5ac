// A list of rules answers as its rules do one by one, and "*" alone never opens anything that is
// not public. The input is lines: the URL, the address that its name leads to, the method, then one
// rule a line ("RULE METHOD,METHOD ADDRESS,ADDRESS").
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "policy/host/canonical_url.h"
#include "policy/host/host_rules.h"
#include "policy/host/special_addresses.h"

namespace {

using omnisandbox::HostRule;
using omnisandbox::policy::CanonicalTarget;
using omnisandbox::policy::HostAnswer;
using omnisandbox::policy::HostRules;
using omnisandbox::policy::IpAddress;

// Rules are compiled twice for each input; more would only slow the search down.
constexpr std::size_t max_rules = 24;

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  while (true) {
    const std::size_t end = text.find(separator);
    if (end != 0) parts.emplace_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

void require(bool condition, const char* property, std::string_view input) {
  if (condition) return;
  std::fprintf(stderr, "%s:\n%.*s\n", property, static_cast<int>(input.size()), input.data());
  std::abort();
}

std::vector<HostRule> valid_rules(const std::vector<std::string>& lines) {
  std::vector<HostRule> rules;
  for (std::size_t i = 3; i < lines.size() && rules.size() < max_rules; ++i) {
    const std::vector<std::string> fields = split(lines[i], ' ');
    HostRule rule(fields.empty() ? "" : fields[0]);
    if (fields.size() > 1) rule.methods = split(fields[1], ',');
    if (fields.size() > 2) rule.addresses = split(fields[2], ',');
    if (HostRules::compile({rule})) rules.push_back(std::move(rule));
  }
  return rules;
}

struct Verdict {
  bool allowed = false;
  bool may_connect = false;
  bool tunnel = false;
};

Verdict ask(const HostRules& rules, const CanonicalTarget& target, const std::string& method,
            const IpAddress& address, std::string_view input) {
  const HostAnswer answer = rules.judge(target, method);
  require(answer.allowed == answer.reason.empty(), "a refusal has a reason, and only a refusal",
          input);
  const HostAnswer connect = rules.judge_address(target, answer, address);
  require(answer.allowed || !connect.allowed, "without a grant there is no connection", input);
  return Verdict{answer.allowed, connect.allowed,
                 rules.judge_tunnel(target.host, target.port).allowed};
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::vector<std::string> lines = split(input, '\n');
  if (lines.size() < 4) return 0;
  const auto target = omnisandbox::policy::canonicalise_url(lines[0]);
  if (!target) return 0;
  const IpAddress address = IpAddress::parse(target->host_is_address ? target->host : lines[1])
                                .value_or(IpAddress::from_v4(0x7f000001));
  const std::string& method = lines[2];

  const std::vector<HostRule> rules = valid_rules(lines);
  Verdict alone;
  for (const HostRule& rule : rules) {
    const Verdict verdict = ask(*HostRules::compile({rule}), *target, method, address, input);
    alone.allowed |= verdict.allowed;
    alone.may_connect |= verdict.may_connect;
    alone.tunnel |= verdict.tunnel;
  }
  const Verdict together = ask(*HostRules::compile(rules), *target, method, address, input);
  require(together.allowed == alone.allowed, "a list allows what one of its rules allows", input);
  require(together.may_connect == alone.may_connect,
          "a list connects where one of its rules connects", input);
  require(together.tunnel == alone.tunnel, "a list tunnels where one of its rules tunnels", input);

  const Verdict star = ask(*HostRules::compile({"*:1-65535"}), *target, method, address, input);
  require(!star.may_connect || !special_purpose_of(address), "\"*\" reaches public addresses only",
          input);
  return 0;
}
