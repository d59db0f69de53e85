// Settings (--set): what they change in a scenario, and how a mistake is reported.
#include <gtest/gtest.h>

#include "good_scenario.h"

namespace memrig {
namespace {

TEST(Settings, FixASizeOrAnAttribute) {
    Scenario scenario = good_with("");
    ASSERT_TRUE(apply_setting(scenario, "adder.size=128M"));
    EXPECT_EQ(scenario.schedule.actors[0].bytes, 128ull << 20);
    ASSERT_TRUE(apply_setting(scenario, "onliner.attribute=online"));
    EXPECT_EQ(scenario.schedule.actors[1].attributes, std::vector<std::string>{"online"});
    ASSERT_TRUE(apply_setting(scenario, "adder.size=2G")) << "the last one counts";
    EXPECT_EQ(scenario.schedule.actors[0].bytes, 2ull << 30);
}

TEST(Settings, HaveAPageKeptOrNot) {
    Scenario scenario = good_with("");
    EXPECT_FALSE(apply_setting(scenario, "onliner.keeps=nothing")) << "it pins none";
    scenario.schedule.actors[1].kind = ActorKind::pinner;
    ASSERT_TRUE(apply_setting(scenario, "onliner.keeps=nothing"));
    EXPECT_FALSE(scenario.schedule.actors[1].keeps);
    EXPECT_FALSE(apply_setting(scenario, "onliner.keeps=all"));
    ASSERT_TRUE(apply_setting(scenario, "onliner.keeps=page"));
    EXPECT_TRUE(scenario.schedule.actors[1].keeps);
}

TEST(Settings, HaveABlockComeOnlineElsewhere) {
    Scenario scenario = good_with("");
    EXPECT_FALSE(apply_setting(scenario, "onliner.value=online_movable")) << "it may write to online";
    ASSERT_TRUE(apply_setting(scenario, "onliner.attribute=state"));
    ASSERT_TRUE(apply_setting(scenario, "onliner.value=online_movable"));
    EXPECT_EQ(scenario.schedule.actors[1].value, "online_movable");
    for (const char* wrong : {"onliner.value=offline", "onliner.value=", "adder.value=online"})
        EXPECT_FALSE(apply_setting(scenario, wrong)) << wrong;
}

TEST(Settings, GiveADimmAnotherNodeOrId) {
    Scenario scenario = good_with("");
    ASSERT_TRUE(apply_setting(scenario, "adder.node=1"));
    ASSERT_TRUE(apply_setting(scenario, "adder.id=dimm7"));
    EXPECT_EQ(scenario.schedule.actors[0].node, 1);
    EXPECT_EQ(scenario.schedule.actors[0].device_id, "dimm7");
    for (const char* wrong : {"adder.node=", "adder.node=-1", "adder.node=128", "adder.node=1x",
                              "adder.id=", "adder.id=7", "adder.id=a b", "onliner.id=dimm1", "onliner.node=1"})
        EXPECT_FALSE(apply_setting(scenario, wrong)) << wrong;
    EXPECT_EQ(scenario.schedule.actors[0].node, 1);
    EXPECT_EQ(scenario.schedule.actors[0].device_id, "dimm7");
}

TEST(Settings, MistakesAreNamedAndChangeNothing) {
    const std::pair<const char*, const char*> table[] = {
        {"", "\"\" is no setting: actor.key=value"},
        {"adder", "\"adder\" is no setting"},
        {"adder.size", "\"adder.size\" is no setting"},
        {"adder=size.128M", "is no setting"},
        {"remover.size=1G", "has no actor \"remover\""},
        {".size=1G", "has no actor \"\""},
        {"adder.size=", "\"\" is no size"},
        {"adder.size=0", "\"0\" is no size"},
        {"adder.size=-1G", "\"-1G\" is no size"},
        {"adder.size=1Q", "\"1Q\" is no size"},
        {"adder.size=99999999999G", "is no size"},
        {"adder.attribute=state", "actor adder has no setting \"attribute\""},
        {"adder.slot=1", "actor adder has no setting \"slot\""},
        {"onliner.size=1G", "actor onliner has no setting \"size\""},
        {"onliner.attribute=valid_zones", "does not offer onliner.attribute=valid_zones"},
        {"onliner.attribute=", "does not offer onliner.attribute="}};
    for (const auto& [setting, words] : table) {
        Scenario scenario = good_with("");
        const Status applied = apply_setting(scenario, setting);
        ASSERT_FALSE(applied) << setting;
        EXPECT_EQ(applied.error().fault, Fault::user_input);
        EXPECT_NE(applied.error().message.find(words), std::string::npos) << applied.error().message;
        EXPECT_EQ(scenario.schedule.actors[0].bytes, 1ull << 30);
        EXPECT_EQ(scenario.schedule.actors[1].attributes.size(), 2u);
    }
}

TEST(Settings, SayWhoVetoes) {
    Scenario scenario = good_with("");
    EXPECT_FALSE(apply_setting(scenario, "veto.by=kernel")) << "there is no veto";
    scenario = good_with("[veto]\nnotice = \"MEM_GOING_OFFLINE\"\n");
    ASSERT_TRUE(scenario.veto);
    EXPECT_EQ(scenario.veto->notice, Notice::going_offline);
    EXPECT_EQ(scenario.veto->by, VetoSpec::By::probe);
    ASSERT_TRUE(apply_setting(scenario, "veto.by=kernel"));
    EXPECT_EQ(scenario.veto->by, VetoSpec::By::kernel);
    EXPECT_FALSE(apply_setting(scenario, "veto.by=me"));
    EXPECT_FALSE(apply_setting(scenario, "veto.notice=MEM_ONLINE"));
    scenario = good_with("[veto]\nnotice = \"MEM_GOING_ONLINE\"\nafter = 1\n");
    ASSERT_TRUE(scenario.veto);
    EXPECT_EQ(scenario.veto->after, 1u);
    EXPECT_FALSE(apply_setting(scenario, "veto.by=kernel")) << "its error injector cannot count";
    EXPECT_TRUE(apply_setting(scenario, "veto.by=nobody"));
}

TEST(Settings, AnAttributeThatWasFixedCannotBecomeAnother) {
    Scenario scenario = good_with("");
    ASSERT_TRUE(apply_setting(scenario, "onliner.attribute=online"));
    EXPECT_FALSE(apply_setting(scenario, "onliner.attribute=state"));
}

TEST(Settings, FixTheRoundsOfALoop) {
    Scenario scenario = good_with("");
    EXPECT_FALSE(apply_setting(scenario, "loop.rounds=256")) << "it has no loop";
    scenario.schedule.rounds = 20;
    scenario.schedule.warm_up = 8;
    EXPECT_TRUE(apply_setting(scenario, "loop.rounds=256"));
    EXPECT_EQ(scenario.schedule.looks(), (std::vector<unsigned>{8, 90, 173, 256}));
    for (const auto* rounds : {"10", "0", "-1", "many", "256x", "", "100001"})
        EXPECT_FALSE(apply_setting(scenario, std::string("loop.rounds=") + rounds)) << rounds;
    EXPECT_EQ(scenario.schedule.rounds, 256u);
}

}  // namespace
}  // namespace memrig
