# Debian packages: `cmake --build BUILD --target package` makes them in BUILD/packages.
#   omnisandbox       the command with its helper programs and interpreters, and libomnisandbox.so
#   libomnisandbox-dev   headers, static libraries, CMake and pkg-config files, the SDK for guests
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_DIRECTORY "${PROJECT_BINARY_DIR}/packages")
set(CPACK_PACKAGE_CONTACT "The OmniSandbox authors <authors@omnisandbox.invalid>")
set(CPACK_PACKAGE_VENDOR OmniSandbox)
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_COMPONENTS_ALL runtime development)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_COMPRESSION_TYPE zstd)
set(CPACK_DEBIAN_PACKAGE_SECTION utils)
set(CPACK_DEBIAN_RUNTIME_PACKAGE_NAME omnisandbox)
set(CPACK_DEBIAN_RUNTIME_DESCRIPTION "${PROJECT_DESCRIPTION}
 Runs files, fetches, commands, WebAssembly modules, Python and JavaScript for
 an agent, each confined to one policy file.")
# The libraries that the programs link are found by dpkg-shlibdeps; these are loaded when they are needed, run, or read.
set(CPACK_DEBIAN_RUNTIME_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_RUNTIME_PACKAGE_DEPENDS "ca-certificates, libcurl4 (>= 7.87)")
set(CPACK_DEBIAN_RUNTIME_PACKAGE_SUGGESTS "docker.io | podman-docker")
set(CPACK_DEBIAN_RUNTIME_PACKAGE_CONTROL_EXTRA "${PROJECT_SOURCE_DIR}/packaging/debian/postinst"
    "${PROJECT_SOURCE_DIR}/packaging/debian/prerm" "${PROJECT_SOURCE_DIR}/packaging/debian/triggers")
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_NAME libomnisandbox-dev)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_DEVELOPMENT_DESCRIPTION "${PROJECT_DESCRIPTION} (development files)
 What C and C++ programs that use OmniSandbox as a library are built with.")
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_DEPENDS "omnisandbox (= ${PROJECT_VERSION}), libyaml-cpp-dev, nlohmann-json3-dev, libfmt-dev, \
libexpected-dev, libidn2-dev, libre2-dev, libssl-dev, libseccomp-dev, libc-ares-dev, libarchive-dev")
include(CPack)
