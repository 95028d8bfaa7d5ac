// An image in an OCI image layout (OCI Image Format Specification 1.1, "Image Layout").
#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <set>
#include <span>
#include <vector>

#include "base/error.h"
#include "base/try.h"
#include "docker/image/local_image.h"
#include "docker/image/tar_writer.h"
#include "docker/json_access.h"
#include "linux/file_system.h"

namespace omnisandbox::docker {
namespace {

using nlohmann::json;

#if defined(__x86_64__)
constexpr std::string_view architecture = "amd64";
#elif defined(__aarch64__)
constexpr std::string_view architecture = "arm64";
#else
constexpr std::string_view architecture = "unknown";
#endif
constexpr int max_nested_indexes = 4;
constexpr std::size_t piece_bytes = 256 * 1024;

struct Blob {
  std::string sha256;  ///< 64 lower-case digits
};

Error malformed(const std::string& path, std::string_view what) {
  return base::make_error(ErrorKind::invalid_argument, "{} is no OCI image layout: {}",
                          base::printable(path), what);
}

std::string sha256_of(std::string_view bytes) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  EVP_Digest(bytes.data(), bytes.size(), digest.data(), &size, EVP_sha256(), nullptr);
  std::string text;
  for (unsigned index = 0; index < size; ++index) {
    text += fmt::format("{:02x}", digest[index]);
  }
  return text;
}

class Layout final : public LocalImage {
 public:
  static Expected<std::unique_ptr<LocalImage>> open(const std::string& path,
                                                    const std::string& tag) {
    std::unique_ptr<Layout> layout(new Layout(path));
    layout->folder_ = TRY(linux_::open_at2(AT_FDCWD, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0,
                                           RESOLVE_NO_MAGICLINKS));
    TRY(layout->read(tag));
    return std::unique_ptr<LocalImage>(std::move(layout));
  }

  const std::string& id() const noexcept override { return id_; }

  Expected<void> write(const EngineConnection::Sink& sink) const override {
    const auto tar = TRY(TarWriter::create(sink));
    json names = json::array();
    std::set<std::string> written;
    TRY(copy(*tar, config_, config_.sha256 + ".json"));
    for (const Blob& layer : layers_) {
      const std::string name = layer.sha256 + ".tar";
      names.push_back(name);
      if (written.insert(name).second) {
        TRY(copy(*tar, layer, name));
      }
    }
    const std::string manifest =
        json::array(
            {{{"Config", config_.sha256 + ".json"}, {"RepoTags", nullptr}, {"Layers", names}}})
            .dump();
    TRY(tar->begin_file("manifest.json", manifest.size()));
    TRY(tar->add(manifest));
    return tar->finish();
  }

 private:
  explicit Layout(std::string path) : path_(std::move(path)) {}

  Expected<linux_::Fd> open_blob(const Blob& blob) const {
    return linux_::open_at2(folder_.get(), "blobs/sha256/" + blob.sha256,
                            O_RDONLY | O_CLOEXEC | O_NONBLOCK, 0, linux_::resolve_exactly);
  }

  Expected<std::string> content_of(const linux_::Fd& file) const {
    std::string content(max_image_json_bytes + 1, '\0');
    content.resize(TRY(linux_::read_full(file, std::as_writable_bytes(std::span(content)))));
    if (content.size() > max_image_json_bytes) {
      return malformed(path_, "a description of more than 4 MiB");
    }
    return content;
  }

  Expected<json> parse(const std::string& text) const {
    json value = json::parse(text, nullptr, false);
    if (!value.is_object()) {
      return malformed(path_, "a description is no JSON object");
    }
    return value;
  }

  Expected<json> described(const Blob& blob) const {
    const linux_::Fd file = TRY(open_blob(blob));
    const std::string text = TRY(content_of(file));
    if (sha256_of(text) != blob.sha256) {
      return malformed(path_, "the blob " + blob.sha256 + " is not what its digest says");
    }
    return parse(text);
  }

  Expected<Blob> blob_of(const json& descriptor) const {
    constexpr std::string_view start = "sha256:";
    const std::string digest =
        descriptor.is_object() ? text_in(descriptor, "digest") : std::string();
    if (digest.size() != start.size() + 64 || !digest.starts_with(start) ||
        digest.find_first_not_of("0123456789abcdef", start.size()) != std::string::npos) {
      return malformed(path_, "a blob is named by no digest of the form sha256:…");
    }
    return Blob{.sha256 = digest.substr(start.size())};
  }

  static bool is_for_this_machine(const json& descriptor) {
    const auto platform = descriptor.find("platform");
    return platform == descriptor.end() || !platform->is_object() ||
           (text_in(*platform, "os") == "linux" &&
            text_in(*platform, "architecture") == architecture);
  }

  Expected<Blob> choose(const json& index, const std::string& tag) const {
    const json manifests = index.value("manifests", json::array());
    std::vector<const json*> fitting;
    for (const json& entry : manifests) {
      const json annotations =
          entry.is_object() ? entry.value("annotations", json::object()) : json();
      if (entry.is_object() && is_for_this_machine(entry) &&
          (tag.empty() || (annotations.is_object() &&
                           text_in(annotations, "org.opencontainers.image.ref.name") == tag))) {
        fitting.push_back(&entry);
      }
    }
    if (fitting.empty()) {
      return base::make_error(
          ErrorKind::not_found, "{} has no image{} for linux/{}", base::printable(path_),
          tag.empty() ? "" : " with the tag " + base::printable(tag), architecture);
    }
    if (fitting.size() > 1) {
      return base::make_error(ErrorKind::invalid_argument,
                              "{} has {} images for this machine; name one: oci:{}:TAG",
                              base::printable(path_), fitting.size(), base::printable(path_));
    }
    return blob_of(*fitting.front());
  }

  Expected<void> read(const std::string& tag) {
    const linux_::Fd index_file =
        TRY(linux_::open_at2(folder_.get(), "index.json", O_RDONLY | O_CLOEXEC | O_NONBLOCK, 0,
                             linux_::resolve_exactly));
    const std::string index_text = TRY(content_of(index_file));
    json description = TRY(parse(index_text));
    std::string wanted = tag;
    for (int depth = 0; description.contains("manifests"); ++depth) {
      if (depth == max_nested_indexes) {
        return malformed(path_, "its indexes are nested too deeply");
      }
      const Blob chosen = TRY(choose(description, wanted));
      description = TRY(described(chosen));
      wanted.clear();  // a tag names the index of all platforms
    }
    config_ = TRY(blob_of(description.value("config", json())));
    for (const json& layer : description.value("layers", json::array())) {
      layers_.push_back(TRY(blob_of(layer)));
    }
    if (layers_.empty() || layers_.size() > max_image_layers) {
      return malformed(path_, "an image has 1 to 127 layers");
    }
    TRY(described(config_));
    id_ = "sha256:" + config_.sha256;
    return {};
  }

  Expected<void> copy(TarWriter& tar, const Blob& blob, const std::string& name) const {
    const linux_::Fd file = TRY(open_blob(blob));
    const struct stat status = TRY(linux_::stat_of(file));
    if (!S_ISREG(status.st_mode)) {
      return malformed(path_, "the blob " + blob.sha256 + " is no file");
    }
    auto left = static_cast<std::uint64_t>(status.st_size);
    TRY(tar.begin_file(name, left));
    std::vector<char> piece(piece_bytes);
    while (left > 0) {
      const std::size_t size = TRY(
          linux_::read_full(file, std::as_writable_bytes(std::span(
                                      piece.data(), std::min<std::uint64_t>(piece.size(), left)))));
      if (size == 0) {
        return malformed(path_, "the blob " + blob.sha256 + " became shorter");
      }
      TRY(tar.add(std::string_view(piece.data(), size)));
      left -= size;
    }
    return {};
  }

  const std::string path_;
  linux_::Fd folder_;
  Blob config_;
  std::vector<Blob> layers_;
  std::string id_;
};

}  // namespace

Expected<std::unique_ptr<LocalImage>> open_oci_layout(const std::string& path,
                                                      const std::string& tag) {
  return Layout::open(path, tag);
}

}  // namespace omnisandbox::docker
