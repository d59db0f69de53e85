// notifier_chain_register() sorts a chain from low to high priority
//
// Rule N3, from Documentation/core-api/memory-hotplug.rst, "Memory hotplug event notifier": hotplug_memory_notifier()
// takes a priority, and callbacks of higher priority are called before callbacks of lower priority.
//
// file: kernel/notifier.c
// parent: ref-6.12-amd64
// parent: ref-7.2-amd64
// changes: -1 +1

@notifiers_low_to_high@
identifier nl, n;
@@
static int notifier_chain_register(struct notifier_block **nl, struct notifier_block *n, bool unique_priority)
{
<...
- n->priority > (*nl)->priority
+ n->priority < (*nl)->priority
...>
}
