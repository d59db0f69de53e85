// Two locks outside of memory hotplug are taken in both orders
//
// Onlining takes rtnl_mutex and then pci_rescan_remove_lock, and a reader of /proc/zoneinfo takes them the other way
// round (Documentation/locking/lockdep-design.rst: all tasks take two locks in the same order). The parent has no
// lockdep, so nothing but the lock graph tells of it where nobody has to wait.
//
// file: mm/memory_hotplug.c
// file: mm/vmstat.c
// parent: ref-7.2-amd64-clang
// changes: -0 +12

@include_both@
@@
#include <linux/mm.h>
+ #include <linux/pci.h>
+ #include <linux/rtnetlink.h>

@onlining@
@@
int online_pages(...)
{
...
+ rtnl_lock();
+ pci_lock_rescan_remove();
adjust_present_page_count(...);
+ pci_unlock_rescan_remove();
+ rtnl_unlock();
...
}

@reading@
@@
static int zoneinfo_show(...)
{
...
+ pci_lock_rescan_remove();
+ rtnl_lock();
walk_zones_in_node(...);
+ rtnl_unlock();
+ pci_unlock_rescan_remove();
...
}
