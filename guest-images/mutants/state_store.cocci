// state_store() without device_hotplug_lock
//
// A write to a block's attribute `state` calls this function. The mutant undoes its part of rule R3 of
// Documentation/core-api/memory-hotplug.rst, "Locking Internals": device_online() and device_offline() of a memory
// block are called with device_hotplug_lock held.
//
// file: drivers/base/memory.c
// changes: -4 +0

@state_store@
identifier ret;
@@
ssize_t state_store(...)
{
...
- ret = lock_device_hotplug_sysfs();
- if (ret)
-   return ret;
...
- unlock_device_hotplug();
...
}
