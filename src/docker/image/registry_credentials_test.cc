#include "docker/image/registry_credentials.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "docker/image/credential_helper.h"

namespace omnisandbox::docker {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using testing::Not;

Patience soon() {
  return {.until = std::chrono::steady_clock::now() + std::chrono::seconds(60), .stop = {}};
}

class Folder {
 public:
  Folder() {
    std::string path = "/tmp/omnisandbox-credentials-XXXXXX";
    EXPECT_NE(::mkdtemp(path.data()), nullptr);
    path_ = path;
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  std::string write(const std::string& name, const std::string& content) const {
    std::ofstream(path_ / name) << content;
    std::filesystem::permissions(path_ / name, std::filesystem::perms(0755));
    return (path_ / name).string();
  }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

json decoded(std::string header) {
  for (char& c : header) c = c == '-' ? '+' : c == '_' ? '/' : c;
  std::string bytes(header.size(), '\0');
  EVP_DecodeBlock(reinterpret_cast<unsigned char*>(bytes.data()),
                  reinterpret_cast<const unsigned char*>(header.data()),
                  static_cast<int>(header.size()));
  return json::parse(bytes.substr(0, bytes.rfind('}') + 1), nullptr, false);
}

TEST(RegistryCredentials, AreFoundForTheirRegistryAlone) {
  const Folder folder;
  // "user:pass?>word" in base64; the header uses the alphabet for URLs.
  const std::string file = folder.write("config.json", R"({"auths": {
      "registry.example:5000": {"auth": "dXNlcjpwYXNzPz53b3Jk"},
      "https://other.example/v1/": {"username": "u", "password": "p:q"},
      "token.example": {"identitytoken": "t0ken"},
      "empty.example": {},
      "https://index.docker.io/v1/": {"auth": "aHViOnNlY3JldA=="}}})");
  const auto header = [&](const char* registry) {
    const auto auth = registry_auth(file, registry, soon());
    EXPECT_TRUE(auth) << auth.error().message;
    return auth ? *auth : "";
  };
  EXPECT_EQ(decoded(header("registry.example:5000")),
            (json{{"username", "user"},
                  {"password", "pass?>word"},
                  {"serveraddress", "registry.example:5000"}}));
  EXPECT_EQ(decoded(header("other.example"))["password"], "p:q");
  EXPECT_EQ(decoded(header("token.example"))["identitytoken"], "t0ken");
  EXPECT_EQ(decoded(header("docker.io"))["serveraddress"], "https://index.docker.io/v1/");
  EXPECT_EQ(header("docker.io").find_first_of("+/"), std::string::npos);
  for (const char* other : {"registry.example", "example", "empty.example",
                            "x.registry.example:5000", "registry.example:50000"}) {
    EXPECT_EQ(header(other), "") << other;
  }
}

TEST(RegistryCredentials, AHelperIsAskedForItsRegistry) {
  const Folder folder;
  folder.write("docker-credential-good",
               "#!/bin/sh\nread server\n[ \"$1\" = get ] || exit 2\n"
               "printf '{\"ServerURL\":\"%s\",\"Username\":\"of %s\",\"Secret\":\"hunter2\"}' "
               "\"$server\" \"$server\"\n");
  folder.write("docker-credential-token",
               "#!/bin/sh\necho '{\"Username\":\"<token>\",\"Secret\":\"abc\"}'\n");
  folder.write("docker-credential-none",
               "#!/bin/sh\necho credentials not found in native keychain; exit 1\n");
  folder.write("docker-credential-broken", "#!/bin/sh\necho hunter2; exit 1\n");
  folder.write("docker-credential-noise", "#!/bin/sh\necho hunter2\n");
  folder.write("docker-credential-flood", "#!/bin/sh\nexec cat /dev/zero\n");
  const std::string file = folder.write("config.json", R"({
      "credsStore": "none",
      "credHelpers": {"a.example": "good", "b.example": "token", "c.example": "broken",
                      "d.example": "noise", "e.example": "flood", "f.example": "absent",
                      "g.example": "../../bin/true"}})");
  const std::string path = std::getenv("PATH");
  ::setenv("PATH", (folder.path().string() + ":" + path).c_str(), 1);
  const auto good = registry_auth(file, "a.example", soon());
  ASSERT_TRUE(good) << good.error().message;
  EXPECT_EQ(decoded(*good)["username"], "of a.example");
  EXPECT_EQ(decoded(*good)["password"], "hunter2");
  const auto token = registry_auth(file, "b.example", soon());
  ASSERT_TRUE(token) << token.error().message;
  EXPECT_EQ(decoded(*token)["identitytoken"], "abc");
  const auto none = registry_auth(file, "unknown.example", soon());
  ASSERT_TRUE(none) << none.error().message;
  EXPECT_EQ(*none, "");
  for (const char* registry : {"c.example", "d.example", "e.example", "f.example", "g.example"}) {
    const auto failed = registry_auth(file, registry, soon());
    ASSERT_FALSE(failed) << registry;
    EXPECT_THAT(failed.error().message, Not(HasSubstr("hunter2")));
  }
  // A relative entry of PATH is nobody's choice.
  ::setenv("PATH", ".", 1);
  EXPECT_FALSE(registry_auth(file, "a.example", soon()));
  ::setenv("PATH", path.c_str(), 1);
}

TEST(RegistryCredentials, AFileThatIsNoneIsAnErrorAndAMissingOneIsNot) {
  const Folder folder;
  for (const char* text : {"", "[]", "{", "7"}) {
    EXPECT_FALSE(registry_auth(folder.write("config.json", text), "a.example", soon())) << text;
  }
  for (const char* auth : {"!", "bm9jb2xvbg==", "OnNlY3JldA==", "aa"}) {
    const std::string text = R"({"auths": {"a.example": {"auth": ")" + std::string(auth) + "\"}}}";
    EXPECT_FALSE(registry_auth(folder.write("config.json", text), "a.example", soon())) << auth;
  }
  for (const char* odd : {R"({"auths": []})", R"({"auths": {"a.example": 7}, "credsStore": 7})",
                          R"({"credHelpers": {"a.example": 7}})", "{}"}) {
    const auto nothing = registry_auth(folder.write("config.json", odd), "a.example", soon());
    ASSERT_TRUE(nothing) << odd << nothing.error().message;
    EXPECT_EQ(*nothing, "");
  }
  EXPECT_FALSE(registry_auth((folder.path() / "missing").string(), "a.example", soon()));
  ::setenv("DOCKER_CONFIG", folder.path().c_str(), 1);
  EXPECT_EQ(default_registry_config(), (folder.path() / "config.json").string());
  std::filesystem::remove(folder.path() / "config.json");
  EXPECT_EQ(registry_auth("", "a.example", soon()).value(), "");
  ::unsetenv("DOCKER_CONFIG");
}

}  // namespace
}  // namespace omnisandbox::docker
