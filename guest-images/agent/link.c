/* The serial line to the rig. */
#include "agent.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

static int line = -1;
/* Held for the write to the UART only. */
static pthread_mutex_t line_lock = PTHREAD_MUTEX_INITIALIZER;

static bool make_raw(int fd) {
    struct termios settings;
    if (tcgetattr(fd, &settings) != 0) return false;
    cfmakeraw(&settings);
    settings.c_cflag |= CLOCAL | CREAD;
    settings.c_cflag &= ~(tcflag_t)CRTSCTS;
    settings.c_cc[VMIN] = 1;
    settings.c_cc[VTIME] = 0;
    /* QEMU does not slow the line down. But it derives from the rate how long a 16550's receiver waits for its FIFO to
     * fill before it interrupts. */
    cfsetspeed(&settings, B115200);
    return tcsetattr(fd, TCSANOW, &settings) == 0;
}

/* The kernel echoed what it received before the line was raw. The part of the echo that is still pending would go out
 * in the middle of our frames (process_echoes(), drivers/tty/n_tty.c). Switching to another line discipline and back
 * drops it. Kernels before v4.15 do not have N_NULL. */
static void drop_echo(int fd) {
    const int null_discipline = 27, tty_discipline = 0; /* N_NULL and N_TTY, include/uapi/linux/tty.h */
    if (ioctl(fd, TIOCSETD, &null_discipline) == 0 && ioctl(fd, TIOCSETD, &tty_discipline) != 0)
        warn("the line's discipline: %s", strerror(errno));
}

/* Routes the line's interrupt to CPU 0: the rig may hold any other vCPU, and the interrupt must not wait for it. */
static void steer_interrupt(const char* name) {
    char row[1024], path[64];
    FILE* table = fopen("/proc/interrupts", "re");
    while (table && fgets(row, sizeof row, table)) {
        const size_t length = strcspn(row, "\n"), name_length = strlen(name);
        char* end;
        row[length] = '\0';
        const long irq = strtol(row, &end, 10);
        if (*end != ':' || length < name_length || strcmp(row + length - name_length, name) != 0) continue;
        snprintf(path, sizeof path, "/proc/irq/%ld/smp_affinity", irq);
        const int fd = open(path, O_WRONLY | O_CLOEXEC);
        if (fd < 0 || write(fd, "1", 1) != 1) warn("%s: %s", path, strerror(errno));
        if (fd >= 0) close(fd);
    }
    if (table) fclose(table);
}

/* A virtio port becomes a console only when the host says so, which takes a moment after the driver was loaded. Until
 * then the device exists, but open() fails with ENODEV. */
static int open_line(const char* path) {
    const struct timespec nap = {.tv_nsec = 10 * 1000 * 1000};
    int fd = -1;
    for (int naps = 0; naps < 2000; naps++) {
        fd = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC);
        if (fd >= 0 || errno != ENODEV) break;
        nanosleep(&nap, NULL);
    }
    return fd;
}

int link_open(char* name, size_t name_bytes) {
    char path[64];
    if (!command_line_word("memrig.link=", name, name_bytes) || strchr(name, '/')) snprintf(name, name_bytes, "ttyS1");
    snprintf(path, sizeof path, "/dev/%s", name);
    line = open_line(path);
    if (line < 0) return -1;
    if (!make_raw(line)) warn("%s is not a terminal line: %s", path, strerror(errno));
    drop_echo(line);
    tcflush(line, TCIOFLUSH);
    steer_interrupt(name);
    return line;
}

void link_send(uint8_t type, uint32_t id, uint16_t sequence, const char* payload, size_t length) {
    static char frame[MAX_FRAME];
    pthread_mutex_lock(&line_lock);
    const size_t size = frame_encode(frame, type, id, sequence, payload, length);
    for (size_t sent = 0; sent < size;) {
        const ssize_t n = write(line, frame + sent, size - sent);
        if (n > 0) sent += (size_t)n;
        else if (n < 0 && errno != EINTR) break; /* the rig skips the incomplete frame */
    }
    pthread_mutex_unlock(&line_lock);
}

void link_drain(void) { tcdrain(line); }
