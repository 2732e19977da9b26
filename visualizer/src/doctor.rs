//! `cargo lab doctor`: what is wrong with the nodes of a system apart from what they compute: handlers that are no functions
//! of their node, fields that the search cannot see, growth, copies of messages that are taken for new ones, and what multiplies
//! the states.

use search::{Coverage, Profile, ProfileRow, Repeat, Verdict};
use serde::Serialize;

use crate::amount::{counted, grouped};
use crate::fault::Fault;
use crate::growth::Growth;
use crate::human::WIDTH;
use crate::profile::saving;
use crate::text::{fit, one_line};

/// How many things that multiply the states are named.
const ROWS_MAX: usize = 5;

/// Something that the doctor found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Finding {
    /// In one word, for programs.
    kind: &'static str,
    /// What was seen.
    what: String,
    /// What to do about it.
    advice: String,
    /// In which states it was seen, if only in the later ones.
    #[serde(skip_serializing_if = "Option::is_none")]
    when: Option<&'static str>,
    /// What it is about: a second finding of the same kind about it says nothing new.
    #[serde(skip)]
    subject: String,
    /// The command that shows more.
    #[serde(skip_serializing_if = "Option::is_none")]
    command: Option<String>,
}

impl Finding {
    fn new(kind: &'static str, what: impl Into<String>, advice: impl Into<String>) -> Self {
        let what = what.into();
        Self { kind, subject: what.clone(), what, advice: advice.into(), when: None, command: None }
    }

    fn about(self, subject: String) -> Self {
        Self { subject, ..self }
    }
}

/// What the doctor looks at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Examined<'a> {
    /// The states from the beginning.
    pub(crate) profile: &'a Profile,
    /// Those from a later state on, in which the nodes are at work, if the first do not show it.
    pub(crate) later: Option<&'a Later>,
    /// What longer runs showed, if there were any.
    pub(crate) growth: Option<&'a Growth>,
}

/// What came of looking for a state in which a client has its first result, and of looking from there.
#[derive(Debug)]
pub(crate) struct Later {
    /// What makes the states, there or, where a handler is wrong on the way, up to that.
    pub(crate) profile: Profile,
    /// Whether there is such a state.
    pub(crate) from_a_result: bool,
}

impl Later {
    /// A handler that is wrong there, or on the way.
    pub(crate) fn fault(&self) -> Option<Fault> {
        Fault::of(&self.profile.search.verdict)
    }

    /// These states, in words.
    fn when(&self) -> &'static str {
        if self.from_a_result { "once a client has a result" } else { "before a client has a result" }
    }
}

/// What the doctor says of a system.
#[derive(Debug, Serialize)]
pub(crate) struct Diagnosis<'a> {
    lab: &'a str,
    command: &'a str,
    /// How the search ended that visited the states.
    verdict: &'a str,
    states: u64,
    /// How many times more states the last levels have than those before them, in tenths; none if there are too few levels.
    growth_tenths: Option<u64>,
    findings: Vec<Finding>,
    #[serde(skip)]
    healthy: Vec<String>,
    /// What could not be found out, and why.
    unknown: Vec<String>,
}

impl<'a> Diagnosis<'a> {
    /// Looks at the profile of a system's states. `search` is the command that shows the events that lead to a fault.
    pub(crate) fn of(lab: &'a str, command: &'a str, search: &str, examined: Examined<'a>) -> Self {
        let Examined { profile, later, growth } = examined;
        let coverage = &profile.search.coverage;
        let events = |finding| Finding { command: Some(search.to_owned()), ..finding };
        let mut findings: Vec<Finding> = fault(&profile.search.verdict).map(events).into_iter().collect();
        if let Some(Growth::Faulty(fault, what)) = growth {
            let finding = Finding::new(fault.word(), one_line(what), fault.advice());
            findings.push(Finding { when: Some("in longer runs"), ..finding });
        }
        let faulty = !findings.is_empty() || later.is_some_and(|later| later.fault().is_some());
        findings.extend(blind_spots(coverage));
        let runs = match growth {
            Some(Growth::Seen(found)) => &found[..],
            _ => &[],
        };
        findings.extend(coverage.growth.iter().chain(runs).map(|what| growing(what)));
        findings.extend(profile.repeats.iter().map(repeat));
        // What has done nothing so far may do something later.
        if later.is_none() {
            findings.extend(idle(coverage));
        }
        findings.extend(multipliers(profile));
        if let Some(later) = later {
            findings.extend(seen_later(later, &findings));
        }
        let states = profile.states;
        let searches = || std::iter::once(profile).chain(later.map(|later| &later.profile));
        let all_covered = || searches().map(|profile| &profile.search.coverage);
        let repeats: usize = searches().map(|profile| profile.repeats.len()).sum();
        let handler_calls = searches().map(|profile| profile.search.stats.handler_calls).sum();
        let (mut healthy, mut unknown) = (Vec::new(), Vec::new());
        if !faulty {
            let calls = counted(handler_calls, "handler call");
            healthy.push(format!(
                "{calls}, each made twice, the second time on a copy rebuilt from bytes: the same result each time"
            ));
        }
        if all_covered().all(|coverage| coverage.ignored_fields.is_empty()) {
            healthy.push("no field is left out by serde".to_owned());
        }
        if repeats == 0 && !faulty {
            healthy.push(
                "no message does anything when it arrives a second time, right after the first".to_owned(),
            );
        }
        match growth {
            Some(Growth::Unknown(why)) => {
                unknown.push(format!("what grows in longer runs: {}", one_line(why)))
            }
            _ if !runs.is_empty() || all_covered().any(|coverage| !coverage.growth.is_empty()) => {}
            Some(Growth::Seen(_)) => {
                healthy.push("nothing grows when clients repeat their commands, up to 40 times".to_owned());
            }
            Some(Growth::Faulty(..)) => {}
            None if faulty => {}
            None => healthy.push("no node has grown out of proportion".to_owned()),
        }
        Self {
            lab,
            command,
            verdict: profile.search.verdict.word(),
            states,
            growth_tenths: growth_tenths(&profile.search.stats.levels),
            findings,
            healthy,
            unknown,
        }
    }

    /// For people: what was looked at, what was found with what to do, what is in order.
    pub(crate) fn lines(&self, examined: Examined<'_>, notes: &[String]) -> Vec<String> {
        let Examined { profile, later, .. } = examined;
        let cut =
            if profile.search.verdict == Verdict::Exhausted { "all there are" } else { "a part of all" };
        let depth = profile.search.stats.depth;
        let mut lines =
            vec![format!("looked at {} up to depth {depth}, {cut}", counted(self.states, "state"))];
        if let Some(later) = later {
            let states = counted(later.profile.states, "state");
            let from = if later.from_a_result { "from one" } else { "on the way to one" };
            lines.push(format!("looked at {states} more {from} in which a client has its first result"));
        }
        if let Some(tenths) = self.growth_tenths {
            lines.push(format!(
                "each further event multiplies the states by about {}.{}",
                tenths / 10,
                tenths % 10
            ));
        }
        lines.extend(notes.iter().map(|note| format!("note: {note}")));
        for Finding { kind, what, advice, when, command, .. } in &self.findings {
            let when = when.map(|when| format!(", {when}")).unwrap_or_default();
            lines.push(String::new());
            lines.push(fit(&format!("{kind}{when}: {what}"), 2 * WIDTH));
            lines.push(format!("  {advice}"));
            // A command is never cut.
            lines.extend(command.as_ref().map(|command| format!("  the events that lead there: {command}")));
        }
        lines.push(String::new());
        lines.extend(self.healthy.iter().map(|what| format!("in order: {what}")));
        lines.extend(self.unknown.iter().map(|what| format!("not known: {what}")));
        let found = match self.findings.len() {
            0 => "nothing found; what makes how many states is in `cargo lab profile`".to_owned(),
            count => format!("{} found", counted(count as u64, "thing")),
        };
        lines.push(found);
        lines
    }
}

/// The search ended at a handler that is wrong whatever it computes.
fn fault(verdict: &Verdict) -> Option<Finding> {
    let fault = Fault::of(verdict)?;
    Some(Finding::new(fault.word(), one_line(&verdict.to_string()), fault.advice()))
}

/// What is no part of a state.
fn blind_spots(coverage: &Coverage) -> Vec<Finding> {
    let field = |field: &String| {
        Finding::new(
            "not seen",
            format!(
                "`{field}` is left out by serde: nodes that differ only in it are one state to the search"
            ),
            "remove `#[serde(skip)]`, or the field if no handler needs it; it is lost in a crash as well",
        )
    };
    let lost = |message: &String| {
        Finding::new("lost", format!("{message}: nobody has this address"), "send to addresses of the system")
    };
    let passed_over = |handler: &String| {
        Finding::new("passed over", handler.clone(), "nothing behind this input was looked at")
    };
    coverage
        .ignored_fields
        .iter()
        .map(field)
        .chain(coverage.unknown_receivers.iter().map(lost))
        .chain(coverage.passed_over.iter().map(passed_over))
        .collect()
}

fn growing(what: &str) -> Finding {
    let advice = "drop what nobody can ask for again; otherwise the states have no end. Right only for what has to be kept, such as a \
                  log until there are snapshots";
    // How many it has depends on the states that were seen.
    let subject = what.split(" has ").next().unwrap_or(what).to_owned();
    Finding::new("growing", what, advice).about(subject)
}

/// A copy of a message that was taken for a new one.
fn repeat(repeat: &Repeat) -> Finding {
    let Repeat { node_type, message, repeated, changed, example } = repeat;
    let what = format!(
        "{message} at {node_type}: {} of {} that came twice in a row changed the node twice, such as {}",
        grouped(*changed),
        grouped(*repeated),
        one_line(example)
    );
    Finding::new(
        "not idempotent",
        what,
        "the network repeats messages: know a copy by its number or by what the fields say already; right only where each copy \
         is as good as a new message, and then it makes states",
    )
    .about(format!("{message} at {node_type}"))
}

/// What only the later states show. A fault there is found by no search that begins at the beginning and is as small as these, so
/// there is no command that shows its events.
fn seen_later(later: &Later, before: &[Finding]) -> Vec<Finding> {
    let Later { profile, .. } = later;
    let coverage = &profile.search.coverage;
    let all = fault(&profile.search.verdict)
        .into_iter()
        .chain(blind_spots(coverage))
        .chain(coverage.growth.iter().map(|what| growing(what)))
        .chain(profile.repeats.iter().map(repeat))
        .chain(multipliers(profile));
    let is_new = |finding: &Finding| {
        !before.iter().any(|old| (old.kind, &old.subject) == (finding.kind, &finding.subject))
    };
    all.filter(is_new).map(|finding| Finding { when: Some(later.when()), ..finding }).collect()
}

/// What multiplies the states most.
fn multipliers(profile: &Profile) -> Vec<Finding> {
    profile.rows.iter().filter_map(|row| multiplier(row, profile.states)).take(ROWS_MAX).collect()
}

/// Handlers that did nothing, and messages that nobody got.
fn idle(coverage: &Coverage) -> Vec<Finding> {
    let handlers = coverage.handlers.iter().filter(|handler| handler.effective == 0).map(|handler| {
        let what = format!("{} of {}", handler.handler, handler.node_type);
        let what = format!("{what} ran on {} and did nothing on any", counted(handler.inputs, "input"));
        Finding::new(
            "idle",
            what,
            "right if nothing is to be done there; else it is not written, or its condition never holds",
        )
    });
    let messages = coverage.never_delivered.iter().map(|message| {
        Finding::new("never delivered", message.clone(), "its links are off, or the search ended too early")
    });
    handlers.chain(messages).collect()
}

/// A field, timer or message that makes at least every second state.
fn multiplier(row: &ProfileRow, states: u64) -> Option<Finding> {
    let advice = row.advice(states)?;
    // Hardly two states agree in it: an identifier, a counter of everything, a time.
    let unique = row.distinct.saturating_mul(2) > states && states > 100;
    let kind = if unique { "differs in most states" } else { "multiplies the states" };
    let what = format!(
        "{} by {}: {} without it, {} different values",
        row.item,
        saving(row, states),
        counted(row.without, "state"),
        grouped(row.distinct)
    );
    Some(Finding::new(kind, what, advice).about(row.item.to_string()))
}

/// By how much the last full levels have grown, in tenths.
fn growth_tenths(levels: &[u64]) -> Option<u64> {
    // The last level is cut where a budget ended the search.
    let full = levels.len().checked_sub(1)?;
    let [before, .., last] = levels.get(full.checked_sub(4)?..full)? else { return None };
    if *before < 10 || last <= before {
        return None;
    }
    // Three steps between them: the cube root, found by trying.
    let tenths = (10..1000).take_while(|tenths| tenths * tenths * tenths * before <= last * 1000).last();
    tenths.filter(|tenths| *tenths > 10)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::time::Duration;

    use framework::{Address, Context, Node, System};
    use search::{Settings, State};
    use serde::{Deserialize, Serialize};

    use super::*;

    #[derive(Clone, Debug, Default, Serialize, Deserialize)]
    struct Sick {
        #[serde(skip)]
        cache: u8,
        ticks: u32,
        draws: bool,
        history: Vec<u64>,
    }

    #[derive(Clone, Debug, Serialize, Deserialize)]
    struct Tick;

    static DRAWN: AtomicU32 = AtomicU32::new(0);

    impl Node for Sick {
        type Message = u8;
        type Timer = Tick;

        fn init(&mut self, ctx: &mut Context<u8, Tick>) {
            ctx.set_timer(Tick, Duration::from_millis(10));
        }

        fn on_message(&mut self, _: Address, _: u8, _: &mut Context<u8, Tick>) {}

        fn on_timer(&mut self, _: Tick, ctx: &mut Context<u8, Tick>) {
            self.cache = self.cache.wrapping_add(1);
            self.ticks += if self.draws { DRAWN.fetch_add(1, Ordering::Relaxed) } else { 1 };
            ctx.send(Address::server(1), 0);
            ctx.send(Address::server(9), 0);
            ctx.set_timer(Tick, Duration::from_millis(10));
        }
    }

    fn diagnosis(node: &Sick) -> String {
        let mut system = System::new();
        for number in 1..=2 {
            system.add(Address::server(number), node.clone()).unwrap();
        }
        let settings = Settings { max_states: Some(2000), ..Settings::default() };
        let profile = search::profile(&State::initial(&system).unwrap(), &settings);
        let examined = Examined { profile: &profile, later: None, growth: None };
        let diagnosis = Diagnosis::of("sick", "cargo lab doctor sick", "cargo lab search sick", examined);
        diagnosis.lines(examined, &[]).join("\n")
    }

    #[test]
    fn what_is_wrong_is_said_with_what_to_do() {
        let text = diagnosis(&Sick::default());
        for expected in [
            "a part of all",
            "not seen: `Sick.cache` is left out by serde",
            "remove `#[serde(skip)]`",
            "lost: 0 to server9: nobody has this address",
            "did nothing on any",
            "multiplies the states: Sick.ticks by ",
            "in order: no node has grown out of proportion",
        ] {
            assert!(text.contains(expected), "`{expected}` is not in\n{text}");
        }
        let text = diagnosis(&Sick { history: vec![7; 5000], ..Sick::default() });
        assert!(text.contains("growing: server1.history has 5000 entries"), "{text}");
    }

    /// Counts what it is told, copies and all; its neighbour tells it something once.
    #[derive(Clone, Debug, Default, Serialize, Deserialize)]
    struct Counter {
        heard: u8,
        known: Vec<u8>,
        careful: bool,
    }

    impl Node for Counter {
        type Message = u8;
        type Timer = Tick;

        fn init(&mut self, ctx: &mut Context<u8, Tick>) {
            ctx.send(Address::server(1), 7);
        }

        fn on_message(&mut self, _: Address, message: u8, _: &mut Context<u8, Tick>) {
            if self.careful && self.known.contains(&message) {
                return;
            }
            self.heard = (self.heard + 1).min(3);
            self.known = vec![message];
        }

        fn on_timer(&mut self, _: Tick, _: &mut Context<u8, Tick>) {}
    }

    #[test]
    fn copies_that_are_taken_for_new_messages_are_named() {
        let text = |careful: bool| {
            let mut system = System::new();
            system.add(Address::server(1), Counter { careful, ..Counter::default() }).unwrap();
            system.add(Address::server(2), Counter::default()).unwrap();
            let profile = search::profile(&State::initial(&system).unwrap(), &Settings::default());
            let examined = Examined { profile: &profile, later: None, growth: None };
            Diagnosis::of("count", "cargo lab doctor count", "cargo lab search count", examined)
                .lines(examined, &[])
                .join("\n")
        };
        insta::assert_snapshot!(
            text(false).lines().find(|line| line.starts_with("not idempotent")).unwrap_or("nothing"),
            @"not idempotent: 7 at Counter: 4 of 6 that came twice in a row changed the node twice, such as server1 receives 7 from server1: heard: 1 → 2; once more: heard: 2 → 3"
        );
        let careful = text(true);
        assert!(!careful.contains("not idempotent"), "{careful}");
        assert!(
            careful.contains("in order: no message does anything when it arrives a second time"),
            "{careful}"
        );
    }

    #[test]
    fn what_only_later_states_show_is_said_to_be_so() {
        let profile = |careful: bool| {
            let mut system = System::new();
            system.add(Address::server(1), Counter { careful, ..Counter::default() }).unwrap();
            search::profile(&State::initial(&system).unwrap(), &Settings::default())
        };
        let later = |careful| Later { profile: profile(careful), from_a_result: true };
        let (well, ill) = (later(true), later(false));
        let text = |first: &Later, later| {
            let examined = Examined { profile: &first.profile, later: Some(later), growth: None };
            Diagnosis::of("count", "cargo lab doctor count", "cargo lab search count", examined)
                .lines(examined, &[])
                .join("\n")
        };
        let later = "not idempotent, once a client has a result: 7 at Counter";
        assert!(text(&well, &ill).contains(later), "{}", text(&well, &ill));
        assert!(!text(&well, &ill).contains("in order: no message does anything"));
        // Once is enough.
        assert_eq!(text(&ill, &ill).matches("not idempotent").count(), 1);
        assert!(!text(&well, &well).contains("not idempotent"));
    }

    #[test]
    fn a_handler_that_is_no_function_comes_first() {
        let text = diagnosis(&Sick { draws: true, ..Sick::default() });
        let first = text.lines().find(|line| line.starts_with("nondeterministic: "));
        assert!(first.is_some_and(|line| line.contains("ticks")), "{text}");
        assert!(text.contains("  the events that lead there: cargo lab search sick"), "{text}");
        assert!(!text.contains("the same result each time"), "{text}");
    }

    fn sick(node: Sick, max_states: u64) -> Profile {
        let mut system = System::new();
        system.add(Address::server(1), node).unwrap();
        let settings = Settings { max_states: Some(max_states), ..Settings::default() };
        search::profile(&State::initial(&system).unwrap(), &settings)
    }

    fn told(first: &Profile, later: Option<&Later>, growth: Option<&Growth>) -> String {
        let examined = Examined { profile: first, later, growth };
        Diagnosis::of("sick", "cargo lab doctor sick", "cargo lab search sick", examined)
            .lines(examined, &[])
            .join("\n")
    }

    #[test]
    fn a_handler_that_is_wrong_later_is_named_and_nothing_is_in_order() {
        let profile = |draws: bool| sick(Sick { draws, ..Sick::default() }, 200);
        let well = profile(false);
        let text = |from_a_result: bool| {
            let later = Later { profile: profile(true), from_a_result };
            assert_eq!(later.fault(), Some(Fault::Nondeterministic));
            told(&well, Some(&later), None)
        };
        let after = text(true);
        assert!(after.contains("nondeterministic, once a client has a result: "), "{after}");
        assert!(after.contains("more from one in which a client has its first result"), "{after}");
        assert!(!after.contains("the same result each time"), "{after}");
        let before = text(false);
        assert!(before.contains("nondeterministic, before a client has a result: "), "{before}");
        assert!(before.contains("more on the way to one in which a client has its first result"), "{before}");
    }

    #[test]
    fn a_handler_that_is_wrong_in_longer_runs_is_named_and_nothing_is_in_order() {
        let growth = Growth::Faulty(Fault::Panics, "on_message(Add) of server1: no more".to_owned());
        let text = told(&sick(Sick::default(), 200), None, Some(&growth));
        assert!(
            text.contains(
                "panics, in longer runs: on_message(Add) of server1: no more\n  a handler must take"
            ),
            "{text}"
        );
        assert!(!text.contains("the same result each time") && !text.contains("nothing grows"), "{text}");
        assert!(!text.contains("not known"), "{text}");
    }

    /// A node that has a field which serde skips, or is not known to anybody, from some state on.
    #[derive(Clone, Debug, Serialize, Deserialize)]
    enum Role {
        Follower,
        Leader {
            #[serde(skip)]
            scratch: u8,
            log: Vec<u8>,
        },
    }

    impl Node for Role {
        type Message = u8;
        type Timer = Tick;

        fn init(&mut self, _: &mut Context<u8, Tick>) {}

        fn on_message(&mut self, _: Address, _: u8, _: &mut Context<u8, Tick>) {}

        fn on_timer(&mut self, _: Tick, _: &mut Context<u8, Tick>) {}
    }

    #[test]
    fn what_the_search_cannot_see_later_is_not_in_order() {
        let profile = |role: Role| {
            let mut system = System::new();
            system.add(Address::server(1), role).unwrap();
            search::profile(&State::initial(&system).unwrap(), &Settings::default())
        };
        let first = profile(Role::Follower);
        assert!(told(&first, None, None).contains("in order: no field is left out by serde"));
        let leader = Role::Leader { scratch: 1, log: vec![7; 5000] };
        let later = Later { profile: profile(leader), from_a_result: true };
        let text = told(&first, Some(&later), None);
        for expected in [
            "not seen, once a client has a result: `",
            "scratch` is left out by serde",
            "growing, once a client has a result: server1",
        ] {
            assert!(text.contains(expected), "`{expected}` is not in\n{text}");
        }
        assert!(
            !text.contains("in order: no field is left out") && !text.contains("out of proportion"),
            "{text}"
        );
    }

    #[test]
    fn growth_is_that_of_the_full_levels() {
        assert_eq!(growth_tenths(&[1, 10, 20, 40, 80, 7]), Some(20));
        assert_eq!(growth_tenths(&[1, 100, 300, 900, 2700, 8100, 8101]), Some(30));
        assert_eq!(growth_tenths(&[1, 5, 6]), None);
        assert_eq!(growth_tenths(&[50, 50, 50, 50, 50, 50]), None);
        assert_eq!(growth_tenths(&[]), None);
    }
}
