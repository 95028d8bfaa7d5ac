#include "docker/image/tar_writer.h"

#include <archive.h>
#include <archive_entry.h>

#include <utility>

#include "base/error.h"
#include "base/try.h"

namespace omnisandbox::docker {
namespace {

constexpr int block_bytes = 64 * 1024;
constexpr unsigned file_mode = 0644;

}  // namespace

std::ptrdiff_t TarWriter::write(struct archive* /*target*/, void* self, const void* bytes,
                                std::size_t size) {
  // Never a failure to libarchive, which then forgets its buffer (3.6.2): it is told in `sent_`.
  auto* writer = static_cast<TarWriter*>(self);
  if (writer->sent_ && !writer->is_over_) {
    writer->sent_ = writer->sink_(std::string_view(static_cast<const char*>(bytes), size));
  }
  return static_cast<std::ptrdiff_t>(size);
}

Expected<std::unique_ptr<TarWriter>> TarWriter::create(const EngineConnection::Sink& sink) {
  std::unique_ptr<TarWriter> writer(new TarWriter(sink));
  writer->archive_ = archive_write_new();
  if (writer->archive_ == nullptr ||
      archive_write_set_format_pax_restricted(writer->archive_) != ARCHIVE_OK ||
      archive_write_set_bytes_per_block(writer->archive_, block_bytes) != ARCHIVE_OK ||
      archive_write_open(writer->archive_, writer.get(), nullptr, &TarWriter::write, nullptr) !=
          ARCHIVE_OK) {
    return writer->problem("beginning");
  }
  return writer;
}

TarWriter::~TarWriter() {
  if (archive_ != nullptr) {
    // What was not finished is finished for nobody: half an archive must not look like a whole one.
    is_over_ = true;
    archive_write_free(archive_);
  }
}

Error TarWriter::problem(std::string_view step) {
  if (!sent_) {
    return sent_.error();
  }
  const char* said = archive_ == nullptr ? nullptr : archive_error_string(archive_);
  return base::make_error(ErrorKind::internal, "{} a tar archive failed: {}", step,
                          said == nullptr ? "no memory" : said);
}

Expected<void> TarWriter::begin_file(const std::string& name, std::uint64_t size_bytes) {
  const std::unique_ptr<archive_entry, decltype(&archive_entry_free)> entry(archive_entry_new(),
                                                                            &archive_entry_free);
  archive_entry_set_pathname(entry.get(), name.c_str());
  archive_entry_set_size(entry.get(), static_cast<std::int64_t>(size_bytes));
  archive_entry_set_filetype(entry.get(), AE_IFREG);
  archive_entry_set_perm(entry.get(), file_mode);
  if (archive_write_header(archive_, entry.get()) != ARCHIVE_OK || !sent_) {
    return problem("writing");
  }
  return {};
}

Expected<void> TarWriter::add(std::string_view content) {
  while (!content.empty()) {
    const auto written = archive_write_data(archive_, content.data(), content.size());
    if (written <= 0 || !sent_) {
      return problem("writing");
    }
    content.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

Expected<void> TarWriter::finish() {
  if (archive_write_close(archive_) != ARCHIVE_OK || !sent_) {
    return problem("ending");
  }
  return {};
}

}  // namespace omnisandbox::docker
