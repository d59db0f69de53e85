/* The CPUs' timers: restarts them in a restored guest, and shows that they and RCU go on. */
#include "agent.h"

#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum { MOST_CPUS = 64, FAR = 3600 /* seconds */, MEMBARRIER_GLOBAL = 1 /* linux/membarrier.h */ };

static bool move_to(long cpu) {
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET((size_t)cpu, &one);
    return sched_setaffinity(0, sizeof one, &one) == 0;
}

static long cpus(void) {
    const long configured = sysconf(_SC_NPROCESSORS_CONF);
    return configured < MOST_CPUS ? configured : MOST_CPUS;
}

#ifdef __powerpc64__
/* A timer of this CPU that expires in an hour of the wall clock. Returns its descriptor, or -1. */
static int set_far_timer(void) {
    struct itimerspec far = {{0, 0}, {0, 0}};
    const int timer = timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC);
    if (timer < 0) return -1;
    clock_gettime(CLOCK_REALTIME, &far.it_value);
    far.it_value.tv_sec += FAR;
    timerfd_settime(timer, TFD_TIMER_ABSTIME, &far, NULL);
    return timer;
}

static void move_wall_clock(time_t seconds) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    now.tv_sec += seconds;
    clock_settime(CLOCK_REALTIME, &now);
}

/* Sets the wall clock forward and back again, on this CPU. clock_was_set() (kernel/time/hrtimer.c) makes each other CPU
 * whose far timer is due then set its decrementer again. */
static void leap(void) {
    int timers[MOST_CPUS];
    const long here = sched_getcpu(), count = cpus();
    for (long cpu = 0; cpu < count; cpu++) timers[cpu] = move_to(cpu) ? set_far_timer() : -1;
    move_to(here);
    move_wall_clock(2 * FAR);
    move_wall_clock(-2 * FAR);
    for (long cpu = 0; cpu < count; cpu++)
        if (timers[cpu] >= 0) close(timers[cpu]);
}
#endif

/* Under TCG, QEMU before 8.2 does not save a POWER vCPU's decrementer, so no timer expires on it after a restore. A
 * kernel sets the decrementer again for a timer that is due before all others: one that has already expired. A recent
 * one does not start such a timer (hrtimer_start_range_ns_user()), but its wall clock can leap over one. */
void restart_clocks(void) {
    static const struct timespec long_ago = {0, 1};
    for (long cpu = cpus() - 1; cpu >= 0; cpu--)
        if (move_to(cpu)) clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &long_ago, NULL);
#ifdef __powerpc64__
    /* A leap restarts all CPUs but its own, so two of them make one. */
    for (long cpu = cpus() - 1, leaps = 0; cpu >= 0 && leaps < 2; cpu--)
        if (move_to(cpu)) {
            leap();
            leaps++;
        }
    move_to(0);
#endif
}

/* Sleeps a little on each CPU, then waits for a grace period of RCU (sys_membarrier(), kernel/sched/membarrier.c).
 * Where timers or RCU stand still, it never answers. */
void do_pass_time(struct reply* reply, const char* payload) {
    static const struct timespec a_little = {0, 1000000};
    (void)payload;
    unsigned passed = 0;
    for (long cpu = cpus() - 1; cpu >= 0; cpu--) {
        if (!move_to(cpu)) continue; /* it is not online */
        if (clock_nanosleep(CLOCK_MONOTONIC, 0, &a_little, NULL) == 0) passed++;
    }
    move_to(0);
    const bool waited = syscall(SYS_membarrier, MEMBARRIER_GLOBAL, 0) == 0;
    reply_line(reply, "cpus=%u rcu=%d", passed, waited);
    reply_ok(reply);
}
