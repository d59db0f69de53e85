// dlpar_add_lmb() adds every LMB to the first node
//
// Documentation/arch/powerpc/associativity.rst: the hypervisor gives the LMB's node by its associativity.
//
// file: arch/powerpc/platforms/pseries/hotplug-memory.c
// parent: ref-6.12-ppc64le
// parent: ref-7.2-ppc64le
// changes: -1 +1

@dlpar_add_lmb_node@
expression lmb, nid;
@@
static int dlpar_add_lmb(...)
{
<...
- nid = of_drconf_to_nid_single(lmb);
+ nid = first_online_node;
...>
}
