// The schema and the reference page say what the loader does.
#include <gtest/gtest.h>
#include <re2/re2.h>

#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "omnisandbox/policy_file.h"
#include "policy/file/policy_reference.h"

namespace omnisandbox {
namespace {

using nlohmann::json;

// A validator for the part of JSON Schema that the schema uses; an unknown keyword fails the test.
class Validator {
 public:
  explicit Validator(const json& root) : root_(root) {}

  bool accepts(const json& schema, const json& value) const {
    for (const auto& [keyword, argument] : schema.items()) {
      if (!holds(keyword, argument, schema, value)) {
        return false;
      }
    }
    return true;
  }

 private:
  static bool is_type(const std::string& type, const json& value) {
    if (type == "integer") {
      return value.is_number_integer();
    }
    return (type == "object" && value.is_object()) || (type == "array" && value.is_array()) ||
           (type == "string" && value.is_string()) || (type == "boolean" && value.is_boolean()) ||
           (type == "number" && value.is_number());
  }

  bool holds(const std::string& keyword, const json& argument, const json& schema,
             const json& value) const {
    if (keyword == "type") {
      return is_type(argument, value);
    }
    if (keyword == "const") {
      return value == argument;
    }
    if (keyword == "enum") {
      return std::find(argument.begin(), argument.end(), value) != argument.end();
    }
    if (keyword == "$ref") {
      return accepts(root_.at(json::json_pointer(argument.get<std::string>().substr(1))), value);
    }
    if (keyword == "anyOf") {
      return std::any_of(argument.begin(), argument.end(),
                         [&](const json& one) { return accepts(one, value); });
    }
    if (value.is_number() &&
        (keyword == "minimum" || keyword == "maximum" || keyword == "exclusiveMinimum")) {
      const auto number = value.get<double>();
      const auto bound = argument.get<double>();
      return keyword == "minimum"   ? number >= bound
             : keyword == "maximum" ? number <= bound
                                    : number > bound;
    }
    if (value.is_string() && keyword == "pattern") {
      return re2::RE2::PartialMatch(value.get<std::string>(),
                                    re2::RE2(argument.get<std::string>()));
    }
    if (value.is_string() && keyword == "minLength") {
      return value.get<std::string>().size() >= argument.get<std::size_t>();
    }
    if (value.is_array() && keyword == "maxItems") {
      return value.size() <= argument.get<std::size_t>();
    }
    if (value.is_array() && keyword == "items") {
      return std::all_of(value.begin(), value.end(),
                         [&](const json& item) { return accepts(argument, item); });
    }
    if (value.is_array() && keyword == "uniqueItems") {
      return std::set<json>(value.begin(), value.end()).size() == value.size();
    }
    if (value.is_object() && keyword == "required") {
      return std::all_of(argument.begin(), argument.end(),
                         [&](const json& name) { return value.contains(name.get<std::string>()); });
    }
    if (value.is_object() && keyword == "properties") {
      return std::all_of(argument.items().begin(), argument.items().end(), [&](const auto& item) {
        return !value.contains(item.key()) || accepts(item.value(), value[item.key()]);
      });
    }
    if (value.is_object() && (keyword == "additionalProperties" || keyword == "propertyNames")) {
      for (const auto& [name, member] : value.items()) {
        const bool known = schema.contains("properties") && schema["properties"].contains(name);
        if (keyword == "propertyNames"
                ? !accepts(argument, name)
                : !known && (argument.is_boolean() ? !argument.get<bool>()
                                                   : !accepts(argument, member))) {
          return false;
        }
      }
      return true;
    }
    for (const char* passive :
         {"$schema", "$defs", "title", "description", "default", "minimum", "maximum",
          "exclusiveMinimum", "pattern", "minLength", "maxItems", "items", "uniqueItems",
          "required", "properties", "additionalProperties", "propertyNames"}) {
      if (keyword == passive) {
        return true;
      }
    }
    ADD_FAILURE() << "the validator does not know the keyword " << keyword;
    return false;
  }

  const json& root_;
};

struct SchemaCase {
  const char* text;  // JSON, which is YAML
  bool loads;
  bool only_the_loader_refuses =
      false;  // what a schema cannot say: the range of a size with its unit
};

TEST(PolicySchema, AgreesWithTheLoader) {
  const json schema = json::parse(policy_file_schema());
  EXPECT_EQ(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
  const Validator validator(schema);
  const SchemaCase cases[] = {
      {R"({"version": 1})", true},
      {R"({})", false},
      {R"({"version": 2})", false},
      {R"({"version": "1"})", false},
      {R"([])", false},
      {R"({"version": 1, "unknown": 1})", false},
      {R"({"version": 1, "capabilities": ["fs_read", "exec_run"]})", true},
      {R"({"version": 1, "capabilities": ["fs_read", "fs_read"]})", false},
      {R"({"version": 1, "capabilities": ["fs"]})", false},
      {R"({"version": 1, "capabilities": "fs_read"})", false},
      {R"({"version": 1, "memory_limit_mb": 16})", true},
      {R"({"version": 1, "memory_limit_mb": 0})", false},
      {R"({"version": 1, "memory_limit_mb": 65537})", false},
      {R"({"version": 1, "memory_limit_mb": "16MiB"})", true},
      {R"({"version": 1, "memory_limit_mb": "16"})", false},
      {R"({"version": 1, "memory_limit_mb": "16 MiB"})", true},
      {R"({"version": 1, "memory_limit_mb": "100TiB"})", false, true},
      {R"({"version": 1, "memory_limit_mb": 1.5})", false},
      {R"({"version": 1, "memory_limit_mb": -1})", false},
      {R"({"version": 1, "timeout": 30})", true},
      {R"({"version": 1, "timeout": 1.5})", true},
      {R"({"version": 1, "timeout": "1h2m3s4ms5000us6000000ns"})", true},
      {R"({"version": 1, "timeout": "1h2m3s4ms5us6ns"})", false, true},
      {R"({"version": 1, "timeout": "999us"})", false, true},
      {R"({"version": 1, "timeout": 0.0001})", false, true},
      {R"({"version": 1, "timeout": "1s1m"})", false},
      {R"({"version": 1, "timeout": ""})", false},
      {R"({"version": 1, "timeout": "30"})", true},
      {R"({"version": 1, "timeout": 0})", false},
      {R"({"version": 1, "timeout": 86401})", false},
      {R"({"version": 1, "timeout": "25h"})", false, true},
      {R"({"version": 1, "timeout": true})", false},
      {R"({"version": 1, "fuel_limit": 9223372036854775807})", true},
      {R"({"version": 1, "fuel_limit": 0})", false},
      {R"({"version": 1, "max_output_bytes": "64KiB"})", true},
      {R"({"version": 1, "max_output_bytes": 1073741825})", false},
      {R"({"version": 1, "max_processes": 1})", true},
      {R"({"version": 1, "max_processes": 32769})", false},
      {R"({"version": 1, "max_processes": "1"})", false},
      {R"({"version": 1, "allow_secrets": true})", true},
      {R"({"version": 1, "allow_secrets": "true"})", false},
      {R"({"version": 1, "allow_secrets": 1})", false},
      {R"({"version": 1, "environment": {"A": "b", "C": ""}})", true},
      {R"({"version": 1, "environment": {"A": 1}})", false},
      {R"({"version": 1, "environment": {"": "x"}})", false},
      {R"({"version": 1, "environment": {"A=": "x"}})", false},
      {R"({"version": 1, "environment": []})", false},
      {R"({"version": 1, "allowed_paths": ["/a", {"path": "/b", "access": "read", "guest_path": "/c"}]})",
       true},
      {R"({"version": 1, "allowed_paths": "/a"})", false},
      {R"({"version": 1, "allowed_paths": {"path": "/a"}})", false},
      {R"({"version": 1, "allowed_paths": [1]})", false},
      {R"({"version": 1, "allowed_paths": [["/a"]]})", false},
      {R"({"version": 1, "allowed_paths": [{"access": "read"}]})", false},
      {R"({"version": 1, "allowed_paths": [{"path": "/b", "access": "write"}]})", false},
      {R"({"version": 1, "allowed_paths": [{"path": "/b", "mode": "read"}]})", false},
      {R"({"version": 1, "allowed_hosts": ["a.example", {"host": "*", "methods": ["GET"], "addresses": ["10.0.0.0/8"]}]})",
       true},
      {R"({"version": 1, "allowed_hosts": [{"host": "*", "methods": "GET"}]})", false},
      {R"({"version": 1, "allowed_commands": ["ls", {"command": "git", "args": ["a"], "arg_globs": ["*"], "arg_regexes": ["."],
          "working_dir": "/", "environment": {}, "timeout": 1, "memory_limit_mb": 1, "network": false}]})",
       true},
      {R"({"version": 1, "allowed_commands": [{"command": "git", "args": "a"}]})", false},
      {R"({"version": 1, "allowed_commands": [{"command": "git", "shell": true}]})", false},
      {R"({"version": 1, "docker": {"image": "a:b", "mounts": [{"host_path": "/a", "container_path": "/b"}], "memory_limit": "64MiB"}})",
       true},
      {R"({"version": 1, "docker": {"mounts": ["/a:/b"]}})", false},
      {R"({"version": 1, "docker": {"mounts": [{"host_path": "/a"}]}})", false},
      {R"({"version": 1, "docker": {"network_mode": "none", "cpu_quota": 1000, "pids_limit": 1, "user": "0:0"}})",
       true},
      {R"({"version": 1, "docker": {"privileged": true}})", false},
      {R"({"version": 1, "docker": {"cpu_quota": -1}})", false},
      {R"({"version": 1, "docker": "alpine"})", false},
      {R"({"version": 1, "docker": null})", false},
  };
  for (const SchemaCase& one : cases) {
    const auto file = parse_policy_file(one.text, "case.json");
    EXPECT_EQ(file.has_value(), one.loads) << one.text << (file ? "" : file.error().message);
    EXPECT_EQ(validator.accepts(schema, json::parse(one.text)),
              one.loads || one.only_the_loader_refuses)
        << one.text;
  }
}

TEST(PolicySchema, DefaultsLoadToTheDefaultConfig) {
  const json schema = json::parse(policy_file_schema());
  json policy = {{"version", 1}};
  for (const auto& [name, property] : schema["properties"].items()) {
    if (property.contains("default")) {
      policy[name] = property["default"];
    }
  }
  for (const auto& [name, property] : schema["$defs"]["docker"]["properties"].items()) {
    if (property.contains("default")) {
      policy["docker"][name] = property["default"];
    }
  }
  const auto file = parse_policy_file(policy.dump(), "defaults.json");
  ASSERT_TRUE(file.has_value()) << file.error().message;
  // What was written counts as set, so that the values are compared one by one.
  const Config& config = file->config;
  const Config wanted;
  EXPECT_EQ(config.memory_limit_mb.value(), wanted.memory_limit_mb.value());
  EXPECT_EQ(config.timeout.value(), wanted.timeout.value());
  EXPECT_EQ(config.max_output_bytes.value(), wanted.max_output_bytes.value());
  EXPECT_EQ(config.max_write_bytes.value(), wanted.max_write_bytes.value());
  EXPECT_EQ(config.max_files_created.value(), wanted.max_files_created.value());
  EXPECT_EQ(config.max_processes.value(), wanted.max_processes.value());
  EXPECT_EQ(config.max_open_files.value(), wanted.max_open_files.value());
  EXPECT_EQ(config.max_concurrent_runs.value(), wanted.max_concurrent_runs.value());
  EXPECT_EQ(config.max_host_calls.value(), wanted.max_host_calls.value());
  EXPECT_EQ(config.capabilities, wanted.capabilities);
  EXPECT_EQ(config.allowed_paths, wanted.allowed_paths);
  EXPECT_EQ(config.allowed_hosts, wanted.allowed_hosts);
  EXPECT_EQ(config.allowed_commands, wanted.allowed_commands);
  EXPECT_EQ(config.environment, wanted.environment);
  EXPECT_EQ(config.allow_hard_links, wanted.allow_hard_links);
  EXPECT_EQ(config.audit_required, wanted.audit_required);
  EXPECT_EQ(config.allow_secrets, wanted.allow_secrets);
  EXPECT_EQ(*file->docker, DockerConfig{});
}

// Made anew by: OMNISANDBOX_REGENERATE=1 omnisandbox_policy_file_test
// --gtest_filter=PolicyReference.*
TEST(PolicyReference, PageMatchesTheTable) {
  const std::string page = policy::policy_reference_page();
  if (std::getenv("OMNISANDBOX_REGENERATE") != nullptr) {
    std::ofstream(OMNISANDBOX_POLICY_REFERENCE_PAGE) << page;
  }
  std::ifstream file(OMNISANDBOX_POLICY_REFERENCE_PAGE);
  std::stringstream text;
  text << file.rdbuf();
  EXPECT_TRUE(text.str() == page)
      << "docs/policy_reference.md differs from the table of keys; run this test once with "
         "OMNISANDBOX_REGENERATE=1 in the environment";
}

}  // namespace
}  // namespace omnisandbox
