// A block is offlined without mem_hotplug_lock
//
// The mutant undoes rule R4 of Documentation/core-api/memory-hotplug.rst, "Locking Internals", for offlining. In this
// kernel memory_block_offline() takes the lock for offline_pages().
//
// file: drivers/base/memory.c
// parent: ref-6.12-amd64
// parent: ref-7.2-amd64
// changes: -2 +0

@offline_pages_unlocked@
@@
int memory_block_offline(...)
{
<...
(
- mem_hotplug_begin();
|
- mem_hotplug_done();
)
...>
}
