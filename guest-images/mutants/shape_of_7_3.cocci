// No fault: 7.2 has the shape that memory hotplug has since 7.3-rc1
//
// Commit 2b047c8a8c27: add_memory_resource() wraps a static function, which __add_memory() calls, and the driver's
// adder is split likewise, with the lock in its inner part, which kmem calls. The roles {adder} and {driver-adder} find
// their functions there.
//
// file: mm/memory_hotplug.c
// file: drivers/dax/kmem.c
// parent: ref-7.2-amd64
// changes: -7 +26
// equivalent: it calls the same functions in the same order

@adder@
typedef mhp_t;
identifier nid, res, flags;
@@
- int add_memory_resource(int nid, struct resource *res, mhp_t flags)
+ static int __add_memory_resource(int nid, struct resource *res, mhp_t flags, int online_type)
 {
 ...
 }
+int add_memory_resource(int nid, struct resource *res, mhp_t flags)
+{
+	return __add_memory_resource(nid, res, flags, -1);
+}

@callers depends on adder@
identifier caller = {__add_memory, add_memory_driver_managed};
expression nid, res, flags;
@@
caller(...)
{
<...
- add_memory_resource(nid, res, flags)
+ __add_memory_resource(nid, res, flags, -1)
...>
}

@driver_adder depends on adder@
typedef u64;
identifier nid, start, size, name, flags;
@@
+int __add_memory_driver_managed(int nid, u64 start, u64 size, const char *name, mhp_t flags, int online_type);
- int add_memory_driver_managed(int nid, u64 start, u64 size, const char *name, mhp_t flags)
+ int __add_memory_driver_managed(int nid, u64 start, u64 size, const char *name, mhp_t flags, int online_type)
 {
 ...
 }
+int add_memory_driver_managed(int nid, u64 start, u64 size, const char *name, mhp_t flags)
+{
+	return __add_memory_driver_managed(nid, start, size, name, flags, -1);
+}

@kmem@
expression nid, start, size, name, flags;
@@
dev_dax_kmem_probe(...)
{
<...
- add_memory_driver_managed(nid, start, size, name, flags)
+ __add_memory_driver_managed(nid, start, size, name, flags, -1)
...>
}

@kmem_prototype depends on kmem@
typedef u64, mhp_t;
identifier dax;
@@
+int __add_memory_driver_managed(int nid, u64 start, u64 size, const char *name, mhp_t flags, int online_type);
+
 static int dev_dax_kmem_probe(struct dev_dax *dax)
 {
 ...
 }
