// A block is onlined without mem_hotplug_lock
//
// Undoes rule R4 of Documentation/core-api/memory-hotplug.rst, "Locking Internals", for onlining: mem_hotplug_lock is
// held in write mode while pages are put online. In this kernel memory_block_online() takes it for online_pages().
//
// file: drivers/base/memory.c
// parent: ref-6.12-amd64
// changes: -3 +0

@online_pages_unlocked@
@@
int memory_block_online(...)
{
<...
(
- mem_hotplug_begin();
|
- mem_hotplug_done();
)
...>
}
