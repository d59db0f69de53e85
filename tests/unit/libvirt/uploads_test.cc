// A volume that memrig makes at a libvirt has a name that tells whose it is.
#include "libvirt/uploads.h"

#include <sys/wait.h>
#include <unistd.h>

#include <gtest/gtest.h>

namespace memrig {
namespace {

// The name that a process of this host gave that is gone.
std::string name_of_the_dead() {
    const pid_t child = ::fork();
    if (child == 0) ::_exit(0);
    ::waitpid(child, nullptr, 0);
    std::string name = own_name();
    return name.substr(0, name.rfind('-') + 1) + std::to_string(child);
}

TEST(LeftBehind, IsWhatADeadProcessOfThisHostMade) {
    EXPECT_TRUE(is_left_behind(name_of_the_dead()));
    EXPECT_TRUE(is_left_behind(name_of_the_dead() + "-7"));
}

TEST(LeftBehind, IsNothingElse) {
    EXPECT_FALSE(is_left_behind(own_name())) << "it lives";
    EXPECT_FALSE(is_left_behind(own_name() + "-1"));
    EXPECT_FALSE(is_left_behind(name_of_the_dead() + "x"));
    EXPECT_FALSE(is_left_behind("default"));
    EXPECT_FALSE(is_left_behind("memrig-another.host-" + std::to_string(::getpid()) + "-1"));
    EXPECT_FALSE(is_left_behind(own_name().substr(0, own_name().rfind('-') + 1)));
    EXPECT_FALSE(is_left_behind(own_name().substr(0, own_name().rfind('-') + 1) + "0"));
    EXPECT_FALSE(is_left_behind(own_name().substr(0, own_name().rfind('-') + 1) + "99999999999"));
}

TEST(PoolName, CannotBeForeseen) {
    const std::string one = unforeseen_name();
    EXPECT_TRUE(one.starts_with(own_name() + "-"));
    EXPECT_EQ(one.size(), own_name().size() + 33);
    EXPECT_NE(unforeseen_name(), one);
    EXPECT_FALSE(is_left_behind(one)) << "its maker lives";
    EXPECT_TRUE(is_left_behind(name_of_the_dead() + one.substr(own_name().size())));
}

}  // namespace
}  // namespace memrig
