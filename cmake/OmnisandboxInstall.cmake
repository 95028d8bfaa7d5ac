# Installs the command, the headers, the libraries (wasmtime's included) and the CMake and pkg-config packages, in two
# components: `runtime`, what a machine needs that runs tools, and `development`, what programs are built with.
include(CMakePackageConfigHelpers)

get_property(libraries GLOBAL PROPERTY omnisandbox_libraries)
list(REMOVE_ITEM libraries omnisandbox_cli omnisandbox_mcp)  # the command's own
foreach(library IN LISTS libraries)
  string(REPLACE "omnisandbox_" "" short_name ${library})
  set_target_properties(${library} PROPERTIES EXPORT_NAME ${short_name})
endforeach()
set_target_properties(omnisandbox_options PROPERTIES EXPORT_NAME options)
set_target_properties(omnisandbox_wasmtime PROPERTIES EXPORT_NAME wasmtime)

install(TARGETS omnisandbox omnisandbox_options omnisandbox_wasmtime ${libraries} EXPORT omnisandbox
        ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT development)
install(FILES ${OMNISANDBOX_WASMTIME_LIBRARY} DESTINATION ${CMAKE_INSTALL_LIBDIR}
        RENAME libomnisandbox_wasmtime.a COMPONENT development)
install(DIRECTORY include/omnisandbox DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT development)
install(DIRECTORY guests/sdk DESTINATION ${CMAKE_INSTALL_DATADIR}/omnisandbox COMPONENT development)
if(OMNISANDBOX_BUILD_INTERPRETERS)
  # Looked for beside the program: <prefix>/lib/omnisandbox/interpreters.
  install(DIRECTORY "${OMNISANDBOX_INTERPRETERS_DIR}/" DESTINATION lib/omnisandbox/interpreters COMPONENT runtime
          FILES_MATCHING PATTERN "*.code" PATTERN "*.shape")
endif()
install(TARGETS omnisandbox_command RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT runtime)
install(FILES docs/omnisandbox.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1 COMPONENT runtime)

# Shells look for completions in places of their own, named after the command.
set(completions "${PROJECT_BINARY_DIR}/completions")
set(completion_places bash omnisandbox bash-completion/completions
                      zsh _omnisandbox zsh/site-functions
                      fish omnisandbox.fish fish/vendor_completions.d)
while(completion_places)
  list(POP_FRONT completion_places shell file place)
  add_custom_command(OUTPUT "${completions}/${file}" VERBATIM DEPENDS omnisandbox_command
    COMMAND ${CMAKE_COMMAND} -E make_directory "${completions}"
    COMMAND sh -c "\"$1\" completion \"$2\" >\"$3\"" completion "$<TARGET_FILE:omnisandbox_command>" ${shell} "${completions}/${file}"
    COMMENT "Writing the completion for ${shell}")
  list(APPEND completion_files "${completions}/${file}")
  install(FILES "${completions}/${file}" DESTINATION ${CMAKE_INSTALL_DATADIR}/${place} COMPONENT runtime)
endwhile()
# Debian's zsh looks here for what packages bring, and there for what administrators install.
install(FILES "${completions}/_omnisandbox" DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/vendor-completions COMPONENT runtime)
add_custom_target(completions ALL DEPENDS ${completion_files})

# Ubuntu's AppArmor wants it; where it is of use is for the administrator, or a package's script, to find out.
install(FILES packaging/apparmor/omnisandbox DESTINATION ${CMAKE_INSTALL_DATADIR}/omnisandbox/apparmor.d COMPONENT runtime)

set(package_folder ${CMAKE_INSTALL_LIBDIR}/cmake/omnisandbox)
install(EXPORT omnisandbox NAMESPACE omnisandbox:: DESTINATION ${package_folder} COMPONENT development)
configure_package_config_file(cmake/omnisandboxConfig.cmake.in omnisandboxConfig.cmake
                              INSTALL_DESTINATION ${package_folder})
write_basic_package_version_file(omnisandboxConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/omnisandboxConfig.cmake ${PROJECT_BINARY_DIR}/omnisandboxConfigVersion.cmake
        DESTINATION ${package_folder} COMPONENT development)
