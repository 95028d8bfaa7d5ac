#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/error.h"
#include "policy/host/host_rule.h"
#include "policy/lint.h"

namespace omnisandbox::policy {
namespace {

// Suffixes of two and more labels under which anybody can have a name. A short list of what agents
// meet; the full one (publicsuffix.org) changes daily.
constexpr std::string_view shared_suffixes[] = {
    "co.uk",
    "org.uk",
    "ac.uk",
    "com.au",
    "co.jp",
    "co.nz",
    "com.br",
    "co.in",
    "co.za",
    "com.cn",
    "github.io",
    "githubusercontent.com",
    "gitlab.io",
    "pages.dev",
    "workers.dev",
    "r2.dev",
    "vercel.app",
    "netlify.app",
    "herokuapp.com",
    "onrender.com",
    "fly.dev",
    "railway.app",
    "web.app",
    "firebaseapp.com",
    "appspot.com",
    "run.app",
    "cloudfunctions.net",
    "googleapis.com",
    "amazonaws.com",
    "s3.amazonaws.com",
    "cloudfront.net",
    "elasticbeanstalk.com",
    "azurewebsites.net",
    "blob.core.windows.net",
    "core.windows.net",
    "cloudapp.azure.com",
    "trafficmanager.net",
    "azureedge.net",
    "ngrok.io",
    "ngrok.app",
    "ngrok-free.app",
    "trycloudflare.com",
    "loca.lt",
    "serveo.net",
    "duckdns.org",
    "nip.io",
    "sslip.io",
    "surge.sh",
    "glitch.me",
    "repl.co",
    "blogspot.com",
    "wordpress.com",
    "digitaloceanspaces.com",
    "ondigitalocean.app",
    "translate.goog",
};

// Where clouds hand out the credentials of the machine.
constexpr std::string_view metadata_names[] = {"metadata.google.internal", "metadata.goog",
                                               "metadata", "instance-data",
                                               "instance-data.ec2.internal"};
constexpr std::string_view metadata_addresses[] = {
    "169.254.169.254", "169.254.170.2",   "169.254.170.23", "fd00:ec2::254",
    "fd00:ec2::23",    "100.100.100.200", "192.0.0.192",    "168.63.129.16"};

// A range that is larger names a whole network, not a service.
constexpr unsigned narrow_v4_prefix_bits = 24;
constexpr unsigned narrow_v6_prefix_bits = 64;
// More ports than that are not one service.
constexpr unsigned many_ports = 100;
// The container engine's and the kubelet's: root on the machine for whoever reaches them.
constexpr std::uint16_t engine_ports[] = {2375, 2376, 10250};

struct Finding {
  std::string message;
  std::string advice;
};

std::string label_suffix(std::string_view name) {
  return fmt::format("*.{}", base::printable(name, 100));
}

void judge_name(const ParsedHostRule& rule, std::vector<Finding>& findings) {
  switch (rule.kind) {
    case ParsedHostRule::Kind::any:
      findings.push_back({"every host of the Internet may be reached, and sent anything",
                          "list the hosts that the tool talks to"});
      break;
    case ParsedHostRule::Kind::subdomains:
      if (rule.name.find('.') == std::string::npos) {
        findings.push_back(
            {fmt::format("{} is a whole top-level domain; anybody can have a name there",
                         label_suffix(rule.name)),
             fmt::format("list the names, or the names under one owner: \"*.example.{}\"",
                         base::printable(rule.name, 64))});
      } else if (std::find(std::begin(shared_suffixes), std::end(shared_suffixes), rule.name) !=
                 std::end(shared_suffixes)) {
        findings.push_back(
            {fmt::format("anybody can have a name under {}", label_suffix(rule.name)),
             "list the full names that the tool talks to"});
      }
      break;
    case ParsedHostRule::Kind::name:
      if (std::find(std::begin(metadata_names), std::end(metadata_names), rule.name) !=
          std::end(metadata_names)) {
        findings.push_back({"it hands out the credentials of this machine", "take it out"});
      }
      break;
    case ParsedHostRule::Kind::range:
      break;
  }
}

void judge_range(const IpRange& range, std::vector<Finding>& findings) {
  const std::string text = range.to_string();
  for (const std::string_view address : metadata_addresses) {
    const auto metadata = IpAddress::parse(address);
    if (metadata && range.contains(*metadata)) {
      findings.push_back(
          {fmt::format("{} {} {}, where clouds hand out the credentials of the machine", text,
                       range.is_single() ? "is" : "holds", address),
           "leave that address out"});
      break;
    }
  }
  const bool is_wide =
      range.prefix_bits() < (range.base().is_v4() ? narrow_v4_prefix_bits : narrow_v6_prefix_bits);
  if (is_wide) {
    findings.push_back({fmt::format("{} is a whole network, with everything that runs in it", text),
                        "list the address of the service, such as 10.1.2.3:8080"});
  }
}

bool is_loopback(const ParsedHostRule& rule) {
  static const IpRange v4 = IpRange::of(IpAddress::from_v4(0x7f00'0000), 8);
  static const IpRange v6 = IpRange(IpAddress::from_v6(0, 1));
  return rule.name == "localhost" ||
         (rule.range && (v4.contains(*rule.range) || v6.contains(*rule.range)));
}

void judge_ports(const ParsedHostRule& rule, std::string_view written,
                 std::vector<Finding>& findings) {
  for (const PortRange& ports : rule.ports) {
    if (static_cast<unsigned>(ports.high - ports.low) >= many_ports) {
      findings.push_back(
          {fmt::format("ports {} to {} are open, with every service that listens there", ports.low,
                       ports.high),
           "write the one port that is needed"});
    }
    const auto opens = [&](std::uint16_t port) { return ports.low <= port && port <= ports.high; };
    if (std::any_of(std::begin(engine_ports), std::end(engine_ports), opens) &&
        (is_loopback(rule) || rule.range)) {
      findings.push_back(
          {"the container engine may listen there, and who reaches it is root on the machine",
           "leave that port out"});
    }
  }
  // Without a scheme both are open by design; written out, it is a choice.
  if (written.starts_with("http://") && !is_loopback(rule)) {
    findings.push_back({"http is neither secret nor safe from changes on the way",
                        fmt::format("write https://{}", base::printable(written.substr(7), 100))});
  }
}

}  // namespace

void lint_hosts(const Config& config, std::vector<PolicyWarning>& warnings) {
  for (std::size_t index = 0; index < config.allowed_hosts.size(); ++index) {
    const HostRule& rule = config.allowed_hosts[index];
    const auto parsed = parse_host_rule(rule, index);
    if (!parsed) {
      continue;  // Policy::compile reports it
    }
    std::vector<Finding> findings;
    judge_name(*parsed, findings);
    if (parsed->range) {
      judge_range(*parsed->range, findings);
    }
    for (const IpRange& range : parsed->addresses) {
      judge_range(range, findings);
    }
    judge_ports(*parsed, rule.host, findings);
    for (Finding& finding : findings) {
      warnings.push_back(
          {.where = fmt::format("allowed_hosts[{}]", index),
           .message = fmt::format("{}: {}", base::printable(rule.host, 100), finding.message),
           .advice = std::move(finding.advice)});
    }
  }
}

}  // namespace omnisandbox::policy
