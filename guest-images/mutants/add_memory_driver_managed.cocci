// add_memory_driver_managed() without device_hotplug_lock
//
// virtio-mem and dax/kmem add memory with this function. The mutant undoes its part of rule R1 of
// Documentation/core-api/memory-hotplug.rst, "Locking Internals": memory is added with device_hotplug_lock held.
//
// file: mm/memory_hotplug.c
// parent: ref-6.12-amd64
// parent: ref-7.2-amd64
// changes: -2 +0

@add_memory_driver_managed@
@@
int add_memory_driver_managed(...)
{
<...
(
- lock_device_hotplug();
|
- unlock_device_hotplug();
)
...>
}
