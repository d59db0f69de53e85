// memtrace_online() without device_hotplug_lock
//
// memtrace gives memory back here. The mutant undoes "powerpc/powernv: hold device_hotplug_lock when calling
// device_online()" (v4.20), rule R3: the function onlines the blocks without the lock, as no write to sysfs may.
//
// file: arch/powerpc/platforms/powernv/memtrace.c
// parent: ref-5.10-ppc64le
// changes: -2 +0

@memtrace_online@
@@
int memtrace_online(...)
{
<...
(
- lock_device_hotplug();
|
- unlock_device_hotplug();
)
...>
}
