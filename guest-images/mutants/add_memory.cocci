// add_memory() without device_hotplug_lock
//
// The mutant undoes the function's part of rule R1 of Documentation/core-api/memory-hotplug.rst, "Locking Internals":
// add_memory() holds device_hotplug_lock, so that no task onlines a block that is still being added.
//
// file: mm/memory_hotplug.c
// parent: ref-6.12-amd64
// parent: ref-7.2-amd64
// changes: -2 +0
// equivalent: on a PC only Hyper-V's balloon calls add_memory(), and these kernels do not have it

@add_memory@
@@
int add_memory(...)
{
...
- lock_device_hotplug();
...
- unlock_device_hotplug();
...
}
