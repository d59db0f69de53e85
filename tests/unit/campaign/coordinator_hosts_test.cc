// A campaign that is spread over hosts.
#include <set>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "campaign/status.h"
#include "coordinator_fixture.h"

namespace memrig {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

class CampaignHostsRun : public CampaignRun {
protected:
    void SetUp() override {
        CampaignRun::SetUp();
        order.hosts = {"libvirt:a", "libvirt:b"};
        order.answers = [this](const std::string& host) {
            return gone.contains(host) ? Status(fail(Fault::host, "no route to it")) : Status();
        };
    }
    // The orders that the workers got, a line each.
    std::string told() { return read_file(directory->path() / "told").value_or(""); }
    // The worker on `host` dies, and the host with it.
    void host_dies(const std::string& host) {
        gone = {host};
        works("[ $host = " + host + " ] && kill -9 $$; report held '' true\n");
    }
    CampaignRecord record() { return *CampaignStore::open_to_read(order.directory)->record(); }

    std::set<std::string> gone;
};

TEST_F(CampaignHostsRun, EachHasWorkers) {
    works("echo $host >>" + (directory->path() / "told").string() + "; report held '' true\n");
    ASSERT_TRUE(run());
    EXPECT_THAT(told(), HasSubstr("libvirt:a\n"));
    EXPECT_THAT(told(), HasSubstr("libvirt:b\n"));
    const auto hosts = record().hosts;
    ASSERT_EQ(hosts.size(), 2u);
    EXPECT_EQ(hosts[0].done + hosts[1].done, 8u);
}

TEST_F(CampaignHostsRun, EveryTrialIsThereOnceThoughOneDies) {
    host_dies("libvirt:a");
    ASSERT_TRUE(run());
    std::set<CampaignTrial> trials;
    for (const auto& result : observer.results) trials.insert(result.trial);
    EXPECT_EQ(observer.results.size(), 8u);
    EXPECT_EQ(trials.size(), 8u);
    EXPECT_THAT(observer.lost, ElementsAre("libvirt:a"));
    EXPECT_THAT(observer.again, Contains(HasSubstr("libvirt:a is lost: no route to it")));
    const auto read = record();
    EXPECT_EQ(read.hosts[0].done, 0u);
    EXPECT_GE(read.hosts[0].lost, 1u);
    EXPECT_EQ(read.hosts[1].done, 8u);
    EXPECT_EQ(campaign_exit_status(read.cells), 0);
    const std::string text = campaign_status_text("test", read.cells, read.hosts, Paint(false));
    EXPECT_THAT(text, HasSubstr("libvirt:a: 0 trials"));
    EXPECT_THAT(text, HasSubstr("libvirt:b: 8 trials\n"));
    const auto json = nlohmann::json::parse(campaign_status_json("test", read.cells, read.hosts));
    EXPECT_EQ(json["hosts"][1]["done"], 8);
    EXPECT_GE(json["hosts"][0]["lost"], 1);
}

TEST_F(CampaignHostsRun, WhatALostOneMadeInconclusiveIsRunAgain) {
    gone = {"libvirt:a"};
    works("[ $host = libvirt:a ] && report inconclusive 'the agent did not answer' false || report held '' true\n");
    ASSERT_TRUE(run());
    EXPECT_EQ(record().hosts[1].done, 8u);
    EXPECT_EQ(campaign_exit_status(progress()), 0);
}

// However often it happens: three hosts that die under one trial are no rig fault.
TEST_F(CampaignHostsRun, WhatALostHostCostsDoesNotCountAgainstATrial) {
    order.jobs = 1;
    order.hosts = {"libvirt:a", "libvirt:b", "libvirt:c", "libvirt:d"};
    gone = {"libvirt:a", "libvirt:b", "libvirt:c"};
    works("[ $host = libvirt:d ] || kill -9 $$; report held '' true\n");
    ASSERT_TRUE(run());
    EXPECT_EQ(record().results[0].attempts, 4u);
    EXPECT_EQ(campaign_exit_status(progress()), 0);
}

TEST_F(CampaignHostsRun, AHostThatAnswersIsNotBlamedForAWorker) {
    works("case $out in */0000/0002-1) kill -9 $$;; *) report held '' true;; esac\n");
    ASSERT_TRUE(run());
    EXPECT_TRUE(observer.lost.empty());
    EXPECT_EQ(observer.again.size(), 1u);
}

TEST_F(CampaignHostsRun, WhenNoneIsLeftItEndsAndCanBeGoneOnWith) {
    gone = {"libvirt:a", "libvirt:b"};
    works("case $out in */0000/0001-1) report held '' true;; *) kill -9 $$;; esac\n");
    const Status done = run();
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().fault, Fault::rig);
    EXPECT_THAT(done.error().message, HasSubstr("no host is left: libvirt:a: no route to it; libvirt:b"));
    EXPECT_LE(record().results.size(), 1u);
    gone = {};
    works("report held '' true\n");
    ASSERT_TRUE(run());
    EXPECT_EQ(record().results.size(), 8u);
}

TEST_F(CampaignHostsRun, SeedsDoNotDependOnTheHost) {
    const std::string say = "echo $out $seed | sed 's/.*trials.//' >>";
    works(say + (directory->path() / "told").string() + "; report held '' true\n");
    const auto sorted = [&] {
        std::multiset<std::string> lines;
        std::istringstream text(told());
        for (std::string line; std::getline(text, line);) lines.insert(line);
        fs::remove(directory->path() / "told");
        return lines;
    };
    ASSERT_TRUE(run());
    const auto over_two = sorted();
    order.hosts = {"qemu"};
    order.directory = directory->path() / "another";
    ASSERT_TRUE(run());
    EXPECT_EQ(sorted(), over_two);
    EXPECT_EQ(over_two.size(), 8u);
    EXPECT_THAT(campaign_status_text("test", progress(), record().hosts, Paint(false)), Not(HasSubstr("qemu:")));
}

}  // namespace
}  // namespace memrig
