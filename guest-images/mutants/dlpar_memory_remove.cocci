// dlpar_memory() drops device_hotplug_lock while it removes memory
//
// It still holds the lock while it adds memory. The mutant undoes rules R2 and R3 of
// Documentation/core-api/memory-hotplug.rst, "Locking Internals", for the removal of LMBs.
//
// file: arch/powerpc/platforms/pseries/hotplug-memory.c
// parent: ref-6.12-ppc64le
// parent: ref-7.2-ppc64le
// changes: -0 +6

@dlpar_memory_remove@
identifier remove =~ "^dlpar_memory_remove_by_";
expression list arguments;
expression rc;
@@
+ unlock_device_hotplug();
rc = remove(arguments);
+ lock_device_hotplug();
