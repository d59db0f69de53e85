#include "watch/notifiers.h"

#include "probe/function_watch.h"
#include "probe/kernel_objects.h"
#include "watch/roles.h"

namespace memrig {

namespace {

constexpr int kMostNodes = 1024;  // MAX_NUMNODES is at most 1 << 10 (CONFIG_NODES_SHIFT)

constexpr unsigned kNoticeArgument = 2;      // of blocking_notifier_call_chain()
constexpr unsigned kNodeNoticeArgument = 1;  // of node_notify()

bool is_outcome(Notice notice) {
    return notice == Notice::online || notice == Notice::cancel_online || notice == Notice::offline ||
           notice == Notice::cancel_offline;
}

bool is_announcement(Notice notice) { return notice == Notice::going_online || notice == Notice::going_offline; }

// The announcement that must come before `outcome`.
Notice announcement_of(Notice outcome) {
    return outcome == Notice::online || outcome == Notice::cancel_online ? Notice::going_online : Notice::going_offline;
}

bool is_announcement(NodeNotice notice) { return notice == NodeNotice::adding || notice == NodeNotice::removing; }

NodeNotice announcement_of(NodeNotice outcome) {
    return outcome == NodeNotice::added || outcome == NodeNotice::cancel_adding ? NodeNotice::adding
                                                                                : NodeNotice::removing;
}

}  // namespace

Result<std::unique_ptr<NotifierWatch>> NotifierWatch::make(Conductor& conductor, const LockLedger& ledger,
                                                           const SymbolTable& symbols, NotifierSpec spec,
                                                           LockObserver* observer) {
    std::unique_ptr<NotifierWatch> watch(new NotifierWatch(conductor, ledger, symbols, std::move(spec), observer));
    NotifierWatch* self = watch.get();
    MEMRIG_CHECK(watch->watch_chain(symbols));
    if (!watch->gaps_.empty()) return watch;
    if (observer != nullptr && watch->memory_chain_) MEMRIG_CHECK(watch->follow(*observer, symbols));
    // Since v6.17, the nodes have a notifier chain of their own (node_notify()), and these notices do not tell of
    // nodes. A kernel without NUMA lacks that chain, too. register_cpu_under_node() is in each kernel with NUMA.
    watch->has_node_chain_ = !symbols.all("node_notify").empty();
    watch->nodes_told_ = !watch->has_node_chain_ && !symbols.all("register_cpu_under_node").empty();
    if (watch->has_node_chain_)
        MEMRIG_CHECK(watch->passages_.watch(
            "node_notify", Passages::Needs::arguments,
            [self](const Passage& passage) { return self->at_node_notice(passage); },
            [self](const Passage& passage) { return self->at_node_answer(passage); }));
    for (const char* function : {"memory_subsys_online", "memory_subsys_offline"}) {
        if (symbols.all(function).empty()) {
            watch->gaps_.push_back({{"N2", ""}, why_not_played(function)});
            continue;
        }
        const auto begins = [self](const Passage& passage) -> Result<bool> {
            MEMRIG_TRY(self->operations_[passage.task].block,
                       block_of_call(self->conductor_.probe(), self->ledger_, passage));
            return false;
        };
        MEMRIG_CHECK(watch->passages_.watch(function, Passages::Needs::arguments, begins));
    }
    return watch;
}

Status NotifierWatch::follow(LockObserver& observer, const SymbolTable& symbols) {
    MEMRIG_CHECK(chain_.follow(observer, *memory_chain_));
    constexpr const char* adds = "register_memory_notifier";
    if (symbols.all(adds).empty()) return {};
    return watch_function(conductor_, symbols, adds, [this](const Arrival& arrival) -> Result<Response> {
        MEMRIG_CHECK(chain_.watch_new(arrival.registers.argument(0), arrival));
        return Response::pass();
    });
}

Status NotifierWatch::watch_chain(const SymbolTable& symbols) {
    const auto lacks = [&](const char* symbol) {
        if (!symbols.all(symbol).empty()) return false;
        for (const char* rule : {"N1", "N2", "N3"}) gaps_.push_back({{rule, ""}, why_not_played(symbol)});
        return true;
    };
    if (lacks("blocking_notifier_call_chain")) return {};
    memory_chain_ = symbols.unique("memory_chain");
    if (!memory_chain_) {
        missed_notices_ = true;
        if (lacks("memory_notify")) return {};
        MEMRIG_CHECK(watch_function(conductor_, symbols, "memory_notify", [this](const Arrival& arrival) {
            if (!memory_chain_) telling_.insert(arrival.task);
            return Result<Response>(Response::pass());
        }));
    }
    return passages_.watch(
        "blocking_notifier_call_chain", Passages::Needs::arguments,
        [this](const Passage& passage) { return at_chain(passage); },
        [this](const Passage& passage) { return at_answer(passage); });
}

std::map<std::string, ObservedCall> NotifierWatch::calls() {
    return {{"blocking_notifier_call_chain", {.whole = true, .pointer = kNoticeArgument + 1}},
            {"node_notify", {.whole = true, .pointer = kNodeNoticeArgument + 1}},
            {"memory_subsys_online", {.whole = true}},
            {"memory_subsys_offline", {.whole = true}}};
}

// blocking_notifier_call_chain(struct blocking_notifier_head *, unsigned long action, void *)
Result<bool> NotifierWatch::at_chain(const Passage& passage) {
    const std::uint64_t chain = passage.arguments[0];
    if (!memory_chain_ && telling_.contains(passage.task)) memory_chain_ = chain;
    return chain == memory_chain_ ? at_notice(passage) : Result<bool>(false);
}

Result<std::vector<std::string>> NotifierWatch::path_of(const Passage& passage) {
    if (passage.arrival == nullptr) return std::vector<std::string>{passage.caller};
    return paths_.read(conductor_.probe(), *passage.arrival, kPathDepth);
}

std::vector<RuleGap> NotifierWatch::gaps() const {
    std::vector<RuleGap> all = gaps_;
    if (!chain_.gap().empty()) all.push_back({{"N3", ""}, chain_.gap()});
    return all;
}

std::uint64_t NotifierWatch::vetoes(Notice notice) const {
    const auto found = vetoes_.find(notice);
    return found == vetoes_.end() ? 0 : found->second;
}

void NotifierWatch::reproach(const char* rule, std::string text, std::uint64_t task, std::vector<std::string> path,
                             const char* function) {
    if (text.empty() || breaches_.size() >= kMostBreaches) return;
    RuleBreach breach{rule, function, "", task, std::move(path), {}, 0, std::move(text)};
    for (const auto& event : ledger_.held_by(task)) breach.held.push_back(event.lock);
    breaches_.push_back(std::move(breach));
}

// A task works on one block at a time.
Result<bool> NotifierWatch::at_notice(const Passage& passage) {
    seen_++;
    const Notice notice = numbers_.meaning(passage.arguments[1]);
    if (notice == Notice::other) {
        missed_notices_ = missed_notices_ || !numbers_.known();
        return false;
    }
    Operation& operation = operations_[passage.task];
    // This task may have announced or prepared something that was missed.
    const bool begins_unseen = missed_notices_ && !operation.last;
    MEMRIG_TRY(auto path, path_of(passage));
    // A breach names memory_notify() as its function already: leave it out of the path where it is not inlined.
    if (!path.empty() && path.front().starts_with("memory_notify+")) path.erase(path.begin());
    const std::string disorder = check_order(operation, notice);
    if (!begins_unseen) {
        checks_[{"N1", ""}]++;
        reproach("N1", disorder, passage.task, path);
    }
    operation.path = path;
    MEMRIG_TRY(const std::string wrong, check_fields(operation, notice, passage));
    reproach("N2", wrong, passage.task, path);
    if (has_node_chain_ && is_announcement(notice) && wrong.empty())
        reproach("N4", check_told_nodes(operation, notice, passage.task), passage.task, path);
    count_pages(operation, notice);
    operation.last = notice;
    operation.vetoed = false;
    operation.unanswered.push_back(notice);
    MEMRIG_CHECK(chain_.begin(passage));
    return true;
}

Status NotifierWatch::at_answer(const Passage& passage) {
    Operation& operation = operations_[passage.task];
    MEMRIG_ASSERT(!operation.unanswered.empty() && passage.answer, "only a call that brought a notice is followed");
    const Notice notice = operation.unanswered.back();
    operation.unanswered.pop_back();
    bool vetoed = is_veto(*passage.answer);
    const bool stopped = (*passage.answer & kNotifyStopMask) != 0;
    if (const auto wrong = chain_.end(passage.task, stopped); wrong) {
        checks_[{"N3", ""}]++;
        if (!wrong->empty())
            reproach("N3", fmt::format("with {}: {}", to_string(notice), *wrong), passage.task, operation.path);
    }
    if (spec_.veto == notice && spec_.let_through > 0) {
        spec_.let_through--;
    } else if (spec_.veto == notice) {
        MEMRIG_CHECK(conductor_.probe().set_register(passage.vcpu, conductor_.probe().architecture().return_value,
                                                     notifier_answer(spec_.veto_error)));
        vetoed = true;
    }
    operation.vetoed = vetoed;
    // A block whose preparation was vetoed needs no MEM_FINISH_OFFLINE.
    if (vetoed && notice == Notice::prepare_online) operation.unended.reset();
    if (vetoed) vetoes_[notice]++;
    return {};
}

std::string NotifierWatch::check_order(Operation& operation, Notice notice) {
    const auto refused = std::exchange(operation.refused_by_node, std::nullopt);
    return is_outcome(notice) ? check_outcome(operation, notice, refused) : check_beginning(operation, notice);
}

std::string NotifierWatch::check_outcome(Operation& operation, Notice notice, std::optional<Notice> refused) {
    const Notice needed = announcement_of(notice);
    if (notice == Notice::online) operation.unended.reset();
    else if (notice != Notice::cancel_offline) operation.unended = notice;
    const auto announced = std::exchange(operation.announced, std::nullopt);
    // online_pages() and offline_pages() cancel what a node refused, although they have not announced it yet.
    if (!announced && refused == notice) return "";
    if (announced != needed)
        return fmt::format("with {}, but without a {} before", to_string(notice), to_string(needed));
    const bool done = notice == Notice::online || notice == Notice::offline;
    return done && operation.vetoed
               ? fmt::format("with {}, though its {} was vetoed", to_string(notice), to_string(needed))
               : "";
}

// Checks an announcement, the preparation before it (MEM_PREPARE_ONLINE), or the end (MEM_FINISH_OFFLINE).
std::string NotifierWatch::check_beginning(Operation& operation, Notice notice) {
    const auto announced = operation.announced;
    const auto unended = operation.unended;
    const bool finishes = notice == Notice::finish_offline;
    const bool is_prepared = unended == Notice::prepare_online;
    if (is_announcement(notice)) operation.announced = notice;
    else operation.unended = finishes ? std::nullopt : std::optional(notice);
    if (!is_announcement(notice)) prepares_ = true;
    if (announced)
        return fmt::format("with {}, but has not said yet what became of its {}", to_string(notice),
                           to_string(*announced));
    if (finishes)
        return unended ? ""
                       : fmt::format("with {}, but without a {}, or a {} that was not vetoed, before",
                                     to_string(notice), to_string(Notice::offline), to_string(Notice::prepare_online));
    if (!prepares_ || (notice == Notice::going_online && is_prepared)) return "";
    if (unended)
        return fmt::format("with {}, but without a {} since its {}", to_string(notice),
                           to_string(Notice::finish_offline), to_string(*unended));
    if (notice != Notice::going_online) return "";
    return operation.last == Notice::prepare_online && operation.vetoed
               ? fmt::format("with {}, though its {} was vetoed", to_string(notice), to_string(Notice::prepare_online))
               : fmt::format("with {}, but without a {} before", to_string(notice), to_string(Notice::prepare_online));
}

Result<std::string> NotifierWatch::check_fields(Operation& operation, Notice notice, const Passage& passage) {
    if (!operation.block || spec_.block_bytes == 0) return "";
    MEMRIG_TRY(const auto words, passages_.words_at(passage, kNoticeArgument, notice_words(nodes_told_)));
    if (!words) return fmt::format("with {}, and what comes with it cannot be read", to_string(notice));
    checks_[{"N2", ""}]++;
    const std::uint64_t pages = spec_.block_bytes / spec_.page_bytes;
    const std::uint64_t first = *operation.block * pages;
    const auto facts = facts_of(operation);
    const auto fields = read_notice(*words, first, pages, facts && facts->memmap_on_memory, nodes_told_);
    if (!fields)
        return fmt::format("with {} of memory{}, but not of its {} pages from pfn {:#x} on: {:#x}, {:#x}, {:#x}, {:#x}",
                           to_string(notice), *operation.block, pages, first, (*words)[0], (*words)[1], (*words)[2],
                           (*words)[3]);
    if (!nodes_told_ || (fields->status_change_nid >= -1 && fields->status_change_nid < kMostNodes)) read_of_block_++;
    if (is_announcement(notice)) {
        operation.fields = fields;
        return check_nodes(operation, notice, *fields);
    }
    // The fields for the nodes are not filled in before the announcement.
    if (is_outcome(notice) && operation.fields && *operation.fields != *fields)
        return fmt::format("with {} of memory{}, whose fields are not those that were announced", to_string(notice),
                           *operation.block);
    return "";
}

std::optional<BlockFacts> NotifierWatch::facts_of(const Operation& operation) const {
    return spec_.block && operation.block ? spec_.block(*operation.block) : std::nullopt;
}

std::optional<NotifierWatch::NodeChange> NotifierWatch::node_change(const Operation& operation, Notice notice,
                                                                    std::uint64_t pages) const {
    const auto facts = facts_of(operation);
    if (!facts) return std::nullopt;
    const auto found = spec_.present.find(facts->node);
    const std::uint64_t present = found == spec_.present.end() ? 0 : found->second;
    return NodeChange{facts->node, present, notice == Notice::going_online ? present == 0 : present <= pages};
}

std::string NotifierWatch::check_nodes(const Operation& operation, Notice notice, const NoticeFields& fields) const {
    const auto change = node_change(operation, notice, fields.nr_pages);
    if (!nodes_told_ || !change) return "";
    const int expected = change->changes ? change->node : -1;
    if (fields.status_change_nid == expected) return "";
    return fmt::format("with {} of memory{}: status_change_nid is {}, not {} (node {} has {} pages)", to_string(notice),
                       *operation.block, fields.status_change_nid, expected, change->node, change->present);
}

std::string NotifierWatch::check_told_nodes(const Operation& operation, Notice notice, std::uint64_t task) {
    const NodeNotice needed = notice == Notice::going_online ? NodeNotice::adding : NodeNotice::removing;
    const NodeOperation& told = node_operations_[task];
    const bool is_told = told.announced == needed;
    if (is_told && told.vetoed)
        return fmt::format("with {}, though its {} was vetoed", to_string(notice), to_string(needed));
    if (!operation.block || !operation.fields) return "";
    const auto change = node_change(operation, notice, operation.fields->nr_pages);
    if (!change) return "";
    checks_[{"N4", ""}]++;
    const bool same_node = told.node == change->node;
    if (is_told == change->changes && (!is_told || same_node)) return "";
    if (is_told && !same_node)
        return fmt::format("with {} of memory{} after a {} of node {}, not of node {}", to_string(notice),
                           *operation.block, to_string(needed), told.node, change->node);
    return fmt::format("with {} of memory{}{} a {} of node {} (which has {} pages)", to_string(notice),
                       *operation.block, is_told ? " after" : ", but without", to_string(needed), change->node,
                       change->present);
}

// node_notify(unsigned long action, struct node_notify *)
Result<bool> NotifierWatch::at_node_notice(const Passage& passage) {
    const NodeNotice notice = node_numbers_.meaning(passage.arguments[0]);
    if (notice == NodeNotice::other) return false;
    MEMRIG_TRY(const auto words, passages_.words_at(passage, kNodeNoticeArgument, 1));
    NodeOperation& operation = node_operations_[passage.task];
    const int node = words ? static_cast<std::int32_t>(words->front()) : operation.node;
    MEMRIG_TRY(operation.path, path_of(passage));
    checks_[{"N4", ""}]++;
    reproach("N4", check_node_order(operation, notice, node), passage.task, operation.path, "node_notify");
    return is_announcement(notice);
}

Status NotifierWatch::at_node_answer(const Passage& passage) {
    NodeOperation& operation = node_operations_[passage.task];
    // A guest may send another notice before this one is answered.
    if (!operation.announced || !passage.answer || !is_veto(*passage.answer)) return {};
    operation.vetoed = true;
    operations_[passage.task].refused_by_node =
        *operation.announced == NodeNotice::adding ? Notice::cancel_online : Notice::cancel_offline;
    return {};
}

std::string NotifierWatch::check_node_order(NodeOperation& operation, NodeNotice notice, int node) {
    const NodeOperation before = operation;
    operation.announced = is_announcement(notice) ? std::optional(notice) : std::nullopt;
    operation.node = node;
    operation.vetoed = false;
    if (is_announcement(notice))
        return before.announced ? fmt::format("with {}, but has not said yet what became of its {}", to_string(notice),
                                              to_string(*before.announced))
                                : "";
    const NodeNotice needed = announcement_of(notice);
    if (before.announced != needed)
        return fmt::format("with {}, but without a {} before", to_string(notice), to_string(needed));
    if (before.node != node)
        return fmt::format("with {} of node {}, though node {} was announced", to_string(notice), node, before.node);
    const bool done = notice == NodeNotice::added || notice == NodeNotice::removed;
    return done && before.vetoed
               ? fmt::format("with {}, though its {} was vetoed", to_string(notice), to_string(needed))
               : "";
}

void NotifierWatch::count_pages(const Operation& operation, Notice notice) {
    const bool came = notice == Notice::online;
    if (!operation.block || !operation.fields || (!came && notice != Notice::offline)) return;
    if (const auto facts = facts_of(operation)) {
        std::uint64_t& pages = spec_.present[facts->node];
        pages = came ? pages + operation.fields->nr_pages : pages - std::min(pages, operation.fields->nr_pages);
    }
}

void NotifierWatch::finish() {
    for (const auto& [task, operation] : operations_) {
        if (operation.announced)
            reproach("N1", fmt::format("with {}, and never said what became of it", to_string(*operation.announced)),
                     task, operation.path);
        else if (prepares_ && operation.unended)
            reproach("N1",
                     fmt::format("with {}, and never with the {} that ends it", to_string(*operation.unended),
                                 to_string(Notice::finish_offline)),
                     task, operation.path);
    }
    for (const auto& [task, operation] : node_operations_)
        if (operation.announced)
            reproach("N4", fmt::format("with {}, and never said what became of it", to_string(*operation.announced)),
                     task, operation.path, "node_notify");
}

}  // namespace memrig
