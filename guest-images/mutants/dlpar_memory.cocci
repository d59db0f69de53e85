// dlpar_memory() without device_hotplug_lock
//
// This function adds and removes memory on pseries. The mutant undoes its part of rules R1, R2 and R3 of
// Documentation/core-api/memory-hotplug.rst, "Locking Internals": it calls __add_memory(), __remove_memory() and
// device_online(), which rely on the lock.
//
// file: arch/powerpc/platforms/pseries/hotplug-memory.c
// parent: ref-6.12-ppc64le
// parent: ref-7.2-ppc64le
// changes: -2 +0

@dlpar_memory@
@@
int dlpar_memory(...)
{
<...
(
- lock_device_hotplug();
|
- unlock_device_hotplug();
)
...>
}
