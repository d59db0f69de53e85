// probe_store() unlocks device_hotplug_lock also where it failed to take it
//
// lock_device_hotplug_sysfs() is a trylock that restarts the system call: its failure has to leave by `return`, not by the
// label that unlocks. The lock is then torn from its owner, against rule R1 of Documentation/core-api/memory-hotplug.rst.
//
// file: drivers/base/memory.c
// parent: ref-6.12-amd64
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
