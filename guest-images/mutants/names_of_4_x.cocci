// No fault: 7.2 has the names that the store functions of `state` and `probe` had in 4.x
//
// The roles {store-state} and {store-probe} find their functions there.
//
// file: drivers/base/memory.c
// parent: ref-7.2-amd64
// changes: -6 +8
// equivalent: it calls the same functions in the same order

@state_store@
identifier dev, attr, buf, count;
@@
- static ssize_t state_store(struct device *dev, struct device_attribute *attr, const char *buf, size_t count)
+ static ssize_t store_mem_state(struct device *dev, struct device_attribute *attr, const char *buf, size_t count)
 {
 ...
 }

@state_attribute@
declarer name DEVICE_ATTR_RW, DEVICE_ATTR;
@@
- static DEVICE_ATTR_RW(state);
+ static DEVICE_ATTR(state, 0644, state_show, store_mem_state);

@probe_store@
identifier dev, attr, buf, count;
@@
- static ssize_t probe_store(struct device *dev, struct device_attribute *attr, const char *buf, size_t count)
+ static ssize_t memory_probe_store(struct device *dev, struct device_attribute *attr, const char *buf, size_t count)
 {
 ...
 }

@probe_attribute@
declarer name DEVICE_ATTR_WO, DEVICE_ATTR;
@@
- static DEVICE_ATTR_WO(probe);
+ static DEVICE_ATTR(probe, 0200, NULL, memory_probe_store);
