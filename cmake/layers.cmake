# memrig_layer(NAME SOURCES... USES LAYERS... LINKS LIBRARIES... [ONE_BY_ONE]): one static library a folder of src/.
# From nothing, what headers cost is half of the build: with MEMRIG_UNITY several sources are compiled together. Names that are local to a source have to
# be its layer's only ones then; a layer where they are not is ONE_BY_ONE.
# Layers are listed from the lowest to the highest; a layer that uses one above it is a mistake.
set(MEMRIG_LAYERS base qmp probe guest machine libvirt hotplug schedule oracle scenario campaign report nightly cli)

add_library(memrig_options INTERFACE)
target_include_directories(memrig_options INTERFACE ${PROJECT_SOURCE_DIR}/src)
target_compile_options(memrig_options INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Wold-style-cast -Wcast-qual
  # g++ 12 sees uninitialised strings in std::expected that are not there.
  $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>
  # libstdc++ 12 sorts stably by what C++23 deprecates; clang blames the caller for it.
  $<$<CXX_COMPILER_ID:Clang>:-Wno-deprecated-declarations>
  $<$<BOOL:${MEMRIG_WERROR}>:-Werror>)
if(MEMRIG_SANITIZE)
  target_compile_options(memrig_options INTERFACE -fsanitize=${MEMRIG_SANITIZE} -fno-omit-frame-pointer)
  target_link_options(memrig_options INTERFACE -fsanitize=${MEMRIG_SANITIZE})
endif()

function(memrig_layer name)
  cmake_parse_arguments(ARG "ONE_BY_ONE" "" "SOURCES;USES;LINKS" ${ARGN})
  list(FIND MEMRIG_LAYERS ${name} rank)
  foreach(used IN LISTS ARG_USES)
    list(FIND MEMRIG_LAYERS ${used} used_rank)
    if(used_rank LESS 0 OR NOT used_rank LESS rank)
      message(FATAL_ERROR "layer ${name} may not use ${used}: only the layers below it")
    endif()
  endforeach()
  list(TRANSFORM ARG_USES PREPEND memrig_)
  add_library(memrig_${name} STATIC ${ARG_SOURCES})
  target_link_libraries(memrig_${name} PUBLIC memrig_options ${ARG_USES} ${ARG_LINKS})
  if(MEMRIG_UNITY AND NOT ARG_ONE_BY_ONE)
    set_target_properties(memrig_${name} PROPERTIES UNITY_BUILD ON)
  endif()
endfunction()
