// dlpar_memory_add_by_ic() keeps the LMBs that it has added if the last one fails
//
// The function adds all LMBs of a request or none, as it says itself: "Memory indexed-count-add failed, removing any
// added LMBs".
//
// file: arch/powerpc/platforms/pseries/hotplug-memory.c
// parent: ref-6.12-ppc64le
// parent: ref-7.2-ppc64le
// changes: -1 +1

@dlpar_add_left@
expression lmb, rc;
@@
static int dlpar_memory_add_by_ic(...)
{
<...
- rc = dlpar_remove_lmb(lmb);
+ rc = 0;
...>
}
