/* Requests that read and write the guest's files, press sysrq keys, or power off. */
#include "agent.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/reboot.h>
#include <unistd.h>

enum { MAX_FILE_BYTES = 1 << 20, DATA_BYTES = 2048 };

long read_small(const char* path, char* out, size_t room) {
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    size_t used = 0;
    ssize_t n = 0;
    if (fd < 0) return -1;
    while (used + 1 < room && (n = read(fd, out + used, room - 1 - used)) > 0) used += (size_t)n;
    const int error = errno;
    close(fd);
    errno = error;
    out[used] = '\0';
    return n < 0 && used == 0 ? -1 : (long)used;
}

/* Answers with an error whose `doing` is "VERB PATH". */
static void fail_on(struct reply* reply, const char* verb, const char* path, int error) {
    char doing[PATH_BYTES + 64];
    snprintf(doing, sizeof doing, "%s %s", verb, path);
    reply_error(reply, doing, error);
}

void do_read_file(struct reply* reply, const char* payload) {
    char path[PATH_BYTES], data[DATA_BYTES];
    size_t total = 0;
    ssize_t n;
    if (!find_value(payload, "path", path, sizeof path, NULL)) {
        reply_error(reply, "read the request: no path", EINVAL);
        return;
    }
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0) {
        fail_on(reply, "open", path, errno);
        return;
    }
    while ((n = read(fd, data, sizeof data)) > 0 && (total += (size_t)n) <= MAX_FILE_BYTES) {
        reply_room(reply, 3 * sizeof data + 16);
        reply_field(reply, "data", data, (size_t)n);
        reply_newline(reply);
    }
    const int error = errno;
    close(fd);
    if (n < 0) fail_on(reply, "read", path, error);
    else if (n > 0) fail_on(reply, "read no more than 1 MiB of", path, EFBIG);
    else reply_ok(reply);
}

/* Makes one write(2), since sysfs takes a value as a whole. The file must exist: a wrong path must not create one. */
static void write_text(struct reply* reply, const char* path, const char* text, size_t length) {
    const int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0) {
        fail_on(reply, "open", path, errno);
        return;
    }
    const ssize_t n = write(fd, text, length);
    const int error = errno;
    close(fd);
    if (n < 0) fail_on(reply, "write", path, error);
    else if ((size_t)n != length) fail_on(reply, "write all of the text to", path, EIO);
    else reply_ok(reply);
}

void do_write_file(struct reply* reply, const char* payload) {
    char path[PATH_BYTES], text[MAX_PAYLOAD / 2];
    size_t length;
    if (!find_value(payload, "path", path, sizeof path, NULL) ||
        !find_value(payload, "text", text, sizeof text, &length)) {
        reply_error(reply, "read the request: no path, or no text, or too long", EINVAL);
        return;
    }
    write_text(reply, path, text, length);
}

void do_sysrq(struct reply* reply, const char* payload) {
    char key[4];
    size_t length;
    if (!find_value(payload, "key", key, sizeof key, &length) || length != 1 || !isalnum((unsigned char)*key)) {
        reply_error(reply, "read the request: the key is not one letter or digit", EINVAL);
        return;
    }
    write_text(reply, "/proc/sysrq-trigger", key, 1);
}

void do_power_off(struct reply* reply, const char* payload) {
    (void)payload;
    reply_ok(reply);
    link_drain();
    reboot(RB_POWER_OFF);
}
