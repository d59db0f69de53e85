// state_store() keeps device_hotplug_lock if it gets a bad string
//
// The mutant checks the string with the lock held, and returns without unlocking. Every later addition, removal and
// onlining waits for ever, against rules R1 to R3 of Documentation/core-api/memory-hotplug.rst.
//
// file: drivers/base/memory.c
// parent: ref-6.12-amd64
// parent: ref-7.2-amd64
// changes: -2 +2

@state_store_leaks_lock@
identifier ret, online_type;
@@
ssize_t state_store(...)
{
...
- if (online_type < 0)
-   return -EINVAL;
...
ret = lock_device_hotplug_sysfs();
if (ret)
  return ret;
+ if (online_type < 0)
+   return -EINVAL;
...
}
