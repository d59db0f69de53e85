// Simulates a campaign of 10^5 trials on 100 nodes that fail, with a fake clock and shards of every size.
// docs/scaling.md has the figures that this prints.
#include <algorithm>
#include <cmath>
#include <map>
#include <queue>
#include <random>
#include <set>

#include <gtest/gtest.h>

#include "base/clock.h"
#include "campaign/shard.h"
#include "campaign/submission.h"

namespace memrig {
namespace {

constexpr unsigned kArms = 5, kTrialsOfAnArm = 20'000;
constexpr unsigned kTrials = kArms * kTrialsOfAnArm;

struct SimulatedCluster {
    unsigned nodes = 100;
    double trial = 5;                // the mean time of a trial, in seconds; a trial takes 0.4 to 1.6 of it
    double task = 1.5;               // what a task costs beside its trials, in seconds
    double failures_an_hour = 0.01;  // of each node
    double detection = 300;          // from a node's failure until its task is in the queue again, in seconds
    double repair = 600;             // from a node's failure until it takes tasks again
    double lives_on = 0.1;           // the share of failures in which only slurmd dies, and the task goes on
};

// The time of the simulation is that of its last event.
class SimulatedClock final : public Clock {
public:
    SteadyTime now() const override { return now_; }
    void move_to(SteadyTime time) { now_ = time; }

private:
    SteadyTime now_{};
};

SteadyTime later(const Clock& clock, double span) {
    return clock.now() + std::chrono::duration_cast<Duration>(std::chrono::duration<double>(span));
}

// The trials of each shard, as shard_plan() gives them: positions in the sequence of all trials.
std::vector<std::pair<unsigned, unsigned>> ranges_of(unsigned shards) {
    Plan plan;
    for (unsigned arm = 0; arm < kArms; arm++)
        plan.cells.push_back({"race/a", "k", "q35", fmt::format("arm-{}", arm), kTrialsOfAnArm});
    std::vector<std::pair<unsigned, unsigned>> ranges;
    for (unsigned number = 1; number <= shards; number++) {
        const Plan part = *shard_plan(plan, {number, shards});
        const auto arm = static_cast<unsigned>(part.cells.front().arm.back() - '0');
        ranges.emplace_back(arm * kTrialsOfAnArm + part.cells.front().first - 1, part.trials());
    }
    return ranges;
}

const std::vector<double>& times_before() {  // of each trial: the time of all trials before it, in mean times
    static const std::vector<double> sums = [] {
        std::mt19937 random(24);
        std::uniform_real_distribution<double> share(0.4, 1.6);
        std::vector<double> made(kTrials + 1);
        for (unsigned i = 0; i < kTrials; i++) made[i + 1] = made[i] + share(random);
        return made;
    }();
    return sums;
}

class Simulation {
public:
    Simulation(const SimulatedCluster& cluster, std::vector<std::pair<unsigned, unsigned>> shards, unsigned seed)
        : cluster_(cluster),
          shards_(std::move(shards)),
          random_(seed),
          nodes_(cluster.nodes),
          published_(shards_.size()) {}

    // Returns the seconds until every shard has a result.
    double run() {
        for (unsigned shard = 0; shard < shards_.size(); shard++) queue_.push(shard);
        for (unsigned node = 0; node < cluster_.nodes; node++) {
            if (cluster_.failures_an_hour > 0) plan_failure(node);
            begin(node);
        }
        while (done_ < shards_.size()) {
            const Event event = events_.top();
            events_.pop();
            clock_.move_to(event.at);
            handle(event);
        }
        return seconds(clock_.now() - SteadyTime());
    }
    unsigned failures() const { return failures_; }
    unsigned doubled() const { return doubled_; }
    double lost() const { return lost_; }  // seconds of trials
    // How often each trial has a published result.
    std::vector<unsigned> results() const {
        std::vector<unsigned> counts(kTrials);
        for (unsigned shard = 0; shard < shards_.size(); shard++)
            for (unsigned i = 0; published_[shard] && i < shards_[shard].second; i++)
                counts[shards_[shard].first + i]++;
        return counts;
    }

private:
    enum class Kind { ends, fails, seen, repaired };
    struct Event {
        SteadyTime at;
        Kind kind = Kind::ends;
        unsigned node = 0, shard = 0;
        unsigned life = 0;  // of the node, when the event was planned
        bool operator<(const Event& other) const { return at > other.at; }
    };
    struct Node {
        unsigned life = 0;
        bool is_up = true;
        std::optional<unsigned> shard;
        SteadyTime began;
    };

    void plan_failure(unsigned node) {
        const double span = std::exponential_distribution<double>(cluster_.failures_an_hour / 3600)(random_);
        events_.push({later(clock_, span), Kind::fails, node, 0, 0});
    }

    void begin(unsigned node) {
        Node& one = nodes_[node];
        if (!one.is_up || one.shard || queue_.empty()) return;
        one.shard = queue_.front();
        queue_.pop();
        one.began = clock_.now();
        const auto& [first, count] = shards_[*one.shard];
        const double trials = cluster_.trial * (times_before()[first + count] - times_before()[first]);
        events_.push({later(clock_, cluster_.task + trials), Kind::ends, node, *one.shard, one.life});
    }

    void handle(const Event& event) {
        Node& node = nodes_[event.node];
        switch (event.kind) {
            case Kind::ends: {
                const bool lives_on = survivors_.erase({event.node, event.life}) > 0;
                if (event.life != node.life && !lives_on) return;
                // As by rename(2): the first result of a shard is the only one.
                if (published_[event.shard]) doubled_++;
                else done_++;
                published_[event.shard] = true;
                if (event.life == node.life) node.shard.reset();
                break;
            }
            case Kind::fails: {
                failures_++;
                plan_failure(event.node);
                if (!node.is_up) return;
                if (node.shard) {
                    events_.push({later(clock_, cluster_.detection), Kind::seen, event.node, *node.shard, 0});
                    const bool lives_on = std::bernoulli_distribution(cluster_.lives_on)(random_);
                    if (lives_on) survivors_.insert({event.node, node.life});
                    else lost_ += seconds(clock_.now() - node.began);
                }
                node.shard.reset();
                node.life++;
                node.is_up = false;
                events_.push({later(clock_, cluster_.repair), Kind::repaired, event.node, 0, 0});
                return;
            }
            case Kind::seen: queue_.push(event.shard); break;
            case Kind::repaired: node.is_up = true; break;
        }
        // Only a task that comes back can find other nodes without one.
        if (event.kind != Kind::seen) begin(event.node);
        else
            for (unsigned i = 0; i < cluster_.nodes && !queue_.empty(); i++) begin(i);
    }

    SimulatedCluster cluster_;
    std::vector<std::pair<unsigned, unsigned>> shards_;
    std::mt19937 random_;
    SimulatedClock clock_;
    std::vector<Node> nodes_;
    std::priority_queue<Event> events_;
    std::queue<unsigned> queue_;
    std::vector<bool> published_;
    std::size_t done_ = 0;
    std::set<std::pair<unsigned, unsigned>> survivors_;  // tasks that go on without their slurmd: node and life
    unsigned failures_ = 0, doubled_ = 0;
    double lost_ = 0;
};

// The mean of many campaigns with shards of that many trials, in seconds.
double mean_time(const SimulatedCluster& cluster, unsigned trials_a_shard, unsigned campaigns = 10) {
    const auto shards = ranges_of(kTrials / trials_a_shard);
    double sum = 0, worst = 0, lost = 0;
    unsigned failures = 0, doubled = 0;
    for (unsigned seed = 1; seed <= campaigns; seed++) {
        Simulation simulation(cluster, shards, seed);
        const double time = simulation.run();
        sum += time;
        worst = std::max(worst, time);
        failures += simulation.failures();
        doubled += simulation.doubled();
        lost += simulation.lost();
        const auto results = simulation.results();
        EXPECT_TRUE(std::ranges::all_of(results, [](unsigned count) { return count == 1; }))
            << "each trial has one result";
    }
    const double ideal = kTrials * cluster.trial / cluster.nodes;
    std::printf("| %u | %zu | %.0f s | %.1f min | +%.1f%% | %.1f min | %.1f | %.0f s | %.2f |\n", trials_a_shard,
                shards.size(), trials_a_shard * cluster.trial, sum / campaigns / 60,
                100 * (sum / campaigns / ideal - 1), worst / 60, static_cast<double>(failures) / campaigns,
                lost / campaigns, static_cast<double>(doubled) / campaigns);
    return sum / campaigns;
}

TEST(Scaling, WithoutFailuresTheTimeIsThatOnPaper) {
    SimulatedCluster cluster;
    cluster.failures_an_hour = 0;
    const double ideal = kTrials * cluster.trial / cluster.nodes;
    for (const unsigned size : {10u, 50u, 100u}) {
        const double time = mean_time(cluster, size, 1);
        const double paper = ideal + cluster.task * kTrials / size / cluster.nodes;
        EXPECT_GE(time, paper * 0.99) << size;
        EXPECT_LE(time, paper + size * cluster.trial) << size << ": at most one shard longer";
    }
}

TEST(Scaling, AShardOfMinutesIsBest) {
    const SimulatedCluster cluster;
    std::printf(
        "| trials a shard | shards | a shard | mean time | over the ideal | worst of 10 | failures | lost | twice |\n");
    std::map<unsigned, double> times;
    for (const unsigned size : {1u, 5u, 10u, 20u, 25u, 50u, 100u, 200u, 500u, 1000u})
        times[size] = mean_time(cluster, size);
    const double best = std::ranges::min_element(times, {}, &std::pair<const unsigned, double>::second)->second;
    // docs/scaling.md has this formula.
    const double formula = std::sqrt(2 * kTrials * cluster.task / (cluster.nodes * cluster.trial));
    EXPECT_NEAR(formula, 24.5, 0.1);
    EXPECT_LT(times.at(25), best * 1.03) << "the formula is near the best";
    EXPECT_LT(times.at(50), best * 1.05) << "twice as large costs little";
    EXPECT_GT(times.at(1), best * 1.15) << "Slurm's own cost";
    EXPECT_GT(times.at(1000), best * 1.3) << "a failure costs a node's whole share";
    // As many as memrig takes by itself.
    const unsigned by_default = kTrials / default_shards(kTrials);
    EXPECT_EQ(by_default, 100u) << "no more than an array job of a cluster may have";
    EXPECT_LT(times.at(by_default), best * 1.15);
}

TEST(Scaling, ATaskThatOutlivesItsSlurmdDoublesNoResult) {
    SimulatedCluster cluster;
    cluster.failures_an_hour = 2;
    cluster.lives_on = 1;
    cluster.detection = 10;
    Simulation simulation(cluster, ranges_of(1000), 1);
    simulation.run();
    EXPECT_GT(simulation.doubled(), 0u);
    EXPECT_EQ(simulation.lost(), 0);
    for (const unsigned count : simulation.results()) ASSERT_EQ(count, 1u);
}

}  // namespace
}  // namespace memrig
