// offline_and_remove_memory() without device_hotplug_lock
//
// virtio-mem with big blocks removes memory with this function. The mutant undoes its part of rules R2 and R3 of
// Documentation/core-api/memory-hotplug.rst, "Locking Internals": device_offline() and the removal after it are one
// step under device_hotplug_lock.
//
// file: mm/memory_hotplug.c
// parent: ref-6.12-amd64
// parent: ref-7.2-amd64
// changes: -2 +0

@offline_and_remove_memory@
@@
int offline_and_remove_memory(...)
{
...
- lock_device_hotplug();
...
- unlock_device_hotplug();
...
}
