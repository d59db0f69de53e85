#define _GNU_SOURCE /* RTLD_DEFAULT */
#include "observer/registers.h"

#include <dlfcn.h>
#include <pthread.h>
#include <string.h>

/* As in GLib. */
struct ByteArray {
    uint8_t* data;
    unsigned length;
};

/* By the numbers and the names of gdb. `link` is empty where the return address is on the stack. */
struct Registers {
    const char* target;
    const char* function; /* of QEMU 7.2, which reads a register by its number */
    int argument[OBSERVER_ARGUMENTS], value, link, stack;
    const char *argument_name[OBSERVER_ARGUMENTS], *value_name, *link_name, *stack_name;
};

static const struct Registers targets[] = {
    {"x86_64", "x86_cpu_gdb_read_register", {5, 4, 3}, 0, -1, 7, {"rdi", "rsi", "rdx"}, "rax", "", "rsp"},
    {"aarch64", "aarch64_cpu_gdb_read_register", {0, 1, 2}, 0, 30, 31, {"x0", "x1", "x2"}, "x0", "x30", "sp"},
};
static const struct Registers* registers;

/* QEMU's and GLib's own functions are looked for: a QEMU without them still takes the plugin. */
static struct {
    struct ByteArray* (*new_bytes)(void);
    uint8_t* (*free_bytes)(struct ByteArray*, int free_data);
#if OBSERVER_INTERFACE < 4
    void* (*cpu)(int index);
    int (*read)(void* cpu, struct ByteArray*, int number);
    int (*memory)(void* cpu, uint64_t address, void* buffer, size_t bytes, bool is_write);
#endif
} qemu;

static bool look_up(void* function, const char* name) {
    void* const found = dlsym(RTLD_DEFAULT, name);
    memcpy(function, &found, sizeof found); /* ISO C converts no pointer to a function */
    return found != NULL;
}

static bool copy_word(uint64_t* word, const struct ByteArray* bytes) {
    if (bytes->length != sizeof *word) return false;
    memcpy(word, bytes->data, sizeof *word);
    return true;
}

#if OBSERVER_INTERFACE < 4

static bool read_register(unsigned vcpu, int number, const char* name, uint64_t* value) {
    (void)name;
    void* const cpu = qemu.cpu((int)vcpu);
    if (cpu == NULL) return false;
    struct ByteArray* const bytes = qemu.new_bytes();
    qemu.read(cpu, bytes, number);
    const bool is_word = copy_word(value, bytes);
    qemu.free_bytes(bytes, 1);
    return is_word;
}

static bool read_memory(unsigned vcpu, uint64_t address, void* to, size_t size) {
    void* const cpu = qemu.cpu((int)vcpu);
    return cpu != NULL && qemu.memory(cpu, address, to, size, false) == 0;
}

static bool look_up_all(void) {
    return look_up(&qemu.cpu, "qemu_get_cpu") && look_up(&qemu.read, registers->function) &&
           look_up(&qemu.memory, "cpu_memory_rw_debug");
}

#else

struct Descriptor {
    void* handle;
    const char *name, *feature;
};
struct Array {
    struct Descriptor* data;
    unsigned length;
};
struct Array* qemu_plugin_get_registers(void);
int qemu_plugin_read_register(void* handle, struct ByteArray*);
bool qemu_plugin_read_memory_vaddr(uint64_t address, struct ByteArray*, size_t bytes);

/* QEMU answers only on the thread of a vCPU, and then the same for each vCPU. */
static pthread_once_t listed = PTHREAD_ONCE_INIT;
static const struct Array* list;
static void list_registers(void) { list = qemu_plugin_get_registers(); }

static bool read_register(unsigned vcpu, int number, const char* name, uint64_t* value) {
    (void)vcpu, (void)number;
    pthread_once(&listed, list_registers);
    bool is_word = false;
    for (unsigned i = 0; list != NULL && i < list->length && !is_word; i++) {
        if (list->data[i].name == NULL || strcmp(list->data[i].name, name) != 0) continue;
        struct ByteArray* const bytes = qemu.new_bytes();
        qemu_plugin_read_register(list->data[i].handle, bytes);
        is_word = copy_word(value, bytes);
        qemu.free_bytes(bytes, 1);
    }
    return is_word;
}

static bool read_memory(unsigned vcpu, uint64_t address, void* to, size_t size) {
    (void)vcpu;
    struct ByteArray* const bytes = qemu.new_bytes();
    const bool read = qemu_plugin_read_memory_vaddr(address, bytes, size) && bytes->length == size;
    if (read) memcpy(to, bytes->data, size);
    qemu.free_bytes(bytes, 1);
    return read;
}

static bool look_up_all(void) { return true; }

#endif

static bool read_call(unsigned vcpu, uint64_t argument[OBSERVER_ARGUMENTS], uint64_t* returns_to) {
    for (int i = 0; i < OBSERVER_ARGUMENTS; i++)
        if (!read_register(vcpu, registers->argument[i], registers->argument_name[i], &argument[i])) return false;
    if (registers->link >= 0) return read_register(vcpu, registers->link, registers->link_name, returns_to);
    uint64_t stack = 0;
    return read_register(vcpu, registers->stack, registers->stack_name, &stack) &&
           read_memory(vcpu, stack, returns_to, sizeof *returns_to);
}

static bool read_answer(unsigned vcpu, uint64_t* value) {
    return read_register(vcpu, registers->value, registers->value_name, value);
}

const struct RecorderGuest* registers_of(const char* target) {
    static const struct RecorderGuest guest = {read_call, read_answer, read_memory};
    for (size_t i = 0; i < sizeof targets / sizeof *targets; i++)
        if (target != NULL && strcmp(target, targets[i].target) == 0) registers = &targets[i];
    if (registers == NULL || !look_up(&qemu.new_bytes, "g_byte_array_new") ||
        !look_up(&qemu.free_bytes, "g_byte_array_free") || !look_up_all())
        return NULL;
    return &guest;
}
