#include "docker/container.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <array>
#include <cstring>

#include "base/error.h"
#include "base/try.h"
#include "base/units.h"
#include "docker/container_check.h"
#include "docker/image_layer.h"
#include "docker/owner.h"
#include "docker/podman_check.h"
#include "docker/podman_request.h"
#include "linux/channels.h"
#include "linux/file_system.h"
#include "linux/message_socket.h"

namespace omnisandbox::docker {
namespace {

using Clock = std::chrono::steady_clock;

// Removal is not bounded by the run's own deadline: nothing must be left.
constexpr std::chrono::seconds removal_time{20};
constexpr std::size_t max_start_message_bytes = 4096;
// /dev/null (Documentation/admin-guide/devices.txt).
const std::uint64_t null_device = makedev(1, 3);

template <class T>
T read_struct(std::string_view bytes) {
  T value;
  std::memcpy(&value, bytes.data(), sizeof value);
  return value;
}

Error not_what_was_judged(const ExpectedPath& expected, std::string reason) {
  return Error::from_denial(
      {.capability = Capability::fs_read,
       .resource = expected.path,
       .rule = "docker.mounts",
       .reason = std::move(reason),
       .remedy = "run it again; something changed while the container was made"});
}

bool is_that_folder(const ExpectedPath& expected, const init::PathFacts& facts) {
  const auto folder =
      linux_::open_at2(expected.mounted->get(), expected.below, O_PATH | O_DIRECTORY | O_CLOEXEC, 0,
                       linux_::resolve_exactly);
  if (!folder) {
    return false;
  }
  const auto status = linux_::stat_of(*folder);
  return status && status->st_dev == facts.device && status->st_ino == facts.inode;
}

}  // namespace

Expected<std::unique_ptr<Container>> Container::prepare(const ContainerSettings& settings,
                                                        const policy::ContainerGrant& grant,
                                                        const ImageFacts& image,
                                                        const Patience& patience) {
  std::unique_ptr<Container> container(new Container(settings));
  TRY(container->create(grant, image, patience));
  container->stream_ = TRY(settings.engine->attach(container->id_, patience));
  if (auto started = settings.engine->start(container->id_, patience); !started) {
    return std::move(started).error();
  }
  TRY(container->wait_until_ready(grant, patience));
  container->describe(grant, image);
  return container;
}

Container::~Container() {
  // Whoever could act on a failure has asked before; the sweep finds what is left.
  static_cast<void>(remove());
}

Expected<void> Container::remove() {
  stream_.socket.reset();
  if (id_.empty()) {
    return {};
  }
  const std::string id = std::exchange(id_, {});
  return settings_.engine->remove(id, {.until = Clock::now() + removal_time, .stop = {}});
}

bool Container::request_removal() {
  if (!settings_.engine->request_removal(id_, {.until = Clock::now() + removal_time, .stop = {}})) {
    return false;
  }
  stream_.socket.reset();
  id_.clear();
  return true;
}

Expected<void> Container::create(const policy::ContainerGrant& grant, const ImageFacts& image,
                                 const Patience& patience) {
  if (grant.network == NetworkMode::bridge) {
    handover_.emplace(TRY(linux_::LocalListener::create()));
  }
  const auto body =
      TRY(container_request({.grant = grant,
                             .image = image,
                             .init_program = settings_.init_program,
                             .listener_socket = handover_ ? handover_->path() : std::string(),
                             .labels = labels_for(settings_.run_id, settings_.expiry)}));
  created_s_ = std::chrono::duration_cast<std::chrono::seconds>(
                   std::chrono::system_clock::now().time_since_epoch())
                   .count();
  // By its name it is found also where the answer is lost. But a stop does not give the request up:
  // an engine that is still at it would find nothing to remove, and then make the container.
  const std::string name = "omnisandbox-" + settings_.run_id;
  const bool is_podman = settings_.engine->kind() == EngineKind::podman;
  auto created = settings_.engine->create_container(
      name, is_podman ? podman_request(name, body) : body, {.until = patience.until, .stop = {}});
  if (!created) {
    if (created.error().kind != ErrorKind::not_found) {
      id_ = name;
    }
    return std::move(created).error();
  }
  id_ = *std::move(created);
  const auto inspected = TRY(settings_.engine->inspect(id_, patience));
  layers_ =
      TRY(is_podman ? check_podman_container(body, inspected) : check_container(body, inspected))
          .layers;
  return {};
}

Error Container::start_problem(const std::string& said, const Patience& patience) const {
  const auto state = settings_.engine->state(id_, patience);
  const std::string more = state ? state->error : state.error().message;
  return base::make_error(
      ErrorKind::unavailable, "the container did not get ready: {}{}{}", base::printable(said),
      said.empty() || more.empty() ? "" : "; ",
      more.empty() && said.empty() ? std::string("it ended at once") : base::printable(more));
}

Expected<void> Container::wait_until_ready(const policy::ContainerGrant& grant,
                                           const Patience& patience) {
  TRY(receive_report(grant, patience));
  if (handover_) {
    listener_ = TRY(handover_->receive_descriptor(patience.until));
    handover_.reset();
  }
  return {};
}

Expected<void> Container::check_again(const policy::ContainerGrant& grant,
                                      const Patience& patience) {
  const init::Job job{.kind = init::JobKind::report, .is_last = 0};
  begin_job();
  // Nothing else waits in the socket, so that it has room.
  const auto sent = TRY(linux_::send_now(
      stream_.socket, std::string_view(reinterpret_cast<const char*>(&job), sizeof job), nullptr));
  if (sent.kind != linux_::Transfer::Kind::moved || sent.bytes != sizeof job) {
    return start_problem("it takes no job", patience);
  }
  TRY(receive_report(grant, patience));
  end_job();
  return {};
}

Expected<void> Container::receive_report(const policy::ContainerGrant& grant,
                                         const Patience& patience) {
  const std::size_t wanted =
      sizeof(init::Ready) + expected_paths(grant).size() * sizeof(init::PathFacts);
  std::string report;
  std::string said;
  StreamDemultiplexer streams([&](OutputStream stream, std::string_view piece) {
    std::string& target = stream == OutputStream::standard_output ? report : said;
    if (target.size() < wanted + max_start_message_bytes) {
      target += piece;
    }
  });
  TRY(streams.feed(std::exchange(stream_.first_bytes, {})));
  std::array<char, 16384> buffer;
  while (report.size() < wanted) {
    if (patience.stop.stop_requested()) {
      return base::make_error(ErrorKind::cancelled, "cancelled while the container started");
    }
    // In slices, so that a stop is seen.
    const auto slice = std::min(patience.until, Clock::now() + std::chrono::milliseconds(100));
    if (!TRY(linux_::wait_until_ready(stream_.socket, linux_::Readiness::to_read, slice))) {
      if (Clock::now() >= patience.until) {
        return base::make_error(ErrorKind::timeout, "the container did not get ready in time");
      }
      continue;
    }
    const auto moved = TRY(linux_::receive_now(stream_.socket, buffer));
    if (moved.kind == linux_::Transfer::Kind::ended) {
      return start_problem(said, patience);
    }
    TRY(streams.feed(std::string_view(buffer.data(), moved.bytes)));
  }
  return verify(grant, report);
}

Expected<void> Container::verify(const policy::ContainerGrant& grant,
                                 std::string_view report) const {
  const auto ready = read_struct<init::Ready>(report);
  const auto expected = expected_paths(grant);
  if (ready.magic != init::ready_magic || ready.version != init::protocol_version ||
      ready.path_count != expected.size() ||
      report.size() != sizeof ready + expected.size() * sizeof(init::PathFacts)) {
    return base::make_error(ErrorKind::unavailable,
                            "what runs first in the container is not OmniSandbox's own program");
  }
  if (ready.listener_error != 0) {
    return Error::from_errno(ready.listener_error, "opening the way to the proxy", "container");
  }
  for (std::size_t index = 0; index < expected.size(); ++index) {
    const ExpectedPath& path = expected[index];
    const auto facts =
        read_struct<init::PathFacts>(report.substr(sizeof ready + index * sizeof(init::PathFacts)));
    if (facts.error != 0) {
      return not_what_was_judged(
          path, fmt::format("it cannot be looked at inside: {}", std::strerror(facts.error)));
    }
    switch (path.kind) {
      case ExpectedPath::Kind::same_file:
        if (facts.device != path.device || facts.inode != path.inode) {
          return not_what_was_judged(path, "another file was mounted than the one that was judged");
        }
        if (path.is_read_only && facts.is_read_only == 0) {
          return not_what_was_judged(path, "it can be written, and was opened for reading only");
        }
        break;
      case ExpectedPath::Kind::held_folder:
        if (!is_that_folder(path, facts)) {
          return not_what_was_judged(path, "another folder stands there on this machine");
        }
        break;
      case ExpectedPath::Kind::empty_folder:
        if (!S_ISDIR(facts.mode) || facts.device == path.device || facts.entry_count != 0 ||
            facts.is_read_only == 0) {
          return not_what_was_judged(path, "the policy hides it, and it is not hidden");
        }
        break;
      case ExpectedPath::Kind::null_device:
        if (!S_ISCHR(facts.mode) || facts.special_device != null_device) {
          return not_what_was_judged(path, "the policy hides it, and it is not hidden");
        }
        break;
    }
  }
  return {};
}

void Container::describe(const policy::ContainerGrant& grant, const ImageFacts& image) {
  std::vector<std::string> layers = {
      fmt::format("container ({})",
                  grant.runtime.empty() ? "the engine's default runtime" : grant.runtime),
      image_layer(grant.image, image.digests.empty() ? image.id : image.digests.front())};
  switch (grant.network) {
    case NetworkMode::none:
      layers.emplace_back("no network");
      break;
    case NetworkMode::bridge:
      layers.emplace_back("network namespace with the policy's proxy only");
      break;
    case NetworkMode::host:
      layers.emplace_back("the machine's own network (weaker: no list of hosts holds)");
      break;
  }
  layers.emplace_back(grant.has_read_only_root ? "read-only root" : "root is writable (weaker)");
  layers.push_back(grant.added_capabilities.empty()
                       ? "no capabilities"
                       : fmt::format("capabilities {}", fmt::join(grant.added_capabilities, " ")));
  layers.emplace_back(grant.has_no_new_privileges ? "no new privileges"
                                                  : "new privileges are possible (weaker)");
  layers.emplace_back("the engine's seccomp profile and masked paths");
  layers.push_back(fmt::format("user {}", base::printable(grant.user)));
  layers.push_back(fmt::format("memory {}, {} processes, CPU {} %",
                               base::format_byte_size(grant.memory_bytes), grant.max_processes,
                               grant.cpu_quota_us / 1000));
  layers.insert(layers.end(), layers_.begin(), layers_.end());
  layers_ = std::move(layers);
}

}  // namespace omnisandbox::docker
