//! Regression tests of labs: the events of a trace, found by what they say, happen again with today's code.
//!
//! `cargo lab export TRACE --to rust-test` writes such a test; it needs no trace file.

use framework::{
    Address, Envelope, Event, Interrupted, Lab, LabOptions, PendingTimer, Predicate, Step, guard,
};
use search::{Delivery, Follower, State, StepError};

use crate::set_up;

/// The events of a counterexample, and the system in which they happened.
///
/// Events are told by node and content, as text: what a message or a timer prints as. An event that cannot happen is left
/// out, because where a mistake is mended, what it made possible is gone; if none can happen the test fails, for then it
/// is about another system.
///
/// # Panics
///
/// Every method that begins with `must` panics when what it says is not so: that is how a test fails. The message says
/// after which event, and which events were left out.
///
/// # Examples
///
/// ```no_run
/// # use framework::{Lab, LabOptions, Scenario};
/// # struct PingPong;
/// # impl Lab for PingPong {
/// #     fn name(&self) -> &'static str { "pingpong" }
/// #     fn about(&self) -> &'static str { "" }
/// #     fn scenario(&self, _: &LabOptions) -> Result<Scenario, String> { Err(String::new()) }
/// # }
/// visualizer::Replay::of(&PingPong)
///     .clients(2)
///     .delivers("client1", "server1", "Request(Ping(\"hello\"))")
///     .fires("client2", "Retry")
///     .must_hold("clients got the expected results");
/// ```
#[derive(Clone)]
#[must_use = "nothing happens until something must be so"]
pub struct Replay<'a> {
    lab: &'a dyn Lab,
    options: LabOptions,
    events: Vec<Wanted>,
}

/// An event by what it says.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Wanted {
    Delivery { from: String, to: String, message: String },
    Timer { node: String, timer: String },
    Crash { node: String },
    CrashIn { event: Box<Wanted>, persist: usize },
    Restart { node: String },
}

impl std::fmt::Display for Wanted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Delivery { from, to, message } => write!(f, "{to} receives {message} from {from}"),
            Self::Timer { node, timer } => write!(f, "{node}'s timer {timer} fires"),
            Self::Crash { node } => write!(f, "{node} crashes"),
            Self::CrashIn { event, persist } => {
                write!(f, "{event}, and a crash before call {persist} of persist")
            }
            Self::Restart { node } => write!(f, "{node} restarts"),
        }
    }
}

/// How far the events went.
#[derive(Debug, Default)]
struct Run {
    happened: usize,
    left_out: Vec<String>,
}

/// What is asked of the states along the way.
enum Question<'a> {
    Holds(Vec<Must<'a>>),
    Reaches(&'a Predicate),
    Fails,
}

/// Something that must be so all along.
enum Must<'a> {
    State(&'a Predicate),
    Step(&'a framework::StepPredicate),
    Monitor(Follower<'a>),
}

impl<'a> Replay<'a> {
    /// The system of a lab as it is without any options.
    pub fn of(lab: &'a dyn Lab) -> Self {
        let own = lab.options().into_iter().map(|option| (option.name.to_owned(), option.default.to_owned()));
        let options = LabOptions { own: own.collect(), ..LabOptions::default() };
        Self { lab, options, events: Vec::new() }
    }

    /// The number of servers: `--servers`.
    pub fn servers(mut self, count: u16) -> Self {
        self.options.servers = Some(count);
        self
    }

    /// The number of clients: `--clients`.
    pub fn clients(mut self, count: u16) -> Self {
        self.options.clients = Some(count);
        self
    }

    /// The commands of each client: `--workload`.
    pub fn workload(mut self, commands: &str) -> Self {
        self.options.workload = Some(commands.to_owned());
        self
    }

    /// The seed of random workloads: `--seed`.
    pub fn seed(mut self, seed: u64) -> Self {
        self.options.seed = seed;
        self
    }

    /// One of the lab's own options.
    pub fn option(mut self, name: &str, value: &str) -> Self {
        self.options.own.insert(name.to_owned(), value.to_owned());
        self
    }

    fn event(mut self, event: Wanted) -> Self {
        self.events.push(event);
        self
    }

    /// A message arrives.
    pub fn delivers(self, from: &str, to: &str, message: &str) -> Self {
        self.event(delivery(from, to, message))
    }

    /// A timer fires.
    pub fn fires(self, node: &str, timer: &str) -> Self {
        self.event(Wanted::Timer { node: node.to_owned(), timer: timer.to_owned() })
    }

    /// A node crashes.
    pub fn crashes(self, node: &str) -> Self {
        self.event(Wanted::Crash { node: node.to_owned() })
    }

    /// A message arrives, and its receiver crashes just before it calls `persist`; `persist` counts earlier calls.
    pub fn crashes_in_delivery(self, from: &str, to: &str, message: &str, persist: usize) -> Self {
        self.event(Wanted::CrashIn { event: Box::new(delivery(from, to, message)), persist })
    }

    /// A timer fires, and its node crashes just before it calls `persist`; `persist` counts earlier calls.
    pub fn crashes_in_timer(self, node: &str, timer: &str, persist: usize) -> Self {
        let event = Wanted::Timer { node: node.to_owned(), timer: timer.to_owned() };
        self.event(Wanted::CrashIn { event: Box::new(event), persist })
    }

    /// A node that is down starts again.
    pub fn restarts(self, node: &str) -> Self {
        self.event(Wanted::Restart { node: node.to_owned() })
    }

    /// An invariant, an invariant of steps or a monitor of the lab holds all along.
    #[track_caller]
    pub fn must_hold(self, name: &str) {
        self.judge(Some(name), true);
    }

    /// A goal of the lab is satisfied at some point.
    #[track_caller]
    pub fn must_reach(self, name: &str) {
        self.judge(Some(name), false);
    }

    /// No handler fails, and no predicate of the lab panics.
    #[track_caller]
    pub fn must_not_fail(self) {
        self.judge(None, true);
    }

    #[track_caller]
    #[expect(clippy::panic, reason = "a test fails by a panic")]
    fn judge(&self, name: Option<&str>, must: bool) {
        if let Err(problem) = self.run(name, must) {
            panic!("{problem}");
        }
    }

    fn run(&self, name: Option<&str>, must: bool) -> Result<(), String> {
        let scenario = set_up::scenario(self.lab, &self.options).map_err(|error| error.to_string())?;
        let mut state = State::initial(&scenario.system).map_err(|error| error.to_string())?;
        let mut question = match name {
            None => Question::Fails,
            Some(name) if must => {
                let states = scenario.invariants.iter().filter(|p| p.name() == name).map(Must::State);
                let steps = scenario.step_invariants.iter().filter(|p| p.name() == name).map(Must::Step);
                let mut all: Vec<Must<'_>> = states.chain(steps).collect();
                for monitor in scenario.monitors.iter().filter(|monitor| monitor.name() == name) {
                    all.push(Must::Monitor(Follower::at(monitor, &state)?));
                }
                if all.is_empty() {
                    let known = scenario.invariants.iter().map(Predicate::name);
                    let known = known.chain(scenario.step_invariants.iter().map(|p| p.name()));
                    let known = known.chain(scenario.monitors.iter().map(|p| p.name()));
                    return Err(unknown("invariant", name, known));
                }
                Question::Holds(all)
            }
            Some(name) => {
                let goal = scenario.goals.iter().find(|goal| goal.name() == name);
                let known = scenario.goals.iter().map(Predicate::name);
                Question::Reaches(goal.ok_or_else(|| unknown("goal", name, known))?)
            }
        };
        let asked = |question: &mut Question<'_>, step: Option<(&State, &Event)>, after: &State| {
            guard::catch(|| ask(question, &scenario, step, after)).unwrap_or_else(|panic| Err(panic.text))
        };
        let mut run = Run::default();
        let mut reached = asked(&mut question, None, &state).map_err(|why| format!("at the start {why}"))?;
        let delivery = Delivery::default();
        for (i, wanted) in self.events.iter().enumerate() {
            let Some(event) = find(wanted, &state) else {
                run.left_out.push(format!("{}: {wanted}", i + 1));
                continue;
            };
            let at = |why: String, run: &Run| run.told(&format!("after event {}, {wanted}, {why}", i + 1));
            match state.step(&event, &delivery) {
                Ok(next) => {
                    run.happened += 1;
                    let answer = asked(&mut question, Some((&state, &event)), &next);
                    reached |= answer.map_err(|why| at(why, &run))?;
                    state = next;
                }
                Err(
                    error @ (StepError::Panicked(_)
                    | StepError::NotSerializable(_)
                    | StepError::Died(_)
                    | StepError::Hung(_)),
                ) => return Err(run.told(&format!("event {}, {wanted}: {error}", i + 1))),
                Err(_) => run.left_out.push(format!("{}: {wanted}", i + 1)),
            }
        }
        if run.happened == 0 && !self.events.is_empty() {
            return Err("none of the events can happen: this test is about another system, or the messages and timers \
                        print differently; export it again"
                .to_owned());
        }
        match question {
            Question::Reaches(goal) if !reached => {
                Err(run.told(&format!("no state on the way satisfies `{}`", goal.name())))
            }
            _ => Ok(()),
        }
    }
}

impl Run {
    fn told(&self, what: &str) -> String {
        if self.left_out.is_empty() {
            return what.to_owned();
        }
        format!("{what}; these events cannot happen and were left out:\n  {}", self.left_out.join("\n  "))
    }
}

fn unknown<'n>(what: &str, name: &str, known: impl Iterator<Item = &'n str>) -> String {
    let known: Vec<String> = known.map(|name| format!("`{name}`")).collect();
    let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
    format!("the lab has no {what} `{name}` with these options; it has {known}")
}

/// Whether the goal that is looked for is reached; an error says what is wrong.
fn ask(
    question: &mut Question<'_>,
    scenario: &framework::Scenario,
    step: Option<(&State, &Event)>,
    after: &State,
) -> Result<bool, String> {
    match question {
        Question::Fails => {
            for predicate in scenario.invariants.iter().chain(&scenario.goals) {
                predicate.check(&after.view());
            }
            Ok(false)
        }
        Question::Reaches(goal) => Ok(goal.check(&after.view()).is_ok()),
        Question::Holds(all) => {
            for must in all {
                let (name, outcome) = match must {
                    Must::State(predicate) => (predicate.name(), predicate.check(&after.view())),
                    Must::Step(predicate) => {
                        let Some((before, event)) = step.filter(|(before, _)| !before.is_same_state(after))
                        else {
                            continue;
                        };
                        let (before, after) = (before.view(), after.view());
                        (predicate.name(), predicate.check(&Step { before: &before, event, after: &after }))
                    }
                    Must::Monitor(follower) => {
                        if let Some((before, event)) = step {
                            follower.see_states(before, event, after)?;
                        }
                        (follower.name(), follower.outcome().clone())
                    }
                };
                if !outcome.is_ok() {
                    let reason = outcome.reason();
                    let colon = if reason.is_empty() { "" } else { ": " };
                    return Err(format!("`{name}` is violated{colon}{reason}"));
                }
            }
            Ok(false)
        }
    }
}

fn delivery(from: &str, to: &str, message: &str) -> Wanted {
    Wanted::Delivery { from: from.to_owned(), to: to.to_owned(), message: message.to_owned() }
}

/// The event at a state that says the same.
fn find(wanted: &Wanted, state: &State) -> Option<Event> {
    let address = |name: &str| name.parse::<Address>().ok();
    match wanted {
        Wanted::Delivery { from, to, message } => {
            let (from, to) = (address(from)?, address(to)?);
            let says =
                |e: &Envelope| e.from == from && e.to == to && e.message.value().to_string() == *message;
            state.network().into_iter().find(says).map(Event::Deliver)
        }
        Wanted::Timer { node, timer } => {
            let node = address(node)?;
            let place = state.addresses().iter().position(|other| *other == node)?;
            let says = |pending: &&PendingTimer| pending.timer.value().to_string() == *timer;
            let timer = state.local(place).timers.as_slice().iter().find(says)?.clone();
            Some(Event::Fire { node, timer })
        }
        Wanted::Crash { node } => Some(Event::Crash { node: address(node)?, during: None }),
        Wanted::CrashIn { event, persist } => {
            let event = Box::new(find(event, state)?);
            Some(Event::Crash { node: event.node(), during: Some(Interrupted { event, persist: *persist }) })
        }
        Wanted::Restart { node } => Some(Event::Restart { node: address(node)? }),
    }
}

#[cfg(test)]
mod tests {
    use framework::{LabOption, Scenario};

    use super::*;
    use crate::export::{Format, export};
    use crate::{Model, sample};

    /// The system of the sample traces, in which texts are lost, and one in which servers refuse.
    struct Register;

    impl Lab for Register {
        fn name(&self) -> &'static str {
            "register"
        }
        fn about(&self) -> &'static str {
            "A register that forgets"
        }
        fn options(&self) -> Vec<LabOption> {
            vec![LabOption { name: "touchy", help: "Whether a second text makes it panic", default: "false" }]
        }
        fn scenario(&self, options: &LabOptions) -> Result<Scenario, String> {
            Ok(Scenario {
                system: sample::system(options.clients.unwrap_or(1), options.own("touchy")?),
                invariants: vec![sample::texts_are_kept()],
                step_invariants: Vec::new(),
                monitors: Vec::new(),
                goals: vec![sample::all_done()],
            })
        }
    }

    fn replay() -> Replay<'static> {
        Replay::of(&Register)
            .clients(2)
            .fires("client1", "Retry")
            .fires("client2", "Retry")
            .delivers("client1", "server1", "Write { text: \"from-1\" }")
            .delivers("client2", "server1", "Write { text: \"from-2\" }")
            .delivers("server1", "client1", "Done")
    }

    #[test]
    fn a_mistake_that_is_there_is_told() {
        insta::assert_snapshot!(replay().run(Some("texts are kept"), true).unwrap_err());
        insta::assert_snapshot!(replay().run(Some("all writers are done"), false).unwrap_err());
        let done = replay().delivers("server1", "client2", "Done");
        assert_eq!(done.run(Some("all writers are done"), false), Ok(()));
        insta::assert_snapshot!(replay().option("touchy", "true").run(None, true).unwrap_err());
        assert_eq!(replay().run(None, true), Ok(()));
    }

    #[test]
    #[should_panic(expected = "`texts are kept` is violated")]
    fn what_must_be_so_and_is_not_fails_the_test() {
        replay().must_hold("texts are kept");
    }

    /// With one client less the mistake is gone, and so are the events of that client.
    #[test]
    fn what_cannot_happen_any_more_is_left_out() {
        assert_eq!(replay().clients(1).run(Some("texts are kept"), true), Ok(()));
        insta::assert_snapshot!(
            replay().clients(1).fires("client9", "Retry").run(Some("nothing"), true).unwrap_err()
        );
        insta::assert_snapshot!(
            replay()
                .clients(3)
                .crashes("server1")
                .crashes("server1")
                .restarts("server1")
                .run(Some("all writers are done"), false)
                .unwrap_err()
        );
        let stranger = Replay::of(&Register).fires("client1", "Other").delivers("a", "", "");
        insta::assert_snapshot!(stranger.run(Some("texts are kept"), true).unwrap_err());
    }

    /// The events that an export writes are those that are found again: each of them, with the same finding.
    #[test]
    fn what_is_exported_is_found_again() {
        let mut file = sample::violated();
        file.origin.rust = "register::Register".to_owned();
        let model = Model::new(file);
        let text = export(&model, "t", Format::RustTest).unwrap();
        let calls: Vec<&str> = text.lines().map(str::trim).filter(|line| line.starts_with(['.'])).collect();
        for wanted in &replay().events {
            let call = match wanted {
                Wanted::Timer { node, timer } => format!(".fires({node:?}, {timer:?})"),
                Wanted::Delivery { from, to, message } => format!(".delivers({from:?}, {to:?}, {message:?})"),
                other => panic!("{other}"),
            };
            assert!(calls.contains(&call.as_str()), "`{call}` is not in {text}");
        }
        // Those, the number of clients, and the judgement.
        assert_eq!(calls.len(), replay().events.len() + 2, "{text}");
        assert_eq!(calls[0], ".clients(2)");
        assert_eq!(*calls.last().unwrap(), ".must_hold(\"texts are kept\");");
    }
}
