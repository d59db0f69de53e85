// acpi_scan_hot_remove() drops device_hotplug_lock between its two stages
//
// The function takes the blocks of a DIMM offline, and then acpi_bus_trim() removes their memory. Each stage alone has
// the lock, so rules R1 to R3 of Documentation/core-api/memory-hotplug.rst, "Locking Internals", are kept. Another task
// can online a block in between. offline_and_remove_memory() says why that must not be: the removal "cannot fail as it
// cannot get onlined in the meantime".
//
// file: drivers/acpi/scan.c
// parent: ref-6.12-amd64
// changes: -0 +2

@acpi_scan_hot_remove@
identifier device;
@@
int acpi_scan_hot_remove(struct acpi_device *device)
{
<...
+ unlock_device_hotplug();
+ lock_device_hotplug();
acpi_bus_trim(device);
...>
}
