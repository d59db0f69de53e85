// A block may be onlined, by either attribute, before it is fully added
//
// The mutant undoes rule R5: a write to `online` or `state` takes effect only after the memory is fully added. In this
// kernel only the attributes' wait for device_hotplug_lock ensures that. Every adder still takes the lock.
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
