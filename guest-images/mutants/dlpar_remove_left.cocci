// dlpar_memory_remove_by_ic() does not add back the LMBs that it has removed if the last one fails
//
// The function removes all LMBs of a request or none, as it says itself: "Memory indexed-count-remove failed,
// adding any removed LMBs".
//
// file: arch/powerpc/platforms/pseries/hotplug-memory.c
// parent: ref-6.12-ppc64le
// parent: ref-7.2-ppc64le
// changes: -1 +1

@dlpar_remove_left@
expression lmb, rc;
@@
static int dlpar_memory_remove_by_ic(...)
{
<...
- rc = dlpar_add_lmb(lmb);
+ rc = 0;
...>
}
