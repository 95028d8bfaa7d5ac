// An image in the archive that `docker save` writes (moby, image/spec/v1.2.md, "Combined Image JSON
// + Filesystem Changeset Format").
#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>

#include <algorithm>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/try.h"
#include "docker/image/local_image.h"
#include "docker/image/tar_writer.h"
#include "linux/file_system.h"

namespace omnisandbox::docker {
namespace {

using nlohmann::json;

constexpr std::size_t piece_bytes = 256 * 1024;
constexpr std::size_t max_archive_entries = 100'000;
// A layer that is another's link to a link to …
constexpr int max_links = 8;

Error malformed(const std::string& path, std::string_view what) {
  return base::make_error(ErrorKind::invalid_argument, "{} is no image archive: {}",
                          base::printable(path), what);
}

/// "x/../y/layer.tar" → "y/layer.tar": links between layers are relative. Nothing is opened by it.
std::string without_parent_steps(const std::string& path) {
  std::vector<std::string> parts;
  for (std::size_t start = 0; start <= path.size();) {
    const std::size_t end = std::min(path.find('/', start), path.size());
    const std::string part = path.substr(start, end - start);
    if (part == ".." && !parts.empty()) {
      parts.pop_back();
    } else if (!part.empty() && part != "." && part != "..") {
      parts.push_back(part);
    }
    start = end + 1;
  }
  std::string joined;
  for (const std::string& part : parts) {
    joined += (joined.empty() ? "" : "/") + part;
  }
  return joined;
}

class Archive final : public LocalImage {
 public:
  static Expected<std::unique_ptr<LocalImage>> open(const std::string& path) {
    std::unique_ptr<Archive> image(new Archive(path));
    TRY(image->read());
    return std::unique_ptr<LocalImage>(std::move(image));
  }

  const std::string& id() const noexcept override { return id_; }

  Expected<void> write(const EngineConnection::Sink& sink) const override {
    const auto tar = TRY(TarWriter::create(sink));
    std::map<std::string, bool> written = {{config_, false}};
    for (const std::string& layer : layers_) {
      written[layer] = false;
    }
    TRY(each_entry([&](const std::string& name, archive_entry* entry, struct archive* source) {
      const auto found = written.find(name);
      return found == written.end() || std::exchange(found->second, true)
                 ? Expected<bool>(true)
                 : copy(*tar, name, entry, source);
    }));
    if (std::any_of(written.begin(), written.end(),
                    [](const auto& each) { return !each.second; })) {
      return malformed(path_, "a layer is missing");
    }
    const std::string manifest =
        json::array({{{"Config", config_}, {"RepoTags", nullptr}, {"Layers", layers_}}})
            .dump(-1, ' ', true, json::error_handler_t::replace);
    TRY(tar->begin_file("manifest.json", manifest.size()));
    TRY(tar->add(manifest));
    return tar->finish();
  }

 private:
  using TakeEntry =
      std::function<Expected<bool>(const std::string&, archive_entry*, struct archive*)>;
  explicit Archive(std::string path) : path_(std::move(path)) {}

  /// Until `take` says false.
  Expected<void> each_entry(const TakeEntry& take) const {
    const linux_::Fd file =
        TRY(linux_::open_at2(AT_FDCWD, path_, O_RDONLY | O_CLOEXEC | O_NONBLOCK, 0, 0));
    const std::unique_ptr<struct archive, decltype(&archive_read_free)> source(archive_read_new(),
                                                                               &archive_read_free);
    archive_read_support_format_tar(source.get());
    archive_read_support_filter_gzip(source.get());
    if (archive_read_open_fd(source.get(), file.get(), piece_bytes) != ARCHIVE_OK) {
      return malformed(path_, reason(source.get()));
    }
    for (std::size_t count = 0; count < max_archive_entries; ++count) {
      archive_entry* entry = nullptr;
      const int outcome = archive_read_next_header(source.get(), &entry);
      if (outcome == ARCHIVE_EOF) {
        return {};
      }
      if (outcome != ARCHIVE_OK && outcome != ARCHIVE_WARN) {
        return malformed(path_, reason(source.get()));
      }
      const char* name = archive_entry_pathname(entry);
      if (name != nullptr && !TRY(take(without_parent_steps(name), entry, source.get()))) {
        return {};
      }
    }
    return malformed(path_, "it has too many files");
  }

  static std::string reason(struct archive* source) {
    const char* said = archive_error_string(source);
    return said == nullptr ? "it cannot be read" : base::printable(said, 200);
  }

  Expected<std::string> content_of(archive_entry* entry, struct archive* source) const {
    if (archive_entry_filetype(entry) != AE_IFREG || archive_entry_size(entry) < 0 ||
        archive_entry_size(entry) > static_cast<std::int64_t>(max_image_json_bytes)) {
      return malformed(path_, "its manifest.json is no file of at most 4 MiB");
    }
    std::string content(static_cast<std::size_t>(archive_entry_size(entry)), '\0');
    const auto size = archive_read_data(source, content.data(), content.size());
    if (size != static_cast<std::ptrdiff_t>(content.size())) {
      return malformed(path_, reason(source));
    }
    return content;
  }

  Expected<bool> copy(TarWriter& tar, const std::string& name, archive_entry* entry,
                      struct archive* source) const {
    if (archive_entry_filetype(entry) != AE_IFREG || archive_entry_size(entry) < 0) {
      return malformed(path_, "a layer is no file");
    }
    auto left = static_cast<std::uint64_t>(archive_entry_size(entry));
    TRY(tar.begin_file(name, left));
    std::vector<char> piece(piece_bytes);
    while (left > 0) {
      const auto size =
          archive_read_data(source, piece.data(), std::min<std::uint64_t>(piece.size(), left));
      if (size <= 0) {
        return malformed(path_, reason(source));
      }
      TRY(tar.add(std::string_view(piece.data(), static_cast<std::size_t>(size))));
      left -= static_cast<std::uint64_t>(size);
    }
    return true;
  }

  Expected<void> read() {
    std::string manifest;
    std::map<std::string, std::string> links;
    const auto take = [&](const std::string& name, archive_entry* entry,
                          struct archive* source) -> Expected<bool> {
      if (name == "manifest.json") {
        manifest = TRY(content_of(entry, source));
      } else if (archive_entry_filetype(entry) == AE_IFLNK &&
                 archive_entry_symlink(entry) != nullptr) {
        links[name] = without_parent_steps(name + "/../" + archive_entry_symlink(entry));
      }
      return true;
    };
    TRY(each_entry(take));
    const json images = json::parse(manifest, nullptr, false);
    if (!images.is_array() || images.size() != 1 || !images[0].is_object()) {
      return malformed(path_, images.is_array() && images.size() > 1
                                  ? "it has several images, and one is needed"
                                  : "it has no manifest.json that describes an image");
    }
    const json config = images[0].value("Config", json());
    for (const json& layer : images[0].value("Layers", json::array())) {
      std::string name = without_parent_steps(layer.is_string() ? layer.get<std::string>() : "");
      for (int steps = 0; steps < max_links && links.contains(name); ++steps) {
        name = links[name];
      }
      layers_.push_back(std::move(name));
    }
    config_ = without_parent_steps(config.is_string() ? config.get<std::string>() : "");
    if (layers_.empty() || layers_.size() > max_image_layers) {
      return malformed(path_, "an image has 1 to 127 layers");
    }
    // HEX.json, blobs/sha256/HEX, sha256:HEX: all tools name it by its digest.
    const std::size_t slash = config_.rfind('/');
    std::string digits = slash == std::string::npos ? config_ : config_.substr(slash + 1);
    digits = digits.substr(digits.starts_with("sha256:") ? 7 : 0, 64);
    if (digits.size() != 64 || digits.find_first_not_of("0123456789abcdef") != std::string::npos) {
      return malformed(path_, "its configuration is not named by its digest");
    }
    id_ = "sha256:" + digits;
    return {};
  }

  const std::string path_;
  std::string config_;
  std::vector<std::string> layers_;
  std::string id_;
};

}  // namespace

Expected<std::unique_ptr<LocalImage>> open_docker_archive(const std::string& path) {
  return Archive::open(path);
}

}  // namespace omnisandbox::docker
