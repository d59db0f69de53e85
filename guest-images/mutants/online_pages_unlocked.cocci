// A block is onlined without mem_hotplug_lock
//
// The mutant undoes rule R4 of Documentation/core-api/memory-hotplug.rst, "Locking Internals", for onlining: pages are
// onlined with mem_hotplug_lock held in write mode. In this kernel memory_block_online() takes it for online_pages().
//
// file: drivers/base/memory.c
// parent: ref-6.12-amd64
// parent: ref-7.2-amd64 -2 +0
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
