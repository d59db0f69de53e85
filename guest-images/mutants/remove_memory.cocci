// remove_memory() without device_hotplug_lock
//
// The way of virtio-mem and of dax/kmem. Undoes its part of rule R2 of Documentation/core-api/memory-hotplug.rst,
// "Locking Internals": removing memory is serialized with onlining it by device_hotplug_lock.
//
// file: mm/memory_hotplug.c
// parent: ref-6.12-amd64
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
