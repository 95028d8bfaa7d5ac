#include <limits>

#include "c_api/call.h"
#include "c_api/settings.h"

using namespace omnisandbox;
using c_api::bytes_of;
using c_api::give;
using c_api::guarded;
using c_api::require;
using c_api::view;

static_assert(OMNISANDBOX_FILE_REGULAR == static_cast<int>(FileType::regular) &&
              OMNISANDBOX_FILE_OTHER == static_cast<int>(FileType::other));

omnisandbox_error_t* omnisandbox_functions_create(const omnisandbox_policy_t* policy,
                                                  const omnisandbox_settings_t* settings,
                                                  const omnisandbox_cancellation_t* cancellation,
                                                  omnisandbox_functions_t** functions) {
  return guarded([&]() -> Expected<void> {
    TRY(require({{"functions", functions}}));
    *functions = nullptr;
    TRY(require({{"policy", policy}}));
    HostFunctionOptions options = c_api::function_options(settings);
    if (cancellation != nullptr) {
      options.stop = cancellation->source.get_token();
    }
    give(functions, TRY(HostFunctions::create(policy->policy, std::move(options))));
    return {};
  });
}

void omnisandbox_functions_free(omnisandbox_functions_t* functions) {
  c_api::free_handle(functions);
}

uint64_t omnisandbox_functions_denial_count(const omnisandbox_functions_t* functions) {
  return functions->functions.denial_count();
}

omnisandbox_error_t* omnisandbox_fs_read(omnisandbox_functions_t* functions,
                                         omnisandbox_bytes_t path, uint64_t offset, uint64_t length,
                                         omnisandbox_buffer_t** content) {
  return guarded([&]() -> Expected<void> {
    TRY(require({{"content", content}}));
    *content = nullptr;
    TRY(require({{"functions", functions}}));
    ReadRange range{.offset = offset};
    if (length != std::numeric_limits<uint64_t>::max()) {
      range.length = length;
    }
    const auto path_text = TRY(view(path, "path"));
    give(content, TRY(functions->functions.fs_read(path_text, range)));
    return {};
  });
}

omnisandbox_error_t* omnisandbox_fs_write(omnisandbox_functions_t* functions,
                                          omnisandbox_bytes_t path, omnisandbox_bytes_t content,
                                          omnisandbox_write_mode_t mode, bool synced) {
  return guarded([&]() -> Expected<void> {
    TRY(require({{"functions", functions}}));
    WriteOptions options{.durability = synced ? Durability::synced : Durability::none};
    switch (mode) {
      case OMNISANDBOX_WRITE_REPLACE:
        options.mode = WriteMode::replace;
        break;
      case OMNISANDBOX_WRITE_APPEND:
        options.mode = WriteMode::append;
        break;
      case OMNISANDBOX_WRITE_CREATE_NEW:
        options.mode = WriteMode::create_new;
        break;
      default:
        return base::make_error(ErrorKind::invalid_argument, "{} is no write mode",
                                static_cast<int>(mode));
    }
    const auto path_text = TRY(view(path, "path"));
    return functions->functions.fs_write(path_text, TRY(view(content, "content")), options);
  });
}

omnisandbox_error_t* omnisandbox_fs_stat(omnisandbox_functions_t* functions,
                                         omnisandbox_bytes_t path, omnisandbox_file_info_t* info) {
  return guarded([&]() -> Expected<void> {
    TRY(require({{"functions", functions}, {"info", info}}));
    const auto path_text = TRY(view(path, "path"));
    const FileInfo found = TRY(functions->functions.fs_stat(path_text));
    const auto since_1970 =
        std::chrono::duration_cast<std::chrono::nanoseconds>(found.modified.time_since_epoch());
    *info = {.size_bytes = found.size_bytes,
             .modified_ns = since_1970.count(),
             .mode = found.mode,
             .type = static_cast<uint32_t>(found.type)};
    return {};
  });
}

omnisandbox_error_t* omnisandbox_fs_delete(omnisandbox_functions_t* functions,
                                           omnisandbox_bytes_t path) {
  return guarded([&]() -> Expected<void> {
    TRY(require({{"functions", functions}}));
    return functions->functions.fs_delete(TRY(view(path, "path")));
  });
}

omnisandbox_error_t* omnisandbox_fs_make_directory(omnisandbox_functions_t* functions,
                                                   omnisandbox_bytes_t path) {
  return guarded([&]() -> Expected<void> {
    TRY(require({{"functions", functions}}));
    return functions->functions.fs_make_directory(TRY(view(path, "path")));
  });
}

omnisandbox_error_t* omnisandbox_fs_list(omnisandbox_functions_t* functions,
                                         omnisandbox_bytes_t path,
                                         omnisandbox_listing_t** listing) {
  return guarded([&]() -> Expected<void> {
    TRY(require({{"listing", listing}}));
    *listing = nullptr;
    TRY(require({{"functions", functions}}));
    const auto path_text = TRY(view(path, "path"));
    give(listing, TRY(functions->functions.fs_list(path_text)));
    return {};
  });
}

void omnisandbox_listing_free(omnisandbox_listing_t* listing) { c_api::free_handle(listing); }

size_t omnisandbox_listing_count(const omnisandbox_listing_t* listing) {
  return listing->entries.size();
}

omnisandbox_bytes_t omnisandbox_listing_name(const omnisandbox_listing_t* listing, size_t index) {
  return index < listing->entries.size() ? bytes_of(listing->entries[index].name) : bytes_of({});
}

omnisandbox_file_type_t omnisandbox_listing_type(const omnisandbox_listing_t* listing,
                                                 size_t index) {
  return index < listing->entries.size()
             ? static_cast<omnisandbox_file_type_t>(listing->entries[index].type)
             : OMNISANDBOX_FILE_OTHER;
}
