// dlpar_memory_remove_by_ic() does not add again what it has removed where the last LMB fails
//
// All of a request is removed, or nothing, as the function says itself: "Memory indexed-count-remove failed, adding any removed LMBs".
//
// file: arch/powerpc/platforms/pseries/hotplug-memory.c
// parent: ref-6.12-ppc64le
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
