#include "docker/command_line.h"
#include "docker/docker_fixture.h"
#include "docker/image/local_image.h"
#include "docker/test_registry.h"

namespace omnisandbox::docker::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using Clock = std::chrono::steady_clock;

DockerConfig pulled(const std::string& name, PullPolicy pull) {
  return {.image = name, .pull = pull};
}

/// The registry of this program, made when it is first needed.
TestRegistry& registry() {
  static TestRegistry the_registry;
  return the_registry;
}

std::string output_of(const std::string& command) {
  FILE* pipe = ::popen(command.c_str(), "r");
  std::string output;
  std::array<char, 4096> buffer;
  for (std::size_t count = 0; (count = std::fread(buffer.data(), 1, buffer.size(), pipe)) > 0;) {
    output.append(buffer.data(), count);
  }
  ::pclose(pipe);
  return output.substr(0, output.find_last_not_of('\n') + 1);
}

std::string docker(const std::string& words) {
  return output_of("docker -H " + test_engine().address() + " " + words + " 2>&1");
}

/// Takes images from the engine, once nothing runs in them any more.
void forget(const std::string& names) {
  EXPECT_EQ(containers_left(), 0U);
  docker("rmi -f " + names);
}

TEST(DockerImages, APullNeedsThePolicyAndCredentialsAndReportsItsLayers) {
  test_engine().make_image("published:1", "ENV WHICH=first");
  registry().publish(test_engine(), "published:1", "tool:1");
  const std::string name = registry().host() + "/tool:1";
  docker("rmi published:1");
  const Config config = allowing({"sh"});

  const auto never = sandbox(pulled(name, PullPolicy::never), config).run_shell("true");
  ASSERT_FALSE(never);
  EXPECT_EQ(never.error().kind, ErrorKind::not_found);
  EXPECT_THAT(never.error().message, HasSubstr("docker.pull"));

  SharedFolder nobody;
  nobody.write("config.json", "{}");
  const auto refused = sandbox(pulled(name, PullPolicy::missing), config,
                               {.registry_config = (nobody.path() / "config.json").string()})
                           .run_shell("true");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::not_found) << refused.error().message;
  EXPECT_THAT(refused.error().message, HasSubstr("docker login"));
  EXPECT_THAT(docker("images -q " + name), testing::IsEmpty());

  auto with_credentials = sandbox(pulled(name, PullPolicy::missing), config,
                                  {.registry_config = registry().config_file()});
  std::vector<PullProgress> progress;
  const auto keep = [&progress](const PullProgress& each) { progress.push_back(each); };
  const Result result = must(with_credentials.run_shell("echo $WHICH", {.on_pull = keep}));
  EXPECT_EQ(result.stdout_data, "first\n") << told(result);
  EXPECT_THAT(result.sandbox.layers,
              testing::Contains(AllOf(HasSubstr(name), HasSubstr("@sha256:"))));
  EXPECT_TRUE(std::any_of(progress.begin(), progress.end(), [](const PullProgress& each) {
    // The layer's content is that of another image, which the engine has.
    return each.layer.size() == 12 &&
           (each.status == "Pull complete" || each.status == "Already exists");
  }));
  // It is there now: nobody asks the registry.
  progress.clear();
  must(with_credentials.run_shell("true", {.on_pull = keep}));
  EXPECT_TRUE(progress.empty());
}

TEST(DockerImages, AMovedTagIsFollowedOnlyWhereThePolicySaysAlwaysAndADigestStays) {
  const std::string name = registry().host() + "/moving:1";
  const Config config = allowing({"sh"});
  const DockerSandboxOptions options{.registry_config = registry().config_file()};
  const auto which = [&](const std::string& image, PullPolicy pull) {
    return must(sandbox(pulled(image, pull), config, options).run_shell("echo $WHICH")).stdout_data;
  };
  test_engine().make_image("moving:1", "ENV WHICH=first");
  registry().publish(test_engine(), "moving:1", "moving:1");
  const auto first = sandbox(pulled(name, PullPolicy::missing), config, options).prepare_image();
  ASSERT_TRUE(first) << first.error().message;
  EXPECT_THAT(*first, HasSubstr("moving@sha256:"));
  test_engine().make_image("moving:2", "ENV WHICH=second");
  docker("tag " + name + " kept:1");
  registry().publish(test_engine(), "moving:2", "moving:1");
  docker("tag kept:1 " + name);
  EXPECT_EQ(which(name, PullPolicy::missing), "first\n");
  EXPECT_EQ(which(name, PullPolicy::always), "second\n");
  // Fetched by what it is, not by what it is called.
  forget("kept:1 moving:1 " + *first);
  EXPECT_EQ(which(*first, PullPolicy::missing), "first\n");
  const auto other = sandbox(pulled(registry().host() + "/moving@sha256:" + std::string(64, '0'),
                                    PullPolicy::missing),
                             config, options)
                         .run_shell("true");
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().kind, ErrorKind::not_found) << other.error().message;
}

TEST(DockerImages, ASilentRegistryEndsThePullAtItsOwnDeadlineAndAStopBefore) {
  const SilentPort silent;
  DockerConfig config =
      pulled("127.0.0.1:" + std::to_string(silent.port()) + "/tool:1", PullPolicy::missing);
  config.pull_timeout = milliseconds(1500);
  const auto start = Clock::now();
  const auto late = sandbox(config, allowing({"sh"})).run_shell("true");
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().kind, ErrorKind::timeout) << late.error().message;
  EXPECT_THAT(late.error().message, HasSubstr("pull_timeout"));
  EXPECT_GE(Clock::now() - start, milliseconds(1500));
  EXPECT_LT(Clock::now() - start, seconds(20));
  config.pull_timeout = seconds(300);
  std::stop_source stop;
  const std::jthread stopper([&stop] {
    std::this_thread::sleep_for(milliseconds(500));
    stop.request_stop();
  });
  const auto stopped =
      sandbox(config, allowing({"sh"})).run_shell("true", {.stop = stop.get_token()});
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().kind, ErrorKind::cancelled) << stopped.error().message;
}

TEST(DockerImages, ATerminalIsToldHowFarAPullIsAndNobodyElse) {
  test_engine().make_image("shown:1", "ENV WHICH=shown");
  registry().publish(test_engine(), "shown:1", "shown:1");
  const std::string name = registry().host() + "/shown:1";
  SharedFolder folder;
  const std::string words =
      "run " + policy_file(folder, "docker: {image: \"" + name + "\", pull: missing}\n") +
      "--sandbox docker -- sh -c 'echo $WHICH'";
  const std::string login =
      "DOCKER_CONFIG=" + fs::path(registry().config_file()).parent_path().string() + " ";
  folder.write("run.sh", login + "DOCKER_HOST=" + test_engine().address() +
                             " " OMNISANDBOX_COMMAND " " + words + "\n");
  const auto on_terminal = [&](const std::string& variables) {
    EXPECT_EQ(containers_left(), 0U);
    docker("rmi " + name);
    return output_of(variables + " script -qec 'sh " + (folder.path() / "run.sh").string() +
                     "' /dev/null");
  };
  const std::string progress = " fetching the image: ";
  EXPECT_THAT(on_terminal("TERM=xterm"),
              AllOf(HasSubstr("\033[1momnisandbox:\033[0m" + progress), HasSubstr("shown")));
  EXPECT_THAT(on_terminal("TERM=xterm NO_COLOR=1"),
              AllOf(HasSubstr("\033[Komnisandbox:" + progress), HasSubstr("shown")));
  EXPECT_EQ(on_terminal("TERM=dumb"), "shown\r");
  EXPECT_EQ(containers_left(), 0U);
  docker("rmi " + name);
  const Ran piped = omnisandbox_command(words, test_engine().address(), login);
  EXPECT_EQ(piped.output, "shown\n");
}

TEST(DockerImages, APullOfTheCommandLineHasItsOwnTime) {
  const SilentPort silent;
  SharedFolder folder;
  const std::string policy =
      policy_file(folder, "docker: {image: \"127.0.0.1:" + std::to_string(silent.port()) +
                              "/tool:1\", pull: missing, pull_timeout: 2500ms}\n");
  const auto start = Clock::now();
  const Ran late =
      omnisandbox_command("run " + policy + "--timeout 1s --sandbox docker -- sh -c true");
  EXPECT_EQ(late.code, 124) << late.output;
  EXPECT_THAT(late.output, HasSubstr("pull_timeout"));
  EXPECT_GE(Clock::now() - start, milliseconds(2500));
}

/// A saved image, and the same one as an OCI layout, while the engine does not have it.
class SavedImage {
 public:
  explicit SavedImage(const std::string& which) {
    const std::string name = "saved:" + which;
    // A layer of its own: one that the engine has already would not be read from the file.
    std::ofstream(test_engine().folder() / "root/etc/which") << which;
    test_engine().make_image(name, "ENV WHICH=" + which);
    EXPECT_EQ(docker("save -o " + archive() + " " + name), "");
    docker("rmi " + name);
    std::ofstream(folder_.path() / "convert.py") << R"(
import hashlib, json, os, sys, tarfile
folder = sys.argv[1]
os.makedirs(folder + "/layout/blobs/sha256")
def blob(data, **more):
    digest = hashlib.sha256(data).hexdigest()
    open(folder + "/layout/blobs/sha256/" + digest, "wb").write(data)
    return dict(digest="sha256:" + digest, size=len(data), **more)
with tarfile.open(folder + "/image.tar") as tar:
    read = lambda name: tar.extractfile(name).read()
    saved = json.loads(read("manifest.json"))[0]
    manifest = dict(schemaVersion=2, config=blob(read(saved["Config"])), layers=[blob(read(l)) for l in saved["Layers"]])
entry = blob(json.dumps(manifest).encode(), annotations={"org.opencontainers.image.ref.name": "v1"})
other = dict(entry, platform=dict(os="windows", architecture="amd64"))
open(folder + "/layout/index.json", "w").write(json.dumps(dict(schemaVersion=2, manifests=[other, entry])))
print(manifest["config"]["digest"], manifest["layers"][0]["digest"][7:], end="")
)";
    const std::string told = output_of("python3 " + (folder_.path() / "convert.py").string() + " " +
                                       folder_.path().string());
    id_ = told.substr(0, told.find(' '));
    layer_ = told.substr(told.find(' ') + 1);
  }
  std::string archive() const { return (folder_.path() / "image.tar").string(); }
  std::string layout() const { return (folder_.path() / "layout").string(); }
  std::string layer_file() const { return layout() + "/blobs/sha256/" + layer_; }
  const std::string& id() const { return id_; }

 private:
  SharedFolder folder_;
  std::string id_;
  std::string layer_;
};

TEST(DockerImages, AnArchiveOrALayoutIsLoadedAndGivesNobodyAName) {
  const SavedImage saved("archived");
  const Config config = allowing({"sh"});
  auto from_archive = sandbox(image("docker-archive:" + saved.archive()), config);
  const Result first = must(from_archive.run_shell("echo $WHICH"));
  EXPECT_EQ(first.stdout_data, "archived\n") << told(first);
  EXPECT_THAT(first.sandbox.layers, testing::Contains(HasSubstr(saved.id())));
  EXPECT_THAT(docker("images -q saved:archived"), testing::IsEmpty());
  // Known by its digest: loaded once.
  EXPECT_EQ(from_archive.prepare_image().value(), saved.id());
  forget(saved.id());
  EXPECT_THAT(docker("images -aq --no-trunc"), Not(HasSubstr(saved.id())));
  const Result second =
      must(sandbox(image("oci:" + saved.layout() + ":v1"), config).run_shell("echo $WHICH"));
  EXPECT_EQ(second.stdout_data, "archived\n") << told(second);
  const auto missing = sandbox(image("oci:" + saved.layout() + ":v2"), config).run_shell("true");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().kind, ErrorKind::not_found) << missing.error().message;
}

TEST(DockerImages, WhatIsNotWhatItsDigestSaysIsNeverRun) {
  const SavedImage saved("changed");
  const Config config = allowing({"sh"});
  const std::string name = "oci:" + saved.layout() + ":v1";
  const std::string all = output_of("cat " + saved.layer_file() + " | wc -c");
  // One byte of a program within the layer.
  std::fstream layer(saved.layer_file(), std::ios::in | std::ios::out | std::ios::binary);
  layer.seekp(std::stoll(all) / 2);
  layer.put('!').flush();
  const auto changed = sandbox(image(name), config).run_shell("true");
  ASSERT_FALSE(changed);
  EXPECT_THAT(docker("images -aq --no-trunc"), Not(HasSubstr(saved.id())));
  layer.close();
  std::filesystem::resize_file(saved.layer_file(), 1000);
  EXPECT_FALSE(sandbox(image(name), config).run_shell("true"));
  // A blob that leads out of the layout.
  std::filesystem::remove(saved.layer_file());
  std::filesystem::create_symlink("/etc/passwd", saved.layer_file());
  EXPECT_FALSE(sandbox(image(name), config).run_shell("true"));
  std::ofstream(saved.layout() + "/blobs/sha256/" + saved.id().substr(7), std::ios::app) << " ";
  const auto described = open_oci_layout(saved.layout(), "v1");
  ASSERT_FALSE(described);
  EXPECT_EQ(described.error().kind, ErrorKind::invalid_argument);
  std::filesystem::resize_file(saved.archive(), 5000);
  EXPECT_FALSE(sandbox(image("docker-archive:" + saved.archive()), config).run_shell("true"));
  EXPECT_EQ(containers_left(), 0U);
}

}  // namespace
}  // namespace omnisandbox::docker::test
