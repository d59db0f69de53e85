// online_store() without device_hotplug_lock
//
// A device's attribute `online`, a block's among them. Undoes its part of rule R3 of
// Documentation/core-api/memory-hotplug.rst, "Locking Internals".
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
