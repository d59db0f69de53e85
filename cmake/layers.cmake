# memrig_layer(NAME SOURCES... USES LAYERS... LINKS LIBRARIES...): one static library for a folder of src/.
# With MEMRIG_UNITY several sources of a layer are compiled together, since headers are half the price of a build from
# nothing. So the names that are local to a source must be unique in its layer.
#
# Each string is one storey, from the lowest to the highest. A layer uses the storeys below its own and nothing beside
# it, so that the judge (oracle) never includes the player (play).
set(MEMRIG_STOREYS "base" "console" "qmp guest kernel probe observer" "machine watch" "libvirt hotplug" "schedule" "oracle play"
  "scenario" "run" "campaign" "report" "page" "cli")

# The storey of a layer, or an error where it has none.
function(memrig_storey layer result)
  set(number 0)
  foreach(storey IN LISTS MEMRIG_STOREYS)
    separate_arguments(layers UNIX_COMMAND "${storey}")
    if(layer IN_LIST layers)
      set(${result} ${number} PARENT_SCOPE)
      return()
    endif()
    math(EXPR number "${number} + 1")
  endforeach()
  message(FATAL_ERROR "there is no layer ${layer}: cmake/layers.cmake lists them")
endfunction()

add_library(memrig_options INTERFACE)
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
  cmake_parse_arguments(ARG "" "" "SOURCES;USES;LINKS" ${ARGN})
  memrig_storey(${name} own)
  foreach(used IN LISTS ARG_USES)
    memrig_storey(${used} other)
    if(NOT other LESS own)
      message(FATAL_ERROR "layer ${name} may not use ${used}: only the storeys below it")
    endif()
  endforeach()
  list(TRANSFORM ARG_USES PREPEND memrig_)
  add_library(memrig_${name} STATIC ${ARG_SOURCES})
  # A source finds the headers of its own layer and of those that it uses. An include of any other layer does not
  # compile.
  set(headers ${PROJECT_BINARY_DIR}/layers/${name})
  file(MAKE_DIRECTORY ${headers})
  file(CREATE_LINK ${CMAKE_CURRENT_SOURCE_DIR} ${headers}/${name} SYMBOLIC)
  target_include_directories(memrig_${name} PUBLIC ${headers})
  target_link_libraries(memrig_${name} PUBLIC memrig_options ${ARG_USES} ${ARG_LINKS})
  if(MEMRIG_UNITY)
    set_target_properties(memrig_${name} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 16)
  endif()
endfunction()
