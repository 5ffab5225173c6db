# SPDX-License-Identifier: Apache-2.0
#
# With CMAKE_UNITY_BUILD the sources of a folder are compiled as one, which takes a third of the time.
# So a name of an unnamed namespace is one thing in all of its folder.
#
#   socklid_unite_folders(DIRECTORY)   for each target of the directory and of those below it
function(socklid_unite_folders DIRECTORY)
  get_property(targets DIRECTORY "${DIRECTORY}" PROPERTY BUILDSYSTEM_TARGETS)
  foreach(target IN LISTS targets)
    get_target_property(sources ${target} SOURCES)
    if(NOT sources)
      continue()
    endif()
    set_target_properties(${target} PROPERTIES UNITY_BUILD_MODE GROUP)
    get_target_property(base ${target} SOURCE_DIR)
    foreach(source IN LISTS sources)
      get_filename_component(path "${source}" ABSOLUTE BASE_DIR "${base}")
      get_filename_component(folder "${source}" DIRECTORY)
      string(MAKE_C_IDENTIFIER "in_${folder}" group)
      set_property(SOURCE "${path}" TARGET_DIRECTORY ${target} PROPERTY UNITY_GROUP ${group})
    endforeach()
  endforeach()
  get_property(folders DIRECTORY "${DIRECTORY}" PROPERTY SUBDIRECTORIES)
  foreach(folder IN LISTS folders)
    socklid_unite_folders("${folder}")
  endforeach()
endfunction()
