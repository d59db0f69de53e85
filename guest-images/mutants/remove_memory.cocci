// remove_memory() without device_hotplug_lock
//
// virtio-mem and dax/kmem remove memory with this function. The mutant undoes its part of rule R2 of
// Documentation/core-api/memory-hotplug.rst, "Locking Internals": device_hotplug_lock serializes the removal of memory
// with its onlining.
//
// file: mm/memory_hotplug.c
// parent: ref-6.12-amd64
// parent: ref-7.2-amd64
// changes: -2 +0

@remove_memory@
@@
int remove_memory(...)
{
...
- lock_device_hotplug();
...
- unlock_device_hotplug();
...
}
