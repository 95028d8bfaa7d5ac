#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <set>
#include <string_view>
#include <thread>

#include "base/test_effort.h"
#include "docker/docker_fixture.h"
#include "docker/lying_engine.h"
#include "omnisandbox/docker_session.h"

namespace omnisandbox::docker::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using Clock = std::chrono::steady_clock;

DockerSession open_session(DockerSandbox& docker, const DockerSessionOptions& options = {}) {
  auto session = docker.open_session(options);
  EXPECT_TRUE(session) << (session ? "" : session.error().message);
  return *std::move(session);
}

ErrorKind kind_of(const auto& outcome) {
  EXPECT_FALSE(outcome.has_value());
  return outcome ? ErrorKind::internal : outcome.error().kind;
}

TEST(DockerSession, FilesStayFromOneCommandToTheNextAndProcessesDoNot) {
  auto docker = sandbox(image(), allowing({"sh", "cat", "missing"}));
  auto session = open_session(docker);
  EXPECT_EQ(our_containers().size(), 1U);
  const Result first =
      must(session.run_shell("echo kept > /tmp/file; (setsid sleep 100 &); echo $NAME; exit 3",
                             {.environment = {{"NAME", "first"}}}));
  EXPECT_EQ(first.exit_code, 3) << told(first);
  EXPECT_EQ(first.stdout_data, "first\n");
  // Neither variables nor processes of another command, and its output is its own.
  const auto start = Clock::now();
  const Result second = must(session.run_shell(
      "cat /tmp/file; echo \"[$NAME]\"; cat /proc/[0-9]*/cmdline | grep -c '[s]leep'; echo e >&2"));
  EXPECT_EQ(second.stdout_data, "kept\n[]\n0\n") << told(second);
  EXPECT_EQ(second.stderr_data, "e\n");
  EXPECT_LT(Clock::now() - start, seconds(5));
  EXPECT_NE(first.run_id, second.run_id);
  EXPECT_EQ(must(session.run("missing")).exit_code, 127);
  // Input that nobody reads is not the next command's.
  EXPECT_EQ(
      must(session.run_with_stdin("sh", {"-c", "exit 0"}, std::string(3'000'000, 'x'))).status,
      Status::ok);
  const std::string data(300'000, 'y');
  EXPECT_EQ(must(session.run_with_stdin("cat", {}, data)).stdout_data, data);
  EXPECT_EQ(our_containers().size(), 1U);
  EXPECT_TRUE(session.is_open());
  EXPECT_TRUE(session.close());
  EXPECT_EQ(our_containers().size(), 0U);
  EXPECT_FALSE(session.is_open());
  EXPECT_EQ(kind_of(session.run_shell("true")), ErrorKind::unavailable);
  EXPECT_TRUE(session.close());
}

TEST(DockerSession, EachCommandHasItsOwnDeadlineLimitsAndRecords) {
  std::mutex mutex;
  std::vector<AuditRecord> records;
  Config config = allowing({"sh", CommandRule("cat", {"/tmp/state"})});
  config.max_output_bytes = 1000;
  auto docker = sandbox(image(), config, {.audit = make_callback_audit([&](const auto& record) {
                                            const std::lock_guard lock(mutex);
                                            records.push_back(record);
                                          })});
  auto session = open_session(docker);
  const Result late = must(session.run_shell(
      "echo kept > /tmp/state; trap '' TERM; echo begun; sleep 100", {.timeout = seconds(1)}));
  EXPECT_EQ(late.status, Status::timeout) << told(late);
  EXPECT_EQ(late.stdout_data, "begun\n");
  EXPECT_EQ(must(session.run("cat", {"/tmp/state"})).stdout_data, "kept\n");
  EXPECT_EQ(kind_of(session.run("cat", {"/etc/passwd"})), ErrorKind::denied);
  const Result much =
      must(session.run_shell("dd if=/dev/zero bs=1000 count=5 2>/dev/null; echo end"));
  EXPECT_EQ(much.stdout_bytes, 5004U) << told(much);
  EXPECT_TRUE(much.stdout_truncated);
  std::stop_source stop;
  const Result stopped = must(session.run_shell(
      "trap 'echo cleaned; exit 5' TERM; echo begun; while :; do sleep 0.05; done",
      {.stop = stop.get_token(),
       .on_stdout = [&](std::string_view) { stop.request_stop(); },
       .stop_grace = seconds(20)}));
  EXPECT_EQ(stopped.exit_code, 5) << told(stopped);
  // A command that reads none of its input is ended as well.
  const Result full =
      must(session.run("sh", {"-c", "sleep 100"},
                       {.stdin_data = std::string(3'000'000, 'x'), .timeout = seconds(1)}));
  EXPECT_EQ(full.status, Status::timeout) << told(full);
  EXPECT_EQ(must(session.run("cat", {"/tmp/state"})).stdout_data, "kept\n");

  const std::lock_guard lock(mutex);
  const auto count = [&](const auto& matches) {
    return std::count_if(records.begin(), records.end(), matches);
  };
  EXPECT_EQ(count([](const AuditRecord& record) {
              return record.event == AuditRecord::Event::outcome && record.operation == "run";
            }),
            6);
  EXPECT_EQ(count([&](const AuditRecord& record) {
              return record.run_id == late.run_id && record.status == Status::timeout;
            }),
            1);
  EXPECT_EQ(count([](const AuditRecord& record) {
              return record.event != AuditRecord::Event::outcome && !record.granted &&
                     record.resource == "cat";
            }),
            1);
}

TEST(DockerSession, LimitsOfMemoryEndACommandAndNotTheNext) {
  DockerConfig config = image();
  config.memory_limit = 24 * 1024 * 1024;
  auto docker = sandbox(config, allowing({"sh"}));
  auto session = open_session(docker);
  const Result memory = must(session.run_shell("tail /dev/zero"));
  EXPECT_EQ(memory.status, Status::memory_limit) << told(memory);
  // The counters are the container's, and the next command is not told of what was before.
  const Result next = must(session.run_shell("echo next"));
  EXPECT_EQ(next.status, Status::ok) << told(next);
  EXPECT_EQ(next.stdout_data, "next\n");
}

TEST(DockerSession, ItsTimeToLiveEndsItWithoutAnybodyAsking) {
  auto docker = sandbox(image(), allowing({"sh"}));
  auto session = open_session(docker, {.time_to_live = seconds(2)});
  const Result cut = must(session.run_shell("sleep 100"));
  EXPECT_EQ(cut.status, Status::timeout) << told(cut);
  EXPECT_EQ(kind_of(session.run_shell("true")), ErrorKind::unavailable);
  auto idle = open_session(docker, {.time_to_live = milliseconds(500)});
  EXPECT_EQ(containers_left(), 0U);
  EXPECT_FALSE(idle.is_open());
  EXPECT_EQ(kind_of(docker.open_session({.time_to_live = milliseconds(0)})),
            ErrorKind::invalid_argument);
  EXPECT_EQ(kind_of(docker.open_session({.time_to_live = std::chrono::hours(25)})),
            ErrorKind::invalid_argument);
  // A stop of the session, and its end while a command runs.
  std::stop_source stop;
  auto stopped = open_session(docker, {.stop = stop.get_token()});
  const Result result = must(stopped.run_shell(
      "echo begun; sleep 100", {.on_stdout = [&](std::string_view) { stop.request_stop(); }}));
  EXPECT_EQ(result.status, Status::cancelled) << told(result);
  EXPECT_EQ(containers_left(), 0U);
}

TEST(DockerSession, SeveralMayCloseItWhileACommandRuns) {
  auto docker = sandbox(image(), allowing({"sh"}));
  auto session = open_session(docker);
  std::atomic<int> closed = 0;
  std::vector<std::jthread> threads;
  const Result result =
      must(session.run_shell("echo begun; sleep 100", {.on_stdout = [&](std::string_view) {
                               for (int index = 0; index < 3; ++index) {
                                 threads.emplace_back([&] { closed += session.close() ? 1 : 0; });
                               }
                             }}));
  EXPECT_EQ(result.status, Status::cancelled) << told(result);
  threads.clear();
  EXPECT_EQ(closed, 3);
  EXPECT_TRUE(our_containers().empty());
}

TEST(DockerSession, AContainerThatIsGoneOrARuleThatGivesLessIsTold) {
  CommandRule small("cat");
  small.memory_limit_mb = 16;
  auto docker = sandbox(image(), allowing({"sh", small}));
  auto session = open_session(docker);
  const auto narrower = session.run("cat", {"/etc/passwd"});
  EXPECT_EQ(kind_of(narrower), ErrorKind::denied);
  EXPECT_THAT(narrower.error().message, HasSubstr("memory"));
  for (const auto& each : our_containers()) {
    ASSERT_TRUE(test_engine().engine().remove(each.id, soon()));
  }
  const auto gone = session.run_shell("true");
  EXPECT_FALSE(gone && gone->status == Status::ok);
  EXPECT_EQ(kind_of(session.run_shell("true")), ErrorKind::unavailable);
  Config nothing;
  nothing.capabilities = {Capability::fs_read};
  EXPECT_EQ(kind_of(sandbox(image(), nothing).open_session({})), ErrorKind::denied);
  EXPECT_EQ(containers_left(), 0U);
}

TEST(DockerSession, WhatIsHiddenNoMoreEndsIt) {
  SharedFolder folder;
  folder.write("file", "plain");
  folder.write("sub/.env", "a secret");
  auto docker = sandbox(mounting(folder.path()), opening(folder.path()));
  for (const bool copies : {false, true}) {
    auto session = open_session(docker);
    const Result before = must(session.run_shell("cat /data/file /data/sub/.env; exit 0"));
    EXPECT_EQ(before.stdout_data, "plain") << told(before);
    folder.replace("sub/.env");
    if (copies) {
      const auto copied = session.copy_out("/data/sub/.env", (folder.path() / "copied").string());
      EXPECT_EQ(kind_of(copied), ErrorKind::unavailable);
      EXPECT_FALSE(fs::exists(folder.path() / "copied"));
    } else {
      const auto after = session.run_shell("cat /data/file /data/sub/.env; exit 0");
      EXPECT_EQ(kind_of(after), ErrorKind::unavailable);
      EXPECT_THAT(after.error().message, HasSubstr("/data/sub/.env"));
    }
    EXPECT_FALSE(session.is_open());
    EXPECT_EQ(containers_left(), 0U);
  }
}

TEST(DockerSession, EachCommandHasAProxyOfItsOwn) {
  Config config = allowing({"sh"});
  config.capabilities.push_back(Capability::net_http);
  config.allowed_hosts = {"api.example.com"};
  DockerConfig docker_config = image();
  docker_config.network_mode = NetworkMode::bridge;
  auto docker = sandbox(docker_config, config);
  auto session = open_session(docker);
  for (const char* host : {"one.example", "two.example"}) {
    const Result result =
        must(session.run_shell("wget -O - http://" + std::string(host) + "/; exit 0"));
    EXPECT_EQ(result.denial_count, 1U) << told(result);
    ASSERT_EQ(result.denials.size(), 1U);
    EXPECT_THAT(result.denials[0].resource, HasSubstr(host));
    EXPECT_THAT(result.stderr_data, HasSubstr("403"));
  }
}

/// "out" may be written, "in" read, and nothing else.
class DockerCopy : public testing::Test {
 protected:
  DockerCopy() {
    folder_.write("in/a.txt", "first");
    folder_.write("in/sub/tool", "#!/bin/sh\necho from the tool\n");
    fs::permissions(folder_.path() / "in/sub/tool", fs::perms(0755));
    folder_.write("in/.env", "a secret");
    folder_.write("closed/file", "never");
    fs::create_symlink("/etc/passwd", folder_.path() / "in/link");
    fs::create_directories(folder_.path() / "out");
    config_ = allowing({"sh"});
    config_.capabilities.insert(config_.capabilities.end(),
                                {Capability::fs_read, Capability::fs_write});
    config_.allowed_paths = {PathRule(path("in"), PathAccess::read),
                             PathRule(path("out"), PathAccess::read_write)};
    config_.max_file_bytes = 100'000;
  }
  std::string path(const std::string& name) const { return (folder_.path() / name).string(); }

  SharedFolder folder_;
  Config config_;
};

TEST_F(DockerCopy, FilesGoInAndComeOutAsThePolicyOpensThem) {
  auto docker = sandbox(image(), config_);
  auto session = open_session(docker);
  const auto in = session.copy_in(path("in"), "/tmp/new/work");
  ASSERT_TRUE(in) << in.error().message;
  EXPECT_EQ(in->files, 2U);
  EXPECT_EQ(in->folders, 2U);
  EXPECT_EQ(in->left_out, 1U);
  const Result inside = must(session.run_shell(
      "cd /tmp/new/work; cat a.txt; ./sub/tool; ls -a; mkdir -p out/deep; echo result > "
      "out/deep/file; ln -s /etc/passwd out/link; echo x > out/tool; chmod 755 out/tool; id -u"));
  // /tmp cannot execute.
  EXPECT_THAT(inside.stdout_data, AllOf(HasSubstr("first"), HasSubstr("65534"),
                                        Not(HasSubstr(".env")), Not(HasSubstr("link"))))
      << told(inside);
  const auto out = session.copy_out("/tmp/new/work/out", path("out/results"));
  ASSERT_TRUE(out) << out.error().message;
  EXPECT_EQ(out->files, 2U);
  EXPECT_EQ(out->folders, 2U);
  EXPECT_EQ(out->left_out, 1U);
  EXPECT_EQ(folder_.read("out/results/deep/file"), "result\n");
  EXPECT_FALSE(fs::exists(fs::symlink_status(folder_.path() / "out/results/link")));
  EXPECT_EQ(fs::status(folder_.path() / "out/results/tool").permissions() & fs::perms(0111),
            fs::perms::none);
  // One file, onto one that is there.
  folder_.write("out/one", "old content");
  ASSERT_TRUE(session.copy_in(path("in/a.txt"), "/tmp/one"));
  ASSERT_TRUE(session.copy_out("/tmp/one", path("out/one")));
  EXPECT_EQ(folder_.read("out/one"), "first");
  // The root of a container is read-only, and the session goes on.
  const auto fixed = session.copy_in(path("in/a.txt"), "/etc/new");
  EXPECT_EQ(kind_of(fixed), ErrorKind::io);
  EXPECT_THAT(fixed.error().message, AllOf(HasSubstr("/etc/new"), HasSubstr("Read-only")));
  EXPECT_EQ(kind_of(session.copy_out("/tmp/absent", path("out/absent"))), ErrorKind::not_found);
  EXPECT_EQ(must(session.run_shell("cat /tmp/one")).stdout_data, "first");
}

TEST_F(DockerCopy, WhatThePolicyClosesIsNeitherReadNorWritten) {
  std::mutex mutex;
  std::vector<AuditRecord> records;
  auto docker = sandbox(image(), config_, {.audit = make_callback_audit([&](const auto& record) {
                                             const std::lock_guard lock(mutex);
                                             records.push_back(record);
                                           })});
  auto session = open_session(docker);
  EXPECT_EQ(kind_of(session.copy_in(path("closed"), "/tmp/x")), ErrorKind::denied);
  EXPECT_EQ(kind_of(session.copy_in(path("in/.env"), "/tmp/x")), ErrorKind::denied);
  EXPECT_EQ(kind_of(session.copy_in(path("in/link"), "/tmp/x")), ErrorKind::denied);
  EXPECT_EQ(kind_of(session.copy_in("/etc/shadow", "/tmp/x")), ErrorKind::denied);
  must(
      session.run_shell("mkdir -p /tmp/o/.git/hooks /tmp/o/.ssh; echo evil > /tmp/o/.git/hooks/x; "
                        "echo evil > /tmp/o/.ssh/authorized_keys; echo fine > /tmp/o/a"));
  EXPECT_EQ(kind_of(session.copy_out("/tmp/o/a", path("in/new"))), ErrorKind::denied);
  EXPECT_EQ(kind_of(session.copy_out("/tmp/o/a", path("closed/file"))), ErrorKind::denied);
  EXPECT_EQ(kind_of(session.copy_out("/tmp/o/a", "/etc/cron.d/x")), ErrorKind::denied);
  EXPECT_EQ(folder_.read("closed/file"), "never");
  EXPECT_FALSE(fs::exists(folder_.path() / "in/new"));
  // A container chooses the names beneath, and each is judged by the name that it gets.
  EXPECT_EQ(kind_of(session.copy_out("/tmp/o/.ssh", path("out/.ssh"))), ErrorKind::denied);
  EXPECT_EQ(kind_of(session.copy_out("/tmp/o", path("out/tree"))), ErrorKind::denied);
  EXPECT_FALSE(fs::exists(folder_.path() / "out/tree/.ssh/authorized_keys"));
  for (const char* inside : {"/proc/self/environ", "/dev/shm/x", "/sys/x", "/.omnisandbox/init"}) {
    EXPECT_EQ(kind_of(session.copy_out(inside, path("out/x"))), ErrorKind::denied) << inside;
    EXPECT_EQ(kind_of(session.copy_in(path("in/a.txt"), inside)), ErrorKind::denied) << inside;
  }
  EXPECT_EQ(kind_of(session.copy_in(path("in/a.txt"), "/tmp/../etc/x")),
            ErrorKind::invalid_argument);
  EXPECT_EQ(must(session.run_shell("ls /tmp")).stdout_data, "o\n");
  const std::lock_guard lock(mutex);
  EXPECT_TRUE(std::any_of(records.begin(), records.end(), [](const AuditRecord& record) {
    return record.operation == "container.copy_in" && record.status == Status::denied;
  }));
  EXPECT_TRUE(std::any_of(records.begin(), records.end(), [](const AuditRecord& record) {
    return record.capability == Capability::fs_write && !record.granted &&
           record.sandbox == "docker";
  }));
}

TEST_F(DockerCopy, ALinkOnTheWayLeadsNowhereElse) {
  auto docker = sandbox(image(), config_);
  auto session = open_session(docker);
  must(session.run_shell("mkdir -p /tmp/o/sub; echo evil > /tmp/o/sub/file; echo x > /tmp/o/one"));
  // On this machine, by whoever may write in the folder: to what the policy does not open.
  fs::create_directories(folder_.path() / "out/tree");
  fs::create_symlink(path("closed"), folder_.path() / "out/tree/sub");
  EXPECT_EQ(kind_of(session.copy_out("/tmp/o", path("out/tree"))), ErrorKind::denied);
  EXPECT_EQ(folder_.read("closed/file"), "never");
  fs::create_symlink(path("closed/file"), folder_.path() / "out/one");
  EXPECT_EQ(kind_of(session.copy_out("/tmp/o/one", path("out/one"))), ErrorKind::denied);
  EXPECT_EQ(folder_.read("closed/file"), "never");
  // Inside, by a command: a link, a pipe or a device where a file is put or read.
  must(session.run_shell("ln -s /tmp/target /tmp/in; ln -s /etc/passwd /tmp/out"));
  EXPECT_EQ(kind_of(session.copy_in(path("in/a.txt"), "/tmp/in")), ErrorKind::io);
  EXPECT_EQ(kind_of(session.copy_out("/tmp/out", path("out/passwd"))), ErrorKind::io);
  EXPECT_FALSE(fs::exists(folder_.path() / "out/passwd"));
  EXPECT_EQ(must(session.run_shell("ls /tmp/target 2>&1; exit 0")).status, Status::ok);
}

TEST_F(DockerCopy, LimitsHoldAndTheSessionGoesOn) {
  config_.max_file_bytes.reset();
  config_.max_output_bytes = 100'000;  // and of a file that is copied
  config_.max_write_bytes = 250'000;
  config_.max_files_created = 20;
  auto docker = sandbox(image(), config_);
  auto session = open_session(docker);
  folder_.write("in/large", std::string(100'001, 'x'));
  EXPECT_EQ(kind_of(session.copy_in(path("in/large"), "/tmp/large")), ErrorKind::too_large);
  must(
      session.run_shell("cd /tmp; dd if=/dev/zero of=large bs=100001 count=1; mkdir many some; "
                        "for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21; do "
                        "echo $i > many/$i; done; for i in 1 2 3; do dd if=/dev/zero of=some/$i "
                        "bs=90000 count=1; done"));
  EXPECT_EQ(kind_of(session.copy_out("/tmp/large", path("out/large"))), ErrorKind::too_large);
  EXPECT_EQ(kind_of(session.copy_out("/tmp/many", path("out/many"))), ErrorKind::too_large);
  EXPECT_EQ(kind_of(session.copy_out("/tmp/some", path("out/some"))), ErrorKind::too_large);
  EXPECT_FALSE(fs::exists(folder_.path() / "out/large"));
  // A size without content behind it, as `truncate` makes it.
  must(session.run_shell("dd if=/dev/zero of=/tmp/sparse bs=1 count=1 seek=200000 2>&1"));
  EXPECT_EQ(kind_of(session.copy_out("/tmp/sparse", path("out/sparse"))), ErrorKind::too_large);
  // More than the container's memory takes.
  folder_.write("in/ok", "fits");
  ASSERT_TRUE(session.copy_in(path("in/ok"), "/tmp/ok"));
  EXPECT_EQ(must(session.run_shell("cat /tmp/ok")).stdout_data, "fits");
}

TEST_F(DockerCopy, AnEngineThatLiesGetsNothingWrittenBesideTheTarget) {
  using Kind = init::EntryKind;
  using Liar = LyingEngine;
  const std::string folder = Liar::entry(Kind::folder);
  const std::string end = Liar::entry(Kind::end);
  const std::string endless(60'000, 'x');
  init::FileEntry huge{.kind = Kind::file, .size_bytes = std::uint64_t{1} << 40};
  const std::string announced(reinterpret_cast<const char*>(&huge), sizeof huge);
  struct Lie {
    std::string name;
    std::function<void(const init::Job&, const Liar::Send&)> tell;
    ErrorKind kind = ErrorKind::io;
  };
  const auto all = [&](const std::string& entries) {
    return [entries](const init::Job& job, const Liar::Send& send) {
      send(Liar::frame(1, entries) + Liar::ending(job));
    };
  };
  const std::vector<Lie> lies = {{"beside",
                                  all(folder + Liar::entry(Kind::file, "../evil", "x") + end)},
                                 {"absolute",
                                  all(folder + Liar::entry(Kind::file, path("out/evil"), "x") +
                                      end)},
                                 {"two files", all(Liar::entry(Kind::file, "", "x") +
                                                   Liar::entry(Kind::file, "", "y") + end)},
                                 {"a link",
                                  all(folder +
                                      Liar::entry(static_cast<Kind>(3), "link", "/etc/passwd") +
                                      end)},
                                 {"no end", all(folder + Liar::entry(Kind::file, "evil", "x"))},
                                 {"half an entry",
                                  all(folder + Liar::entry(Kind::file, "evil", "x").substr(0, 20))},
                                 {"nothing at all", all("")},
                                 {"no frames",
                                  [&](const init::Job&,
                                      const Liar::Send& send) { send("no frame at all"); }},
                                 {"the end without a word",
                                  [](const init::Job& job, const Liar::Send& send) {
                                    init::Ending ending{.end = {.token = job.token},
                                                        .failed_step = init::Step::files};
                                    ending.failed_path.fill('\xff');
                                    ending.failed_errno = -7;
                                    send(Liar::frame(1, {reinterpret_cast<const char*>(&ending.end),
                                                         sizeof ending.end}) +
                                         Liar::frame(2, {reinterpret_cast<const char*>(&ending),
                                                         sizeof ending}));
                                  }},
                                 {"a file that never ends",
                                  [&](const init::Job&, const Liar::Send& send) {
                                    for (bool goes_on = send(Liar::frame(1, announced)); goes_on;) {
                                      goes_on = send(Liar::frame(1, endless));
                                    }
                                  },
                                  ErrorKind::too_large},
                                 {"folders that never end",
                                  [&](const init::Job&, const Liar::Send& send) {
                                    bool goes_on = send(Liar::frame(1, folder));
                                    for (int count = 0; goes_on; ++count) {
                                      goes_on = send(Liar::frame(
                                          1, Liar::entry(Kind::folder, std::to_string(count))));
                                    }
                                  },
                                  ErrorKind::too_large}};
  config_.max_files_created = 50;
  const std::set<std::string_view> quick = {"beside", "no frames", "a file that never ends"};
  for (const Lie& lie : lies) {
    if (!omnisandbox::test::is_thorough() && !quick.contains(lie.name)) {
      continue;  // each needs a container
    }
    const LyingEngine engine(test_engine(), lie.tell);
    auto docker = DockerSandbox::create(image(), config_, {.engine = engine.address()});
    ASSERT_TRUE(docker) << docker.error().message;
    auto session = docker->open_session({});
    ASSERT_TRUE(session) << lie.name << session.error().message;
    const auto start = Clock::now();
    const auto copied = session->copy_out("/tmp", path("out/target"));
    ASSERT_FALSE(copied) << lie.name;
    EXPECT_EQ(copied.error().kind, lie.kind) << lie.name << ": " << copied.error().message;
    EXPECT_LT(Clock::now() - start, seconds(20)) << lie.name;
    EXPECT_FALSE(fs::exists(folder_.path() / "out/evil")) << lie.name;
    fs::remove_all(folder_.path() / "out/target");
    EXPECT_TRUE(fs::is_empty(folder_.path() / "out")) << lie.name;
  }
  // The same engine, telling the truth.
  const LyingEngine honest(test_engine(), all(folder + Liar::entry(Kind::file, "fine", "x") + end));
  auto docker = DockerSandbox::create(image(), config_, {.engine = honest.address()});
  ASSERT_TRUE(docker);
  auto session = docker->open_session({});
  ASSERT_TRUE(session);
  const auto copied = session->copy_out("/tmp", path("out/target"));
  EXPECT_TRUE(copied) << copied.error().message;
  EXPECT_EQ(folder_.read("out/target/fine"), "x");
}

}  // namespace
}  // namespace omnisandbox::docker::test
