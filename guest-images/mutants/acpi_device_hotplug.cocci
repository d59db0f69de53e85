// acpi_device_hotplug() without device_hotplug_lock
//
// This function adds and removes DIMMs. It took the lock before the rules were written, but __add_memory() relies on
// the lock. The mutant undoes the function's part of rules R1 and R2 of Documentation/core-api/memory-hotplug.rst,
// "Locking Internals".
//
// file: drivers/acpi/scan.c
// changes: -2 +0

@acpi_device_hotplug@
@@
void acpi_device_hotplug(...)
{
<...
(
- lock_device_hotplug();
|
- unlock_device_hotplug();
)
...>
}
