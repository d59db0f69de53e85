// online_store() without device_hotplug_lock
//
// A write to the attribute `online` of a device, such as a memory block, calls this function. The mutant undoes its
// part of rule R3 of Documentation/core-api/memory-hotplug.rst, "Locking Internals".
//
// file: drivers/base/core.c
// changes: -4 +0

@online_store@
identifier ret;
@@
ssize_t online_store(...)
{
...
- ret = lock_device_hotplug_sysfs();
- if (ret)
-   return ret;
...
- unlock_device_hotplug();
...
}
