// A block may be onlined, by either attribute, before it is fully added
//
// Undoes rule R5: what is written to `online` or `state` is acted on only once the memory is fully added. In this kernel
// the attributes' wait for device_hotplug_lock is all that sees to it; every adder still takes the lock.
//
// file: drivers/base/memory.c
// file: drivers/base/core.c
// changes: -8 +0

@state@
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

@online@
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
