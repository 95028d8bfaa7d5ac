#include "docker/image/registry_credentials.h"

#include <openssl/evp.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/try.h"
#include "docker/image/credential_helper.h"
#include "docker/image/image_reference.h"
#include "docker/json_access.h"

namespace omnisandbox::docker {
namespace {

using nlohmann::json;

constexpr std::size_t max_config_bytes = 4 * 1024 * 1024;
// The name under which the Docker CLI has always kept what belongs to the default registry.
constexpr std::string_view default_registry_key = "https://index.docker.io/v1/";

/// Keys are hosts; older files have whole addresses.
std::string_view host_of(std::string_view key) {
  if (const std::size_t scheme = key.find("://"); scheme != std::string_view::npos) {
    key.remove_prefix(scheme + 3);
  }
  return key.substr(0, key.find('/'));
}

bool is_key_of(std::string_view key, std::string_view registry) {
  if (registry == default_registry) {
    return host_of(key) == host_of(default_registry_key) || host_of(key) == default_registry;
  }
  return host_of(key) == registry;
}

std::optional<std::string> from_base64(std::string_view text) {
  std::string bytes(text.size() / 4 * 3 + 3, '\0');
  const int size = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(bytes.data()),
                                   reinterpret_cast<const unsigned char*>(text.data()),
                                   static_cast<int>(text.size()));
  if (size < 0) {
    return std::nullopt;
  }
  std::size_t padding = 0;
  while (padding < 2 && padding < text.size() && text[text.size() - 1 - padding] == '=') {
    ++padding;
  }
  bytes.resize(static_cast<std::size_t>(size) - padding);
  return bytes;
}

/// RFC 4648, section 5: the alphabet for URLs, with padding.
std::string to_url_base64(std::string_view bytes) {
  std::string text((bytes.size() + 2) / 3 * 4 + 1, '\0');
  const int size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                                   reinterpret_cast<const unsigned char*>(bytes.data()),
                                   static_cast<int>(bytes.size()));
  text.resize(static_cast<std::size_t>(size));
  for (char& c : text) {
    c = c == '+' ? '-' : c == '/' ? '_' : c;
  }
  return text;
}

Expected<std::optional<RegistryCredentials>> written_credentials(const json& entry,
                                                                 std::string_view registry) {
  RegistryCredentials credentials{.user = text_in(entry, "username"),
                                  .password = text_in(entry, "password"),
                                  .identity_token = text_in(entry, "identitytoken")};
  if (const std::string auth = text_in(entry, "auth"); !auth.empty()) {
    auto plain = from_base64(auth);
    // A trailing NUL is what some versions of the Docker CLI wrote.
    while (plain && !plain->empty() && plain->back() == '\0') {
      plain->pop_back();
    }
    const std::size_t colon = plain ? plain->find(':') : std::string::npos;
    if (colon == std::string::npos || colon == 0) {
      return base::make_error(ErrorKind::invalid_argument,
                              "the registry configuration's entry for {} has an \"auth\" that is "
                              "not user:password in base64; log in again",
                              base::printable(registry, 200));
    }
    credentials.user = plain->substr(0, colon);
    credentials.password = plain->substr(colon + 1);
  }
  if (credentials.user.empty() && credentials.identity_token.empty()) {
    return std::optional<RegistryCredentials>();
  }
  return std::optional(std::move(credentials));
}

std::string to_header(const RegistryCredentials& credentials, std::string_view registry) {
  json body = {{"serveraddress", registry == default_registry ? default_registry_key : registry}};
  if (credentials.identity_token.empty()) {
    body["username"] = credentials.user;
    body["password"] = credentials.password;
  } else {
    body["identitytoken"] = credentials.identity_token;
  }
  return to_url_base64(body.dump(-1, ' ', true, json::error_handler_t::replace));
}

}  // namespace

std::string default_registry_config() {
  // As the Docker CLI looks for it.
  if (const char* folder = std::getenv("DOCKER_CONFIG"); folder != nullptr && *folder != '\0') {
    return std::string(folder) + "/config.json";
  }
  const char* home = std::getenv("HOME");
  return home == nullptr || *home == '\0' ? std::string()
                                          : std::string(home) + "/.docker/config.json";
}

Expected<CredentialEntry> find_credentials(const json& config, std::string_view registry) {
  CredentialEntry found;
  for (const auto& [key, value] : member(config, "credHelpers").items()) {
    if (is_key_of(key, registry) && value.is_string()) {
      found.helper = value.get<std::string>();
      return found;
    }
  }
  found.helper = text_in(config, "credsStore");
  for (const auto& [key, value] : member(config, "auths").items()) {
    if (is_key_of(key, registry)) {
      found.written = TRY(written_credentials(value, registry));
      if (found.written) {
        return found;
      }
    }
  }
  return found;
}

Expected<std::string> registry_auth(const std::string& config_file, std::string_view registry,
                                    const Patience& patience) {
  const std::string file = config_file.empty() ? default_registry_config() : config_file;
  std::ifstream stream(file, std::ios::binary);
  if (file.empty() || !stream) {
    if (!config_file.empty()) {
      return base::make_error(ErrorKind::not_found, "{}: the registry configuration cannot be read",
                              base::printable(config_file));
    }
    return std::string();  // nobody has logged in
  }
  std::string text(max_config_bytes + 1, '\0');
  stream.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(stream.gcount()));
  const json config = json::parse(text, nullptr, false);
  if (text.size() > max_config_bytes || !config.is_object()) {
    return base::make_error(ErrorKind::invalid_argument,
                            "{}: the registry configuration is no JSON object",
                            base::printable(file));
  }
  const CredentialEntry entry = TRY(find_credentials(config, registry));
  if (entry.written) {
    return to_header(*entry.written, registry);
  }
  if (entry.helper.empty()) {
    return std::string();
  }
  const auto helped = TRY(ask_credential_helper(
      entry.helper, registry == default_registry ? default_registry_key : registry, patience));
  return helped ? to_header(*helped, registry) : std::string();
}

}  // namespace omnisandbox::docker
