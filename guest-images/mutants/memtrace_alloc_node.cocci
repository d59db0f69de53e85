// memtrace_alloc_node() without device_hotplug_lock
//
// memtrace takes memory here. The mutant undoes "powerpc/powernv: hold device_hotplug_lock when calling
// memtrace_offline_pages()" (v4.20), rule R2: the function removes the blocks with __remove_memory(), which relies on
// the lock.
//
// file: arch/powerpc/platforms/powernv/memtrace.c
// parent: ref-5.10-ppc64le
// changes: -3 +0

@memtrace_alloc_node@
typedef u64;
@@
u64 memtrace_alloc_node(...)
{
<...
(
- lock_device_hotplug();
|
- unlock_device_hotplug();
)
...>
}
