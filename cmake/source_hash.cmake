# cmake -D ROOT=DIR -D HEADER=FILE -P cmake/source_hash.cmake
#
# Writes HEADER with a hash of the sources that decide how a trial is played and judged. It is the same on every machine
# and in every build directory, with or without git. HEADER is left alone if the hash in it is right, so that nothing is
# compiled again.
file(GLOB_RECURSE files RELATIVE ${ROOT} ${ROOT}/src/*.cc ${ROOT}/src/*.h ${ROOT}/src/*.c ${ROOT}/guest-images/agent/*)
list(SORT files)
set(all "")
foreach(name IN LISTS files)
  file(SHA256 ${ROOT}/${name} hash)
  string(APPEND all "${hash} ${name}\n")
endforeach()
string(SHA256 hash "${all}")
string(SUBSTRING ${hash} 0 12 hash)
set(text "#define MEMRIG_SOURCE_HASH \"${hash}\"\n")
if(EXISTS ${HEADER})
  file(READ ${HEADER} old)
  if(old STREQUAL text)
    return()
  endif()
endif()
file(WRITE ${HEADER} "${text}")
