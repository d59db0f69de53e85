// MEM_CANCEL_OFFLINE is sent for a block that never was MEM_GOING_OFFLINE
//
// Documentation/core-api/memory-hotplug.rst, "Memory hotplug event notifier": MEM_CANCEL_OFFLINE undoes what
// MEM_GOING_OFFLINE announced. The mutant also sends it if the pages cannot be isolated, before any announcement.
//
// file: mm/memory_hotplug.c
// parent: ref-6.12-amd64
// parent: ref-7.2-amd64 -0 +1
// changes: -0 +4

/* A kernel that tells nodes apart from blocks fills the notice of the block at once. */
@nodes_apart@
@@
 node_notify(NODE_REMOVING_LAST_MEMORY, ...)

@cancel_without_going depends on !nodes_apart@
identifier ret, reason;
@@
int offline_pages(...)
{
...
ret = start_isolate_page_range(...);
if (ret) {
  reason = ...;
+ arg.start_pfn = start_pfn;
+ arg.nr_pages = nr_pages;
+ node_states_check_changes_offline(nr_pages, zone, &arg);
+ memory_notify(MEM_CANCEL_OFFLINE, &arg);
  goto failed_removal_pcplists_disabled;
}
...
}

@cancel_of_a_block depends on nodes_apart@
identifier ret, reason;
@@
int offline_pages(...)
{
...
ret = start_isolate_page_range(...);
if (ret) {
  reason = ...;
+ memory_notify(MEM_CANCEL_OFFLINE, &mem_arg);
  goto failed_removal_pcplists_disabled;
}
...
}
