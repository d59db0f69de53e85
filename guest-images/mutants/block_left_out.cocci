// add_memory_resource() reports success, but leaves the last block out
//
// Documentation/admin-guide/mm/memory-hotplug.rst, "Memory Block Configuration via Sysfs", describes all added memory
// as memory blocks. Memory without a block can never be onlined.
//
// file: mm/memory_hotplug.c
// parent: ref-6.12-amd64
// parent: ref-7.2-amd64
// changes: -1 +3

@block_left_out@
expression start, size;
@@
int add_memory_resource(...)
{
<...
create_memory_block_devices(start,
- size
+ size - memory_block_size_bytes()
  , ...)
...>
}
