// What is refused, where, and in which words.
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <string_view>

#include "base/test_effort.h"
#include "omnisandbox/policy_file.h"

namespace omnisandbox {
namespace {

struct Refused {
  std::string text;
  std::string position;  // LINE:COLUMN
  std::string message;   // a part of it
};

void expect_refused(const Refused& wanted) {
  const auto file = parse_policy_file(wanted.text, "p.yaml");
  const std::string text = wanted.text.substr(0, 300);
  ASSERT_FALSE(file.has_value()) << text;
  EXPECT_EQ(file.error().kind, ErrorKind::invalid_argument) << text;
  EXPECT_TRUE(file.error().message.starts_with("p.yaml:" + wanted.position + ": "))
      << text << "\n  " << file.error().message << "\n  wanted at " << wanted.position;
  EXPECT_NE(file.error().message.find(wanted.message), std::string::npos)
      << text << "\n  " << file.error().message << "\n  wanted: " << wanted.message;
  for (const char character : file.error().message) {
    EXPECT_GE(static_cast<unsigned char>(character), 0x20)
        << "a control character in: " << file.error().message;
  }
}

// `body` follows "version: 1" and its line end, so that its first line is line 2.
void expect_body_refused(const std::string& body, const std::string& position,
                         const std::string& message) {
  expect_refused({"version: 1\n" + body + "\n", position, message});
}

TEST(PolicyFileErrors, Keys) {
  expect_body_refused("capabilites: [fs_read]", "2:1",
                      "unknown key \"capabilites\"; did you mean \"capabilities\"?");
  expect_body_refused("memoryLimitMb: 16", "2:1", "did you mean \"memory_limit_mb\"?");
  expect_body_refused("paths: [/a]", "2:1", "did you mean \"allowed_paths\"?");
  expect_body_refused("allowed-hosts: []", "2:1", "did you mean \"allowed_hosts\"?");
  expect_body_refused(std::string(200, 't') + ": 1", "2:1", "; the keys here are version");
  expect_body_refused("zzzzzz: 1", "2:1",
                      "unknown key \"zzzzzz\"; the keys here are version, capabilities,");
  expect_body_refused("allowed_paths:\n  - {path: /a, acces: read}", "3:16",
                      "allowed_paths[0]: unknown key \"acces\"; did you mean \"access\"?");
  expect_body_refused("docker: {privileged: true}", "2:10", "docker: unknown key \"privileged\"");
  expect_body_refused("timeout: 1s\ntimeout: 2s", "3:1",
                      "the key \"timeout\" is written twice; it stands at 2:1 already");
  expect_body_refused("\"timeout\": 1s\n'timeout': 2s", "3:1", "written twice");
  expect_body_refused("environment: {A: x, A: y}", "2:21", "written twice");
  expect_body_refused("allowed_paths: [{access: read}]", "2:17",
                      "allowed_paths[0]: the key \"path\" is missing");
  expect_body_refused("allowed_hosts: [{methods: [GET]}]", "2:17", "\"host\" is missing");
  expect_body_refused("allowed_commands: [{args: [a]}]", "2:20", "\"command\" is missing");
  expect_body_refused("docker: {mounts: [{host_path: /a}]}", "2:19",
                      "docker.mounts[0]: the key \"container_path\" is missing");
  expect_refused({"timeout: 1s\n", "1:1", "the key \"version\" is missing; write version: 1"});
  expect_body_refused("? [a]\n: b", "2:3", "a key must be a name");
  expect_body_refused("? {a: b}\n: b", "2:3", "a key must be a name");
  expect_body_refused(": b", "2:1", "key");
  expect_body_refused("null: b", "2:1", "found null where a key is expected");
}

TEST(PolicyFileErrors, Version) {
  for (const std::string version :
       {"2", "0", "\"1\"", "01", "1.0", "one", "[1]", "-1", "+1", "true"}) {
    expect_refused({"version: " + version, "1:10", "expected 1, the version of the format"});
  }
}

TEST(PolicyFileErrors, Types) {
  expect_body_refused(
      "allowed_hosts: example.com", "2:16",
      "found the text \"example.com\", expected a list; write allowed_hosts: [example.com]");
  expect_body_refused("allowed_hosts: \"*\"", "2:16", "write allowed_hosts: [\"*\"]");
  expect_body_refused("allowed_paths: {path: /a}", "2:16", "found a mapping, expected a list");
  expect_body_refused(
      "allowed_paths: [[/a]]", "2:17",
      "allowed_paths[0]: found a list, expected a text, or a mapping with the key \"path\"");
  expect_body_refused("allowed_paths: [1]", "2:17",
                      "found the number 1, expected a text; write it in quotes: \"1\"");
  expect_body_refused("allowed_paths: [true]", "2:17", "found the truth value true");
  expect_body_refused("capabilities: fs_read", "2:15", "write capabilities: [fs_read]");
  expect_body_refused("timeout: [1s]", "2:10", "found a list, expected a duration");
  expect_body_refused("timeout: {s: 1}", "2:10", "found a mapping, expected a duration");
  expect_body_refused("environment: [A=b]", "2:14",
                      "found a list, expected a mapping of names to texts");
  expect_body_refused("environment: {A: 1}", "2:18",
                      "environment.A: found the number 1, expected a text; write it in quotes");
  expect_body_refused("environment: {A: [b]}", "2:18", "found a list, expected a text");
  expect_body_refused("environment: {\"A=B\": c}", "2:15", "no name of a variable");
  expect_body_refused("environment: {\"\": c}", "2:15", "no name of a variable");
  expect_body_refused("docker: alpine", "2:9",
                      "docker: found the text \"alpine\", expected a mapping");
  expect_body_refused("docker: []", "2:9", "found a list, expected a mapping");
  expect_body_refused(
      "docker: {mounts: [/a]}", "2:19",
      "docker.mounts[0]: found the text \"/a\", expected a mapping such as {host_path");
  expect_body_refused("docker: {image: 1.5}", "2:17", "found the number 1.5, expected a text");
  expect_refused({"[version, 1]", "1:1", "the file: found a list, expected a mapping"});
  expect_refused({"hello\n", "1:1", "the file: found the text \"hello\", expected a mapping"});
  expect_refused({"\"hello\"", "1:1", "found the text \"hello\" in quotes"});
}

TEST(PolicyFileErrors, Nothing) {
  expect_body_refused(
      "allowed_paths:", "2:1",
      "the key \"allowed_paths\" has no value; leave it out to get its default, or write []");
  expect_body_refused("allowed_paths: ~", "2:16", "found ~ where a value is expected");
  expect_body_refused("allowed_paths: null", "2:16", "found null");
  expect_body_refused("allowed_paths: [a, , b]", "2:20", "an entry of the list is empty");
  expect_body_refused("allowed_paths:\n  - /a\n  -", "4:3", "an entry of the list is empty");
  expect_body_refused("docker: {image}", "2:10", "the key \"image\" has no value");
  for (const std::string text :
       {"", "\n\n", "# only a comment\n", "---\n", "---\n...\n", "~", "null\n", " "}) {
    expect_refused({text, "1:1", "the file is empty; the smallest policy is \"version: 1\""});
  }
}

TEST(PolicyFileErrors, Numbers) {
  for (const std::string value : {"0",
                                  "65537",
                                  "-1",
                                  "+16",
                                  "016",
                                  "0x10",
                                  "0o20",
                                  "1e2",
                                  "16.5",
                                  "1_6",
                                  "1,6",
                                  ".inf",
                                  ".nan",
                                  "NaN",
                                  "16MB",
                                  "99999999999999999999",
                                  "18446744073709551617",
                                  "\"16\"",
                                  "16 ",
                                  "true",
                                  "''",
                                  "sixteen",
                                  "0.5MiB",
                                  "64.0",
                                  "1048576.0",
                                  "\"1048576.0\"",
                                  "-16MiB",
                                  "16mib",
                                  "16MiBs",
                                  "1TiB"}) {
    const auto file = parse_policy_file("version: 1\nmemory_limit_mb: " + value, "p.yaml");
    if (value == "16 ") {
      EXPECT_TRUE(file.has_value());
      continue;
    }
    ASSERT_FALSE(file.has_value()) << value;
    EXPECT_TRUE(file.error().message.starts_with("p.yaml:2:18: memory_limit_mb: "))
        << file.error().message;
  }
  expect_body_refused("memory_limit_mb: 16MB", "2:18", "16MB is not a whole number of MiB");
  expect_body_refused("memory_limit_mb: 0", "2:18",
                      "found the number 0, expected a whole number of MiB or a size such as 16MiB "
                      "or 1GiB, from 1 MiB to 64 GiB");
  expect_body_refused("max_processes: 32769", "2:16",
                      "expected a whole number in decimal digits, from 1 to 32768");
  expect_body_refused("max_processes: 1KiB", "2:16", "whole number in decimal digits");
  expect_body_refused("max_processes: \"3\"", "2:16", "found the text \"3\" in quotes");
  expect_body_refused(
      "max_output_bytes: 2GiB", "2:19",
      "expected a whole number of bytes or a size such as 64KiB or 16MiB, from 0 B to 1 GiB");
  expect_body_refused("fuel_limit: 9223372036854775808", "2:13", "from 1 to 9223372036854775807");
  expect_body_refused("fuel_limit: 0", "2:13", "from 1");
  expect_body_refused("docker: {cpu_quota: -1}", "2:21", "found the number -1");
  expect_body_refused("docker: {pids_limit: -1}", "2:22", "from 1 to 32768");
  expect_body_refused("docker: {memory_limit: 1MiB}", "2:24", "from 6 MiB to 64 GiB");
}

TEST(PolicyFileErrors, Durations) {
  for (const std::string value : {"0",
                                  "0s",
                                  "-1s",
                                  "-1",
                                  "25h",
                                  "30 parsecs",
                                  "30S",
                                  "1s1m",
                                  "1e3",
                                  "1e3s",
                                  ".5s",
                                  "5.",
                                  "99999999999999999999s",
                                  "\"\"",
                                  "s",
                                  "1d",
                                  "inf",
                                  ".inf",
                                  ".nan",
                                  "true",
                                  "1 s",
                                  "999us",
                                  "1001us",
                                  "1ns",
                                  "0.5ms",
                                  "0.0001",
                                  "1.0005s",
                                  "24h1us"}) {
    expect_body_refused("timeout: " + value, "2:10",
                        "expected a duration such as 30s, 250ms or 1m30s, from 1ms to 24h in whole "
                        "milliseconds");
  }
  expect_body_refused("timeout: 999us", "2:10", "timeout: found the text \"999us\"");
  expect_body_refused("docker: {pull_timeout: 999us}", "2:24", "docker.pull_timeout: found");
  expect_body_refused("allowed_commands: [{command: ls, timeout: 2x}]", "2:43",
                      "allowed_commands[0].timeout: found the text \"2x\"");
}

TEST(PolicyFileErrors, Words) {
  expect_body_refused("capabilities: [fs-read]", "2:16",
                      "found the text \"fs-read\", expected one of fs_read, fs_write, net_http, "
                      "exec_run; did you mean fs_read?");
  expect_body_refused("capabilities: [FS_READ]", "2:16", "did you mean fs_read?");
  expect_body_refused("capabilities: [read]", "2:16", "did you mean fs_read?");
  expect_body_refused("capabilities: [http]", "2:16", "did you mean net_http?");
  expect_body_refused("capabilities: [\"*\"]", "2:16",
                      "expected one of fs_read, fs_write, net_http, exec_run");
  expect_body_refused("capabilities: [fs_read, fs_read]", "2:25", "fs_read is listed twice");
  expect_body_refused("capabilities: [fs_read, fs_write, net_http, exec_run, fs_read]", "2:15",
                      "5 entries are more than the limit of 4");
  expect_body_refused("allowed_paths: [{path: /a, access: rw}]", "2:36",
                      "expected one of automatic, none, read, read_write");
  expect_body_refused("allowed_paths: [{path: /a, access: readwrite}]", "2:36",
                      "did you mean read_write?");
  expect_body_refused("docker: {network_mode: bridged}", "2:24", "did you mean bridge?");
}

TEST(PolicyFileErrors, TruthValues) {
  for (const std::string value : {"yes", "no", "on", "off", "True", "FALSE", "\"true\"", "'false'",
                                  "1", "0", "y", "[true]"}) {
    expect_body_refused("allow_secrets: " + value, "2:16",
                        "expected true or false, in small letters and without quotes");
  }
}

TEST(PolicyFileErrors, YamlThatHasNoPlaceHere) {
  expect_body_refused("timeout: &a 30s", "2:10", "found an anchor");
  expect_body_refused("&a timeout: 30s", "2:1", "found an anchor");
  expect_body_refused("allowed_paths: &a [/a]", "2:16", "found an anchor");
  expect_body_refused("docker: &a {}", "2:9", "found an anchor");
  expect_body_refused("timeout: *a", "2:10", "found an alias");
  expect_body_refused("working_dir: &a /x\ntimeout: *a", "2:14", "found an anchor");
  expect_body_refused("allowed_hosts: [*.example.org]", "2:17",
                      "a value that begins with \"*\" is written in quotes");
  expect_body_refused("allowed_paths: [*]", "2:17", "is written in quotes");
  expect_body_refused("timeout: !!str 30s", "2:10", "found a tag");
  expect_body_refused("timeout: ! 30s", "2:10", "found a tag");
  expect_body_refused("timeout: !<tag:x> 30s", "2:10", "found a tag");
  expect_body_refused("docker: !!python/object/apply:os.system [id]", "2:9", "found a tag");
  expect_body_refused("docker: !!map {}", "2:9", "found a tag");
  expect_body_refused("docker: !!null", "2:9", "found a tag");
  expect_body_refused("<<: {timeout: 30s}", "2:1", "found a merge key");
  expect_body_refused("docker: {<<: {image: x}}", "2:10", "found a merge key");
  expect_body_refused("---\ntimeout: 30s", "2:1", "found a second document");
  expect_body_refused("...\ntimeout: 30s", "3:1", "found a second document");
  expect_refused({"{version: 1} {timeout: 1s}", "1:14", "found a second document"});
  expect_refused({"{version: 1},,,", "1:13", "found a second document"});
  expect_refused({"%YAML 1.2\n---\nversion: 1\n", "1:1", "found a directive"});
  expect_refused({"# x\n\n%TAG ! tag:evil,2000:\n---\nversion: 1\n", "3:1", "found a directive"});
  expect_body_refused("allowed_paths:\n  - /a\n    /b", "3:5",
                      "a value over several lines must be written in quotes");
  expect_body_refused("working_dir: /a\n /b", "2:14", "a value over several lines");
}

TEST(PolicyFileErrors, Syntax) {
  expect_body_refused("timeout: \"30s", "2:10", "the quote that begins here is never closed");
  expect_body_refused("timeout: '30s", "2:10", "the quote that begins here is never closed");
  expect_body_refused("environment: {A: \"b\\\"}", "2:18", "never closed");
  expect_body_refused("working_dir: a: b", "2:15", "put a value that contains \": \" in quotes");
  expect_body_refused("docker:\n\timage: x", "3:7", "indented with a tab");
  expect_body_refused("working_dir: @x", "2:14",
                      "a value that begins with \"@\" is written in quotes");
  expect_body_refused("working_dir: `x`", "2:14",
                      "a value that begins with \"`\" is written in quotes");
  expect_body_refused("working_dir: \"\\ud83d\\ude00\"", "2:21", "write the character itself");
  expect_body_refused("working_dir: \"\\q\"", "2:17", "not valid YAML: unknown escape");
  expect_body_refused("allowed_paths: [/a", "2:16", "the \"[\" that begins here is never closed");
  expect_body_refused("allowed_paths: ]", "2:16", "not valid YAML");
  expect_body_refused("docker: {image: x", "2:9", "the \"{\" that begins here is never closed");
  expect_body_refused("docker: {image: x}}", "2:19", "not valid YAML");
}

TEST(PolicyFileErrors, Characters) {
  using namespace std::string_literals;
  expect_body_refused("working_dir: \"a\0b\""s, "2:16", "U+0000");
  expect_body_refused("working_dir: \"a\\0b\"", "2:14", "cannot contain a NUL");
  expect_body_refused("working_dir: \"a\\nb\"", "2:14", "contains a control character");
  expect_body_refused("working_dir: /a\x1b[31m", "2:16", "U+001B");
  expect_body_refused("working_dir: /a\x7f", "2:16", "U+007F");
  expect_body_refused("working_dir: /é\xff", "2:16", "the byte 0xff is not UTF-8");
  expect_body_refused("working_dir: /\xc0\xaf", "2:15", "the byte 0xc0 is not UTF-8");
  expect_body_refused("working_dir: /\xed\xa0\x80", "2:15", "not UTF-8");
  // NOLINTBEGIN(misc-misleading-bidirectional): what is refused.
  expect_body_refused("working_dir: /a\u202eb", "2:16", "U+202E is invisible");
  expect_body_refused("# a comment \u2066", "2:13", "U+2066");
  // NOLINTEND(misc-misleading-bidirectional)
  expect_body_refused("working_dir: /a\u200b", "2:16", "U+200B");
  expect_body_refused("working_dir: /a\u2028b: c", "2:16", "U+2028");
  expect_body_refused("working_dir: /a\u0085b", "2:16", "U+0085");
  expect_body_refused("working_dir: /a\rtimeout: 1s", "2:16",
                      "a carriage return without a line feed");
  expect_refused({"\xEF\xBB\xBFversion: 1\n", "1:1", "byte-order mark"});
  expect_refused({"\xFF\xFEv\0e\0"s, "1:1", "UTF-16"});
  expect_refused({"v\0e\0r\0"s, "1:2", "U+0000"});
  expect_refused({std::string(1024 * 1024 + 1, ' '), "1:1", "larger than 1 MiB"});
}

TEST(PolicyFileErrors, LongTextsAreShortInMessages) {
  const auto file =
      parse_policy_file("version: 1\ntimeout: " + std::string(500'000, 'x'), "p.yaml");
  ASSERT_FALSE(file.has_value());
  EXPECT_LT(file.error().message.size(), 400u);
  const auto key = parse_policy_file("version: 1\n" + std::string(500'000, 'x') + ": 1", "p.yaml");
  ASSERT_FALSE(key.has_value());
  EXPECT_LT(key.error().message.size(), 1000u);
}

// Each of these costs a careless parser its stack, its memory or minutes. The bound is generous.
TEST(PolicyFileErrors, BombsAreCheap) {
  const auto repeated = [](std::string_view unit, std::size_t bytes = 1000 * 1000) {
    std::string text;
    while (text.size() + unit.size() < bytes) {
      text += unit;
    }
    return text;
  };
  std::string laughs = "a: &a [x,x,x,x,x,x,x,x,x]\n";
  for (char name = 'b'; name < 'z'; ++name) {
    const std::string before = "*" + std::string(1, static_cast<char>(name - 1));
    laughs += std::string(1, name) + ": &" + std::string(1, name) + " [" + before;
    for (int index = 0; index < 8; ++index) {
      laughs += "," + before;
    }
    laughs += "]\n";
  }
  const auto begin = std::chrono::steady_clock::now();
  expect_refused({laughs, "1:4", "found an anchor"});
  expect_refused(
      {std::string(500, '[') + std::string(500, ']'), "1:17", "nested more than 16 levels"});
  expect_refused({repeated("- "), "1:33", "nested more than 16 levels"});
  expect_refused({repeated("? "), "1:3", "a key must be a name"});
  expect_refused({"{version: " + std::string(500, '[') + std::string(500, ']') + "}", "1:26",
                  "nested more than 16 levels"});
  expect_refused({repeated("a: "), "1:5", "found a \":\""});
  expect_refused({"version: 1\nallowed_paths: [" + repeated("x,") + "]", "2:500011",
                  "more than 250000 values"});
  expect_refused({"version: 1\nallowed_paths: [" + repeated("xxxxxxxx,") + "x]", "2:16",
                  "entries are more than the limit of 20000"});
  expect_refused({repeated("a: 1\n"), "2:1", "written twice"});
  const auto bytes_of_each = static_cast<std::size_t>(test::rounds(20'000, 200'000));
  for (const std::string_view unit :
       {"[",      "[\n",   "[a,\n", "{a:\n", "{",   "{a: ", "[a, ",    "[[",       "{?",
        "[? ",    "[: ",   ": ",    "!",     "&a ", "*a ",  "!!a ",    "---\n",    "...\n",
        "%A b\n", "- a\n", "\"",    "'",     "|\n", "#",    "\n",      " ",        "\t",
        "a\n",    "a ",    "[a]: ", ",",     "]",   "}",    "\"a\\\n", "{a: 1}\n", "\r\n"}) {
    EXPECT_FALSE(parse_policy_file(repeated(unit, bytes_of_each), "p.yaml").has_value()) << unit;
  }
  std::string unique = "version: 1\nenvironment: {";
  for (int index = 0; unique.size() < 1000 * 1000; ++index) {
    unique += "k" + std::to_string(index) + ": x, ";
  }
  EXPECT_TRUE(parse_policy_file(unique + "}", "p.yaml").has_value());
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(90));
}

}  // namespace
}  // namespace omnisandbox
