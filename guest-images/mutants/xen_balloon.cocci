// reserve_additional_memory() without device_hotplug_lock
//
// Xen's balloon driver adds memory to dom0 here. The mutant undoes the part of commit 8df1d0e4a265 (v4.20) that is for
// the last caller of add_memory_resource(), rule R1: the memory is added without the lock.
//
// file: drivers/xen/balloon.c
// parent: ref-6.12-amd64
// parent: ref-7.2-amd64
// changes: -2 +0

@reserve_additional_memory@
@@
reserve_additional_memory(...)
{
<...
(
- lock_device_hotplug();
|
- unlock_device_hotplug();
)
...>
}
