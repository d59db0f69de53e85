// probe_store() unlocks device_hotplug_lock even if it failed to take it
//
// lock_device_hotplug_sysfs() is a trylock that restarts the system call. If it fails, the function must return at
// once. The mutant goes to the label that unlocks instead, and so releases a lock that another task owns, against rule
// R1 of Documentation/core-api/memory-hotplug.rst.
//
// file: drivers/base/memory.c
// parent: ref-6.12-amd64
// parent: ref-7.2-amd64
// changes: -1 +1

@probe_store_unlocks_untaken@
identifier ret;
@@
ssize_t probe_store(...)
{
...
ret = lock_device_hotplug_sysfs();
if (ret)
-   return ret;
+   goto out;
...
}
