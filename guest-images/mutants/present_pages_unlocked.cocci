// Present pages are counted without mem_hotplug_lock
//
// The mutant undoes rule R4 of Documentation/core-api/memory-hotplug.rst, "Locking Internals", for one step of
// online_pages(): a zone's present pages may change under mem_hotplug_lock only (include/linux/mmzone.h at
// present_pages).
//
// file: mm/memory_hotplug.c
// parent: ref-6.12-amd64
// parent: ref-7.2-amd64
// changes: -0 +2

@present_pages_unlocked@
@@
int online_pages(...)
{
...
+ mem_hotplug_done();
adjust_present_page_count(...);
+ mem_hotplug_begin();
...
}
