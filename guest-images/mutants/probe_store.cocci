// probe_store() without device_hotplug_lock
//
// A write to /sys/devices/system/memory/probe calls this function. The mutant undoes its part of rule R1 of
// Documentation/core-api/memory-hotplug.rst, "Locking Internals". Before the rules existed, it added memory without the
// lock.
//
// file: drivers/base/memory.c
// parent: ref-6.12-amd64
// parent: ref-7.2-amd64
// changes: -4 +0

@probe_store@
identifier ret;
@@
ssize_t probe_store(...)
{
...
- ret = lock_device_hotplug_sysfs();
- if (ret)
-   return ret;
...
- unlock_device_hotplug();
...
}
