#include "policy/path/path_rules.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "policy/path/path_test_folder.h"

namespace omnisandbox::policy {
namespace {

using testing::HasSubstr;

class PathRulesTest : public testing::Test {
 protected:
  PathRules compile(Config config) {
    if (config.capabilities.empty()) {
      config.capabilities = {Capability::fs_read, Capability::fs_write};
    }
    auto rules = PathRules::compile(config);
    EXPECT_TRUE(rules) << rules.error().message;
    return rules ? std::move(*rules) : PathRules();
  }
  PathRules compile(std::vector<PathRule> rules) {
    return compile(Config{.allowed_paths = std::move(rules)});
  }
  Error refusal(std::vector<PathRule> rules) {
    auto compiled = PathRules::compile(
        Config{.capabilities = {Capability::fs_read}, .allowed_paths = std::move(rules)});
    EXPECT_FALSE(compiled);
    return compiled ? Error{} : compiled.error();
  }
  std::string in(std::string_view name) const { return folder_.path(name); }

  TestFolder folder_;
};

TEST_F(PathRulesTest, NoRuleAllowsNothing) {
  const PathRules rules = compile(std::vector<PathRule>{});
  for (const char* path : {"/", "/etc", "/etc/passwd", "/home/u/.ssh"}) {
    EXPECT_EQ(rules.judge(path).access, PathAccess::none) << path;
    EXPECT_EQ(rules.judge(path).root, nullptr);
  }
  EXPECT_EQ(PathRules().judge("/etc").access, PathAccess::none);
}

TEST_F(PathRulesTest, AFolderOpensWhatIsInItAndNotItsNeighbours) {
  folder_.make_folder("work/sub");
  folder_.make_folder("work-evil");
  const PathRules rules = compile({in("work")});
  EXPECT_EQ(rules.judge(in("work")).access, PathAccess::read_write);
  EXPECT_EQ(rules.judge(in("work/sub/x")).access, PathAccess::read_write);
  EXPECT_EQ(rules.judge(in("work-evil/x")).access, PathAccess::none);
  EXPECT_EQ(rules.judge(in("wor")).access, PathAccess::none);
  EXPECT_EQ(rules.judge(folder_.path()).access, PathAccess::none);
  EXPECT_EQ(rules.judge("/").access, PathAccess::none);
}

TEST_F(PathRulesTest, AFileOpensItselfAlone) {
  folder_.write("work/file", "x");
  const PathRules rules = compile({in("work/file")});
  EXPECT_EQ(rules.judge(in("work/file")).access, PathAccess::read_write);
  EXPECT_EQ(rules.judge(in("work/file/beneath")).access, PathAccess::none);
  EXPECT_EQ(rules.judge(in("work/file2")).access, PathAccess::none);
  EXPECT_EQ(rules.judge(in("work")).access, PathAccess::none);
}

TEST_F(PathRulesTest, AccessIsWhatTheRuleAndTheCapabilitiesSay) {
  const auto access = [&](std::vector<Capability> capabilities, PathAccess wanted) {
    return compile(Config{.capabilities = std::move(capabilities),
                          .allowed_paths = {PathRule(folder_.path(), wanted)}})
        .judge(folder_.path())
        .access;
  };
  const auto reading = Capability::fs_read;
  const auto writing = Capability::fs_write;
  EXPECT_EQ(access({reading}, PathAccess::automatic), PathAccess::read);
  EXPECT_EQ(access({reading, writing}, PathAccess::automatic), PathAccess::read_write);
  EXPECT_EQ(access({writing}, PathAccess::automatic), PathAccess::read_write);
  EXPECT_EQ(access({reading, writing}, PathAccess::read), PathAccess::read);
  EXPECT_EQ(access({reading}, PathAccess::read_write), PathAccess::read);
  EXPECT_EQ(access({writing}, PathAccess::read), PathAccess::none);
  EXPECT_EQ(access({Capability::exec_run}, PathAccess::read_write), PathAccess::none);
}

TEST_F(PathRulesTest, ARootWithoutAnyUseIsNotDerivedFrom) {
  const PathRules rules =
      compile(Config{.capabilities = {Capability::net_http}, .allowed_paths = {folder_.path()}});
  EXPECT_TRUE(rules.roots().empty());
  EXPECT_EQ(rules.judge(folder_.path()).root, nullptr);
  EXPECT_THAT(std::string(rules.judge(folder_.path()).reason), HasSubstr("fs_read"));
}

TEST_F(PathRulesTest, TheLongestRuleWinsInAnyOrder) {
  folder_.make_folder("a/b/c/d");
  const std::vector<PathRule> in_order = {{in("a")},
                                          {in("a/b"), PathAccess::none},
                                          {in("a/b/c"), PathAccess::read},
                                          {in("a/b/c/d"), PathAccess::read_write}};
  for (const auto& list : {in_order, std::vector(in_order.rbegin(), in_order.rend())}) {
    const PathRules rules = compile(list);
    EXPECT_EQ(rules.judge(in("a/x")).access, PathAccess::read_write);
    EXPECT_EQ(rules.judge(in("a/b")).access, PathAccess::none);
    EXPECT_EQ(rules.judge(in("a/b/x")).access, PathAccess::none);
    EXPECT_EQ(rules.judge(in("a/b/c/x")).access, PathAccess::read);
    EXPECT_EQ(rules.judge(in("a/b/c/d/x")).access, PathAccess::read_write);
    EXPECT_EQ(rules.judge(in("a/b/c/d/x")).root->path, in("a/b/c/d"));
  }
}

TEST_F(PathRulesTest, OfEqualRulesTheStricterWins) {
  folder_.make_folder("a");
  const PathRules rules = compile({{in("a"), PathAccess::read_write}, {in("a"), PathAccess::read}});
  EXPECT_EQ(rules.judge(in("a/x")).access, PathAccess::read);
  for (const auto& root : rules.roots()) {
    EXPECT_EQ(root->access, PathAccess::read) << "what is derived from it must not open more";
  }
  const PathRules closed = compile({{in("a")}, {in("a"), PathAccess::none}});
  EXPECT_EQ(closed.judge(in("a/x")).access, PathAccess::none);
  EXPECT_TRUE(closed.roots().empty());
}

TEST_F(PathRulesTest, PatternsTakeAwayAtAnyDepth) {
  folder_.make_folder("w/deep/.git/pub");
  const PathRules rules = compile({{in("w")},
                                   {"**/.git", PathAccess::none},
                                   {"**/*.pem", PathAccess::none},
                                   {in("w/deep/.git/pub"), PathAccess::read}});
  EXPECT_EQ(rules.judge(in("w/.git")).access, PathAccess::none);
  EXPECT_EQ(rules.judge(in("w/x/y/.git/objects/z")).access, PathAccess::none);
  EXPECT_EQ(rules.judge(in("w/.github")).access, PathAccess::read_write);
  EXPECT_EQ(rules.judge(in("w/key.pem")).access, PathAccess::none);
  EXPECT_EQ(rules.judge(in("w/key.pem/x")).access, PathAccess::none);
  EXPECT_EQ(rules.judge(in("w/deep/.git/x")).access, PathAccess::none);
  EXPECT_EQ(rules.judge(in("w/deep/.git/pub/x")).access, PathAccess::read) << "a longer rule";
  EXPECT_EQ(rules.judge(in("w/deep/.git/pub/k.pem")).access, PathAccess::none);
  EXPECT_EQ(std::string(rules.judge(in("w/.git")).rule), "allowed_paths[1] \"**/.git\" (none)");
}

TEST_F(PathRulesTest, AtEqualLengthAPatternWinsOverTheRule) {
  folder_.make_folder("w/.git");
  const PathRules rules = compile({{in("w/.git")}, {"**/.git", PathAccess::none}});
  EXPECT_EQ(rules.judge(in("w/.git/x")).access, PathAccess::none);
}

TEST_F(PathRulesTest, SecretsAreClosedUnlessARuleNamesThem) {
  folder_.make_folder("home/.ssh");
  folder_.write("home/.aws/credentials", "");
  const PathRules rules = compile({{in("home")}});
  for (const char* secret :
       {"home/.ssh", "home/.ssh/id_rsa", "home/x/.env", "home/.env.local", "home/.aws/credentials",
        "home/.config/gcloud/db", "home/.docker/config.json", "home/p/.git/hooks/pre-commit",
        "home/.bashrc", "home/.config/google-chrome-beta/Default/Cookies"}) {
    EXPECT_EQ(rules.judge(in(secret)).access, PathAccess::none) << secret;
  }
  EXPECT_EQ(rules.judge(in("home/p/.git/config")).access, PathAccess::read);
  for (const char* open :
       {"home/.env.example", "home/.env.local.sample", "home/.envy", "home/.config/x",
        "home/.docker/x", "home/p/.git/HEAD", "home/.ssh2", "home/.config/gcloudy"}) {
    EXPECT_EQ(rules.judge(in(open)).access, PathAccess::read_write) << open;
  }
  EXPECT_EQ(std::string(rules.judge(in("home/.ssh/id_rsa")).rule),
            "built-in secret **/.ssh (SSH keys)");

  const PathRules named = compile({{in("home")}, {in("home/.ssh")}, {in("home/.aws/credentials")}});
  EXPECT_EQ(named.judge(in("home/.ssh/id_rsa")).access, PathAccess::read_write);
  EXPECT_EQ(named.judge(in("home/.ssh/.env")).access, PathAccess::none) << "a secret in a secret";
  EXPECT_EQ(named.judge(in("home/.aws/credentials")).access, PathAccess::read_write);
  EXPECT_EQ(named.judge(in("home/.aws/config")).access, PathAccess::none);

  const PathRules all = compile(Config{.allowed_paths = {in("home")}, .allow_secrets = true});
  EXPECT_EQ(all.judge(in("home/.ssh/id_rsa")).access, PathAccess::read_write);
}

TEST_F(PathRulesTest, AUserPatternClosesEvenAnExampleOfASecret) {
  const PathRules rules = compile({{folder_.path()}, {"**/.env.*", PathAccess::none}});
  EXPECT_EQ(rules.judge(in(".env.example")).access, PathAccess::none);
}

TEST_F(PathRulesTest, EverythingIsTheRootAndStillHasSecrets) {
  const PathRules rules = compile({{"*", PathAccess::read}});
  EXPECT_EQ(rules.judge("/").access, PathAccess::read);
  EXPECT_EQ(rules.judge("/etc/hosts").access, PathAccess::read);
  EXPECT_EQ(rules.roots().at(0)->path, "/");
  for (const char* path : {"/etc/shadow", "/proc/1/environ", "/proc/self/fd/3", "/proc/1/root/etc",
                           "/proc/7/task/7/mem", "/proc/kcore", "/run/secrets/x"}) {
    EXPECT_EQ(rules.judge(path).access, PathAccess::none) << path;
  }
  EXPECT_EQ(rules.judge("/proc/1/status").access, PathAccess::read);
}

TEST_F(PathRulesTest, RulesAreCanonicalAndTheSpellingIsRemembered) {
  folder_.make_folder("real/sub");
  folder_.link("alias", "real");
  const PathRules rules = compile({{in("alias/sub")}});
  EXPECT_EQ(rules.roots().at(0)->path, in("real/sub"));
  EXPECT_EQ(rules.roots().at(0)->guest_path, in("alias/sub"));
  EXPECT_EQ(rules.judge(in("real/sub/x")).access, PathAccess::read_write);
  EXPECT_EQ(rules.judge(in("alias/sub/x")).access, PathAccess::none) << "not canonical";
  EXPECT_EQ(rules.resolve_spelling(in("alias/sub/x")), in("real/sub/x"));
  EXPECT_EQ(rules.resolve_spelling(in("alias/other")), std::nullopt);
}

TEST_F(PathRulesTest, ARuleWithAParentStepIsSpelledAsItWasFound) {
  folder_.make_folder("real/sub");
  folder_.make_folder("other");
  folder_.link("alias", "real/sub");
  const PathRules rules = compile({{in("alias/../../other")}});
  EXPECT_EQ(rules.roots().at(0)->path, in("other"));
  EXPECT_EQ(rules.roots().at(0)->guest_path, in("other"));
  EXPECT_EQ(rules.judge(in("other/x")).access, PathAccess::read_write);
  EXPECT_EQ(rules.judge(in("real/x")).access, PathAccess::none);
}

TEST_F(PathRulesTest, NoneFollowsLinksToWhatItMeans) {
  folder_.make_folder("w/real");
  folder_.link("w/alias", "real");
  const PathRules rules = compile({{in("w")},
                                   {in("w/alias"), PathAccess::none},
                                   {in("w/alias/later"), PathAccess::none},
                                   {in("w/not/there"), PathAccess::none}});
  EXPECT_EQ(rules.judge(in("w/real/x")).access, PathAccess::none);
  EXPECT_EQ(rules.judge(in("w/alias")).access, PathAccess::none);
  EXPECT_EQ(rules.judge(in("w/not/there/x")).access, PathAccess::none);
  EXPECT_EQ(rules.judge(in("w/not")).access, PathAccess::read_write);

  folder_.link("w/other", "real");
  const PathRules missing = compile({{in("w")}, {in("w/other/later"), PathAccess::none}});
  EXPECT_EQ(missing.judge(in("w/real/later/x")).access, PathAccess::none);
  EXPECT_EQ(missing.judge(in("w/real/x")).access, PathAccess::read_write);
}

TEST_F(PathRulesTest, GuestNamesMapToTheHost) {
  folder_.make_folder("a/nested");
  folder_.make_folder("b");
  const PathRules rules =
      compile({{in("a"), PathAccess::automatic, "/"}, {in("b"), PathAccess::automatic, "/mnt/b/"}});
  EXPECT_EQ(rules.host_path_of("/"), in("a"));
  EXPECT_EQ(rules.host_path_of("/x/y"), in("a/x/y"));
  EXPECT_EQ(rules.host_path_of("/mnt"), in("a/mnt"));
  EXPECT_EQ(rules.host_path_of("/mnt/b"), in("b"));
  EXPECT_EQ(rules.host_path_of("/mnt/b/x"), in("b/x"));
  EXPECT_EQ(rules.host_path_of("/mnt/bb"), in("a/mnt/bb"));
  const PathRules same = compile({{in("a")}});
  EXPECT_EQ(same.host_path_of(in("a/x")), in("a/x"));
  EXPECT_EQ(same.host_path_of("/x"), std::nullopt);
  EXPECT_EQ(compile({{"*"}}).host_path_of("/etc/x"), "/etc/x");
}

TEST_F(PathRulesTest, KnowsTheWayToItsRoots) {
  folder_.make_folder("a/b/c");
  const PathRules rules = compile({{in("a/b")}, {in("a/x/y"), PathAccess::none}});
  EXPECT_TRUE(rules.is_above_root("/"));
  EXPECT_TRUE(rules.is_above_root(in("a")));
  EXPECT_FALSE(rules.is_above_root(in("a/b")));
  EXPECT_FALSE(rules.is_above_root(in("a/b/c")));
  EXPECT_FALSE(rules.is_above_root(in("a/x"))) << "nothing is open beneath";
}

TEST_F(PathRulesTest, KnowsWhatMustNotBeMoved) {
  folder_.make_folder("w/a/ro");
  folder_.make_folder("w/a/rw");
  folder_.make_folder("w/c/rw");
  const PathRules rules = compile({{in("w")},
                                   {in("w/a/ro"), PathAccess::read},
                                   {in("w/a/rw")},
                                   {in("w/c/rw")},
                                   {in("w/d/secret"), PathAccess::none},
                                   {"**/keep/me", PathAccess::none}});
  EXPECT_THAT(std::string(rules.rule_below(in("w/a"))), HasSubstr("allowed_paths[1]"));
  EXPECT_THAT(std::string(rules.rule_below(in("w"))), HasSubstr("allowed_paths["));
  EXPECT_THAT(std::string(rules.rule_below(in("w/d"))), HasSubstr("allowed_paths[4]"));
  EXPECT_THAT(std::string(rules.rule_below(in("w/z/keep"))), HasSubstr("**/keep/me"));
  EXPECT_THAT(std::string(rules.rule_below(in("w/p/.git"))), HasSubstr("built-in secret"));
  EXPECT_EQ(rules.rule_below(in("w/c")), "") << "a rule beneath that opens as much";
  EXPECT_EQ(rules.rule_below(in("w/z")), "");
  EXPECT_EQ(rules.rule_below(in("w/z/file")), "");
}

TEST_F(PathRulesTest, MistakesNameTheRule) {
  folder_.make_folder("a");
  folder_.make_folder("b");
  const auto expect = [this](ErrorKind kind, const char* text, std::vector<PathRule> list) {
    list.insert(list.begin(), PathRule(in("a")));
    const Error error = refusal(list);
    EXPECT_EQ(error.kind, kind) << error.message;
    EXPECT_THAT(error.message, HasSubstr("allowed_paths[1]"));
    EXPECT_THAT(error.message, HasSubstr(text));
  };
  const auto invalid = ErrorKind::invalid_argument;
  expect(ErrorKind::not_found, "create it", {in("missing")});
  expect(ErrorKind::not_found, "create it", {in("missing/deeper")});
  expect(invalid, "absolute", {"relative/path"});
  expect(invalid, "absolute", {"~/x"});
  expect(invalid, "empty", {""});
  expect(invalid, "NUL", {std::string("/a\0b", 4)});
  expect(invalid, "wildcards", {in("*")});
  expect(invalid, "wildcards", {{in("*.pem"), PathAccess::none}});
  expect(invalid, "access: none", {"**/.git"});
  expect(invalid, "access: none", {{"**/.git", PathAccess::read}});
  expect(invalid, "pattern", {{"**/a/**/b", PathAccess::none}});
  expect(invalid, "..", {{in("a/../b"), PathAccess::none}});
  expect(invalid, "guest_path", {{in("b"), PathAccess::automatic, "relative"}});
  expect(invalid, "guest_path", {{in("b"), PathAccess::automatic, "/x/../y"}});
  expect(invalid, "guest_path", {{in("b"), PathAccess::none, "/x"}});
  expect(invalid, "guest_path", {{"**/x", PathAccess::none, "/x"}});
  expect(invalid, "another guest_path", {{in("b"), PathAccess::automatic, in("a")}});
  expect(invalid, "link of /proc", {{"/proc/self/cwd"}});
  expect(invalid, "link of /proc", {{"/proc/self/fd/0"}});
}

TEST_F(PathRulesTest, TheSameRuleTwiceIsOneRule) {
  folder_.make_folder("a");
  const PathRules rules = compile({{in("a")}, {in("a/")}});
  EXPECT_EQ(rules.judge(in("a/x")).access, PathAccess::read_write);
}

TEST_F(PathRulesTest, TooFewOpenFilesIsSaid) {
  std::vector<PathRule> list;
  for (int i = 0; i < 64; ++i) {
    folder_.make_folder(fmt::format("f{}", i));
    list.emplace_back(in(fmt::format("f{}", i)));
  }
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  const rlimit few{32, before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &few), 0);
  const auto compiled =
      PathRules::compile(Config{.capabilities = {Capability::fs_read}, .allowed_paths = list});
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
  ASSERT_FALSE(compiled);
  EXPECT_EQ(compiled.error().kind, ErrorKind::limit);
  EXPECT_THAT(compiled.error().message, HasSubstr("ulimit -n"));
}

TEST_F(PathRulesTest, ManyRulesAreJudgedRight) {
  std::vector<PathRule> list = {{folder_.path()}};
  for (int i = 0; i < 500; ++i) {
    list.emplace_back(in(fmt::format("d{}/x", i)), PathAccess::none);
    list.emplace_back(fmt::format("**/*.ext{}", i), PathAccess::none);
  }
  const PathRules rules = compile(list);
  for (int i = 0; i < 500; ++i) {
    EXPECT_EQ(rules.judge(in(fmt::format("d{}/x/y", i))).access, PathAccess::none);
    EXPECT_EQ(rules.judge(in(fmt::format("d{}/y", i))).access, PathAccess::read_write);
    EXPECT_EQ(rules.judge(in(fmt::format("q.ext{}", i))).access, PathAccess::none);
  }
  EXPECT_EQ(rules.judge(in("q.ext")).access, PathAccess::read_write);
}

}  // namespace
}  // namespace omnisandbox::policy
