/* Sets the agent up before it greets: file systems, modules, affinity to CPU 0. */
#include "agent.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

enum { MAX_WARNINGS = 16, WARNING_BYTES = 240 };
static char warnings[MAX_WARNINGS][WARNING_BYTES];
static unsigned warning_count;
static uint64_t block_bytes;

void warn(const char* format, ...) {
    char text[WARNING_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    fprintf(stderr, "memrig-agent: %s\n", text);
    if (warning_count < MAX_WARNINGS) memcpy(warnings[warning_count++], text, sizeof text);
}

bool command_line_word(const char* key, char* out, size_t room) {
    char text[4096], *rest = text;
    if (read_small("/proc/cmdline", text, sizeof text) < 0) return false;
    for (char* word; (word = strsep(&rest, " \n")) != NULL;) {
        if (strncmp(word, key, strlen(key)) != 0) continue;
        return (size_t)snprintf(out, room, "%s", word + strlen(key)) < room && *out;
    }
    return false;
}

static bool mount_at(const char* type, const char* path) {
    mkdir(path, 0755);
    return mount(type, path, type, 0, NULL) == 0 || errno == EBUSY;
}

static void mount_all(void) {
    static const char* const needed[][2] = {{"proc", "/proc"}, {"sysfs", "/sys"}, {"devtmpfs", "/dev"}};
    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++)
        if (!mount_at(needed[i][0], needed[i][1])) warn("mount %s: %s", needed[i][1], strerror(errno));
    /* Kernels may lack these, and the agent itself does not need them. */
    mount_at("debugfs", "/sys/kernel/debug");
    mount_at("tracefs", "/sys/kernel/tracing");
}

static void open_console(void) {
    const int fd = open("/dev/console", O_RDWR | O_NOCTTY);
    if (fd < 0) return;
    for (int i = 0; i < 3; i++)
        if (fd != i) dup2(fd, i);
    if (fd > 2) close(fd);
    setvbuf(stdout, NULL, _IOLBF, 0);
}

static void load_modules(void) {
    char name[256], path[300];
    FILE* list = fopen("/modules/list", "re");
    while (list && fgets(name, sizeof name, list)) {
        name[strcspn(name, "\n")] = '\0';
        if (!*name) continue;
        snprintf(path, sizeof path, "/modules/%s", name);
        const int fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0 || (syscall(SYS_finit_module, fd, "", 0) != 0 && errno != EEXIST))
            warn("module %s: %s", name, strerror(errno));
        if (fd >= 0) close(fd);
    }
    if (list) fclose(list);
}

static void read_block_size(void) {
    char text[64];
    /* block_size_bytes_show() prints hexadecimal without a prefix. */
    if (read_small("/sys/devices/system/memory/block_size_bytes", text, sizeof text) > 0)
        block_bytes = strtoull(text, NULL, 16);
}

uint64_t get_block_bytes(void) { return block_bytes; }

static unsigned online_cpus(void) {
    char text[1024];
    unsigned count = 0;
    if (read_small("/sys/devices/system/cpu/online", text, sizeof text) <= 0) return 1;
    for (char* at = text; *at && *at != '\n';) {
        char* end;
        const unsigned long first = strtoul(at, &end, 10);
        unsigned long last = first;
        if (end == at) break;
        if (*end == '-') last = strtoul(end + 1, &end, 10);
        if (last >= first) count += (unsigned)(last - first + 1);
        at = *end == ',' ? end + 1 : end;
    }
    return count;
}

void set_up(void) {
    cpu_set_t housekeeping;
    mount_all();
    open_console();
    signal(SIGPIPE, SIG_IGN);
    CPU_ZERO(&housekeeping);
    CPU_SET(0, &housekeeping);
    if (sched_setaffinity(0, sizeof housekeeping, &housekeeping) != 0) warn("pin to CPU 0: %s", strerror(errno));
    /* A page fault needs mmap_lock and memory. In the states that the rig creates, either may be unavailable. */
    if (mlockall(MCL_CURRENT | MCL_FUTURE) != 0) warn("mlockall: %s", strerror(errno));
    load_modules();
    read_block_size();
}

void send_hello(uint32_t id) {
    char text[MAX_WARNINGS * (3 * WARNING_BYTES + 16) + 1024], *out = text;
    struct utsname names;
    uname(&names);
    out += sprintf(out, "protocol=%d release=", PROTOCOL_VERSION);
    out += escape(out, 3 * sizeof names.release, names.release, strlen(names.release));
    out += sprintf(out, " machine=");
    out += escape(out, 3 * sizeof names.machine, names.machine, strlen(names.machine));
    out += sprintf(out, " block_bytes=%llu cpus=%u\n", (unsigned long long)block_bytes, online_cpus());
    for (unsigned i = 0; i < warning_count; i++) {
        out += sprintf(out, "warning=");
        out += escape(out, 3 * WARNING_BYTES, warnings[i], strlen(warnings[i]));
        *out++ = '\n';
    }
    link_send(FRAME_HELLO, id, 0, text, (size_t)(out - text));
}
