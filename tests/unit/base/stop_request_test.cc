// The request to stop: the first one wins, it ends every wait, and signals make it.
#include <gtest/gtest.h>

#include <csignal>

#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/descriptor.h"
#include "base/stop_request.h"

namespace memrig {
namespace {

bool readable(int fd) {
    pollfd one{fd, POLLIN, 0};
    return ::poll(&one, 1, 0) == 1;
}

// The wait status of a process of its own that runs `body`: the request is one for the whole process.
template <class Body>
int stop_request_in_child(Body body) {
    const pid_t pid = ::fork();
    if (pid == 0) ::_exit(body());
    int status = 0;
    ::waitpid(pid, &status, 0);
    return status;
}

TEST(StopRequest, IsNotThereAtFirst) {
    const StopRequest request;
    EXPECT_FALSE(request.requested());
    EXPECT_FALSE(readable(request.descriptor()));
    EXPECT_EQ(request.exit_code(), 0);
}

TEST(StopRequest, IsSeenEverAfter) {
    StopRequest request;
    request.request(130, SIGINT);
    EXPECT_TRUE(request.requested());
    EXPECT_TRUE(readable(request.descriptor()));
    EXPECT_TRUE(readable(request.descriptor()));
    EXPECT_EQ(request.exit_code(), 130);
    EXPECT_EQ(request.error().fault, Fault::interrupted);
    EXPECT_EQ(request.error().message, "interrupted by SIGINT");
}

TEST(StopRequest, TheFirstOneWins) {
    StopRequest request;
    request.request(130, SIGTERM);
    request.request(3, SIGINT);
    EXPECT_EQ(request.exit_code(), 130);
    EXPECT_EQ(request.error().message, "interrupted by SIGTERM");
}

TEST(StopRequest, WithoutASignal) {
    StopRequest request;
    request.request(3, 0);
    EXPECT_EQ(request.error().message, "stopped");
}

TEST(StopRequest, EndsEveryWait) {
    EXPECT_EQ(stop_request_in_child([] {
                  int ends[2];
                  if (::pipe(ends) != 0) return 2;
                  stop_request().request(130, SIGINT);
                  const auto wait = wait_readable(ends[0], Deadline::after(std::chrono::hours(24)));
                  return !wait && wait.error().fault == Fault::interrupted ? 0 : 1;
              }),
              0);
}

TEST(StopRequest, SignalsMakeIt) {
    for (const int signal : {SIGINT, SIGTERM}) {
        EXPECT_EQ(stop_request_in_child([signal] {
                      install_signal_handlers();
                      ::raise(signal);
                      return stop_request().requested() && stop_request().exit_code() == 130 ? 0 : 1;
                  }),
                  0);
    }
}

TEST(StopRequest, ASecondSignalEndsTheProgram) {
    const int status = stop_request_in_child([] {
        install_signal_handlers();
        ::raise(SIGINT);
        ::raise(SIGINT);
        return 1;
    });
    ASSERT_TRUE(WIFEXITED(status));
    EXPECT_EQ(WEXITSTATUS(status), 130);
}

TEST(StopRequest, ABrokenPipeIsNoEnd) {
    EXPECT_EQ(stop_request_in_child([] {
                  install_signal_handlers();
                  ::raise(SIGPIPE);
                  return stop_request().requested() ? 1 : 0;
              }),
              0);
}

}  // namespace
}  // namespace memrig
