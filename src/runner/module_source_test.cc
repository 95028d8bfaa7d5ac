#include "runner/module_source.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <span>
#include <string>

#include "runner/oci_layout.h"
#include "wasm/cache/digest.h"

namespace omnisandbox::runner {
namespace {

namespace fs = std::filesystem;

const std::string wasm_bytes("\0asm\1\0\0\0", 8);

std::string digest_of(std::string_view bytes) {
  return wasm::hex_of(wasm::sha256(std::as_bytes(std::span(bytes))));
}

class ModuleSources : public ::testing::Test {
 protected:
  ModuleSources() {
    std::string pattern = (fs::temp_directory_path() / "omnisandbox-source-XXXXXX").string();
    folder_ = fs::canonical(mkdtemp(pattern.data()));
  }
  ~ModuleSources() override { fs::remove_all(folder_); }

  std::string path(std::string_view name) const { return (folder_ / name).string(); }
  void write(const std::string& name, std::string_view content) const {
    fs::create_directories((folder_ / name).parent_path());
    std::ofstream(folder_ / name, std::ios::binary) << content;
  }
  /// Writes a blob, and returns its descriptor without the closing brace.
  std::string blob(std::string_view content, std::string_view type) const {
    const std::string digest = digest_of(content);
    write("layout/blobs/sha256/" + digest, content);
    return R"({"mediaType":")" + std::string(type) + R"(","digest":"sha256:)" + digest +
           R"(","size":)" + std::to_string(content.size());
  }
  std::string manifest(std::string_view module, std::string_view type = "application/wasm") const {
    const std::string text = R"({"schemaVersion":2,"layers":[)" + blob(module, type) + "}]}";
    return blob(text, "application/vnd.oci.image.manifest.v1+json");
  }
  void write_layout(const std::string& descriptors) const {
    write("layout/oci-layout", R"({"imageLayoutVersion":"1.0.0"})");
    write("layout/index.json", R"({"schemaVersion":2,"manifests":[)" + descriptors + "]}");
  }
  static std::string tagged(std::string_view tag) {
    return R"(,"annotations":{"org.opencontainers.image.ref.name":")" + std::string(tag) + "\"}}";
  }
  static Expected<std::string> read(const std::string& text) {
    const auto source = parse_module_source(text);
    if (!source) {
      return source.error();
    }
    return read_module(*source);
  }
  static std::string refusal(const std::string& text) {
    const auto bytes = read(text);
    return bytes ? "read" : std::string(to_string(bytes.error().kind));
  }

  fs::path folder_;
};

TEST_F(ModuleSources, AFileIsReadAndItsPinHolds) {
  write("tool.wasm", wasm_bytes);
  const std::string pin = "@sha256:" + digest_of(wasm_bytes);
  EXPECT_EQ(read(path("tool.wasm")), wasm_bytes);
  EXPECT_EQ(read(path("tool.wasm") + pin), wasm_bytes);
  EXPECT_EQ(parse_module_source(path("tool.wasm") + pin)->name(), "tool.wasm");
  const std::string other = "@sha256:" + digest_of("another");
  EXPECT_EQ(refusal(path("tool.wasm") + other), "invalid_argument");
  for (const char* wrong : {"@sha256:", "@sha256:12", "@sha256:zz"}) {
    EXPECT_EQ(refusal(path("tool.wasm") + wrong), "invalid_argument") << wrong;
  }
  EXPECT_EQ(refusal(path("absent.wasm") + pin), "not_found");
}

TEST_F(ModuleSources, AnOciLayoutGivesItsModule) {
  write_layout(manifest(wasm_bytes) + "}");
  EXPECT_EQ(read("oci:" + path("layout")), wasm_bytes);
  EXPECT_EQ(parse_module_source("oci:" + path("layout") + "/")->name(), "layout");
}

TEST_F(ModuleSources, ATagOrADigestChoosesOneOfSeveral) {
  const std::string first = manifest(wasm_bytes);
  const std::string second = manifest(wasm_bytes + "second");
  write_layout(first + tagged("v1") + "," + second + tagged("v2"));
  EXPECT_EQ(read("oci:" + path("layout") + ":v2"), wasm_bytes + "second");
  EXPECT_EQ(refusal("oci:" + path("layout") + ":v3"), "not_found");
  EXPECT_EQ(refusal("oci:" + path("layout")), "invalid_argument");
  const std::size_t digest = first.find("sha256:");
  const std::string pin = "@" + first.substr(digest, 7 + 64);
  EXPECT_EQ(read("oci:" + path("layout") + pin), wasm_bytes);
  EXPECT_EQ(read("oci:" + path("layout") + ":v1" + pin), wasm_bytes);
  EXPECT_EQ(refusal("oci:" + path("layout") + ":v2" + pin), "not_found");
}

TEST_F(ModuleSources, AnIndexOfAnIndexIsFollowed) {
  const std::string inner = R"({"manifests":[)" + manifest(wasm_bytes) + "}]}";
  write_layout(blob(inner, "application/vnd.oci.image.index.v1+json") + "}");
  EXPECT_EQ(read("oci:" + path("layout")), wasm_bytes);
}

TEST_F(ModuleSources, WhatIsNotWhatItsDigestSaysIsRefused) {
  const std::string descriptor = manifest(wasm_bytes);
  write_layout(descriptor + "}");
  ASSERT_EQ(read("oci:" + path("layout")), wasm_bytes);
  // Of the same length, so that only the digest tells.
  write("layout/blobs/sha256/" + digest_of(wasm_bytes), std::string("\0asm\2\0\0\0", 8));
  EXPECT_EQ(refusal("oci:" + path("layout")), "invalid_argument");
  write("layout/blobs/sha256/" + digest_of(wasm_bytes), wasm_bytes + "more");
  EXPECT_EQ(refusal("oci:" + path("layout")), "invalid_argument");
  write("layout/blobs/sha256/" + digest_of(wasm_bytes), wasm_bytes);
  EXPECT_EQ(read("oci:" + path("layout")), wasm_bytes);
  const std::string manifest_digest = descriptor.substr(descriptor.find("sha256:") + 7, 64);
  write("layout/blobs/sha256/" + manifest_digest, R"({"layers":[]})");
  EXPECT_EQ(refusal("oci:" + path("layout")), "invalid_argument");
}

TEST_F(ModuleSources, WhatIsNoModuleLayoutIsRefused) {
  EXPECT_EQ(refusal("oci:" + path("layout")), "not_found");
  write_layout(manifest(wasm_bytes, "application/vnd.oci.image.layer.v1.tar+gzip") + "}");
  EXPECT_EQ(refusal("oci:" + path("layout")), "invalid_argument");
  write_layout("");
  EXPECT_EQ(refusal("oci:" + path("layout")), "not_found");
  for (const char* index : {"", "[]", "{}", R"({"manifests":{}})", R"({"manifests":[1]})",
                            R"({"manifests":[{"digest":"sha256:../../../etc/passwd","size":1}]})",
                            R"({"manifests":[{"digest":"sha512:00","size":1}]})"}) {
    write("layout/index.json", index);
    EXPECT_EQ(refusal("oci:" + path("layout")), "invalid_argument") << index;
  }
  write("layout/oci-layout", R"({"imageLayoutVersion":"2.0.0"})");
  EXPECT_EQ(refusal("oci:" + path("layout")), "invalid_argument");
}

}  // namespace
}  // namespace omnisandbox::runner
