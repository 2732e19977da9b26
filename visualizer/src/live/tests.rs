// INSTRUCTOR ONLY
//! Live sessions in words: the labs, a system with a mistake, code that has changed, and long walks.

use std::collections::BTreeSet;
use std::sync::Arc;

use clientserver::ClientServer;
use framework::{Address, Context, Durable, Lab, LabOptions, Node, Scenario, System};
use pingpong::PingPong;
use serde::{Deserialize, Serialize};

use super::{Inside, Job, Reply, compact, explore, replay};
use crate::model::Model;
use crate::plain;
use crate::sample::{self, Register};
use crate::session::Session;
use crate::session::action::{TABLE, entry_of};
use crate::trace_file::TraceFile;

fn live(lab: impl Lab + 'static, options: &str) -> Session {
    let arguments = options.split_whitespace().map(str::to_owned).collect();
    explore(Box::new(Inside(Arc::new(lab))), arguments).unwrap().session
}

fn said(session: &mut Session, commands: &str) -> (String, usize) {
    let mut out = Vec::new();
    let ended = plain::run(session, commands, &mut out).unwrap();
    (String::from_utf8(out).unwrap(), ended.errors)
}

fn errors(session: &mut Session, commands: &str) -> String {
    let (text, errors) = said(session, commands);
    assert_eq!(errors, commands.split(';').count(), "{text}");
    text
}

#[test]
fn pingpong_goes_on_step_by_step() {
    let mut session = live(PingPong, "--pings 1");
    let (text, errors) =
        said(&mut session, "pending; deliver 1; preview 2; fire 1; branch; search goal; why; tree");
    assert_eq!(errors, 0, "{text}");
    insta::assert_snapshot!(text);
}

#[test]
fn clientserver_goes_on_step_by_step() {
    let mut session = live(ClientServer, "--clients 2 --workload APPEND:k:%a,GET:k");
    let script = "deliver m2; deliver m1; pending; drop m1; pending; crash server1; restart server1; back 2; \
                  preview m1; deliver m1; difference main; switch main; tree";
    let (text, errors) = said(&mut session, script);
    assert_eq!(errors, 0, "{text}");
    insta::assert_snapshot!(text);
}

/// A monitor is part of the strip, and a search from here knows what it has seen.
#[test]
fn monitors_are_followed_along_branches() {
    let mut session = live(ClientServer, "--clients 2 --workload APPEND:k:%a,GET:k");
    let names: Vec<_> = session.model().predicates().iter().map(|row| row.name.clone()).collect();
    assert_eq!(names, ["results are linearizable", "all clients are done"]);
    let (text, errors) = said(&mut session, "search goal; search violation within 20000");
    assert_eq!(errors, 0, "{text}");
    let row = &session.model().predicates()[0];
    assert_eq!((row.name.as_str(), session.step()), ("all clients are done", session.model().len()));
    for row in session.model().predicates() {
        assert!(row.truth.iter().all(|truth| truth.holds.is_some()), "{row:?}");
    }
}

#[test]
fn a_mistake_is_found_minimized_reordered_and_saved() {
    let mut session = live(Register, "--clients 2");
    let script =
        "fire t1; fire t1; search violation; why; orders; orders 1; switch main.1; difference main; tree";
    let (text, errors) = said(&mut session, script);
    assert_eq!(errors, 0, "{text}");
    insta::assert_snapshot!(text);
    // A longer way to the same, made short.
    let mut session = live(Register, "--clients 2");
    let (text, errors) = said(
        &mut session,
        "fire t1; fire t1; deliver m1; deliver m1; duplicate; show-delivered; search violation; minimize; trace; tree",
    );
    assert_eq!(errors, 0, "{text}");
    assert!(text.contains("branch main.1.min"), "{text}");
    let minimized = session.model().len();
    assert_eq!(minimized, 5);

    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("saved/branch.json");
    let (text, errors) = said(&mut session, &format!("note why; save {}", path.display()));
    assert_eq!(errors, 0, "{text}");
    let saved = TraceFile::load(&path).unwrap();
    assert_eq!((saved.steps.len(), saved.verdict.kind.as_str(), saved.notes.len()), (5, "violated", 1));
    assert_eq!(saved.origin.command, "cargo lab explore register --clients 2");
    assert_eq!(compact(&saved), saved, "nothing is in it that it does not need");
    let opened = replay(Box::new(Inside(Arc::new(Register))), &saved).unwrap();
    insta::assert_snapshot!(opened.said.join("\n"), @r"
    replayed all 5 steps with today's code
    every step does what was recorded
    it shows what was recorded: `texts are kept` is violated
    ");
    assert_eq!((opened.session.step(), opened.session.branches().len()), (5, 1));
}

#[test]
fn mistakes_are_explained() {
    let mut session = live(Register, "--clients 2");
    let text = errors(
        &mut session,
        "deliver 1; fire 9; fire; deliver nonsense; preview 7; crash nobody; restart server1; duplicate; drop t1; \
         search; search ==; search goal within none; orders; minimize now; orders 3; switch; switch x; rename a b; \
         rename main; delete-branch; difference; stop; crash client1 t1 0; crash server1 t1",
    );
    insta::assert_snapshot!(text);
    let mut saved = Session::new(crate::Model::new(sample::violated()), Some("t.json".into()));
    insta::assert_snapshot!(errors(&mut saved, "deliver 1; branch"), @r"
    error: this is a saved trace; `cargo lab replay t.json` runs it again and can go on
    error: this is a saved trace; `cargo lab replay t.json` runs it again and can go on
    ");
}

#[test]
fn searches_for_expressions_and_gives_up_in_words() {
    let mut session = live(Register, "--clients 2");
    let (text, errors) = said(
        &mut session,
        "search server1.text == \"from-2\"; first; search len(server1.writers) > 5 within 50; \
         search server1.text == None; search goal; search goal; search violation within 1",
    );
    assert_eq!(errors, 0, "{text}");
    let told: Vec<&str> = text.lines().filter(|line| !line.starts_with(' ')).collect();
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn a_lost_message_is_lost_for_searches_too() {
    let mut session = live(Register, "--clients 1");
    let (text, errors) = said(&mut session, "fire 1; drop m1; search goal; drop x1; search goal");
    assert_eq!(errors, 0, "{text}");
    let told: Vec<&str> = text.lines().filter(|line| !line.starts_with(' ')).collect();
    insta::assert_snapshot!(told.join("\n"));
}

/// What was lost is part of a saved branch: whoever opens it sees it, and whoever runs it again cannot deliver it.
#[test]
fn a_lost_message_stays_lost_in_a_saved_branch() {
    let mut session = live(Register, "--clients 2");
    let (text, errors) =
        said(&mut session, "fire t1; drop m1; fire t1; back; back; pending; go 2; pending; step");
    assert_eq!(errors, 0, "{text}");
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("lost.json");
    let (text, errors) = said(&mut session, &format!("save {}", path.display()));
    assert_eq!(errors, 0, "{text}");
    let saved = crate::TraceFile::load(&path).unwrap();
    assert_eq!(saved.steps.iter().map(|step| step.lost.len()).collect::<Vec<_>>(), [1, 0]);

    let mut seen = Session::new(Model::new(saved.clone()), None);
    let (shown, errors) = said(&mut seen, "go 1; step; go 2; pending; go 0; pending");
    assert_eq!(errors, 0, "{shown}");
    let mut again = replay(Box::new(Inside(Arc::new(Register))), &saved).unwrap().session;
    let (ran, errors) = said(&mut again, "go 2; pending; drop x1; pending");
    assert_eq!(errors, 0, "{ran}");
    insta::assert_snapshot!(format!("as saved:\n{shown}run again:\n{ran}"));
}

#[test]
fn a_handler_that_panics_is_a_step_and_the_end_of_its_branch() {
    let mut session = live(Register, "--clients 2 --mood touchy");
    let (text, errors) = said(
        &mut session,
        "fire t1; fire t1; deliver m1; preview m1; deliver m1; deliver m1; tree; deliver 1; back; pending",
    );
    assert_eq!(errors, 1, "{text}");
    let place = concat!(env!("CARGO_MANIFEST_DIR"), "/");
    let masked: String = text
        .lines()
        .map(|line| format!("{}\n", line.split(", at ").next().unwrap_or_default().replace(place, "")))
        .collect();
    insta::assert_snapshot!(masked);
}

/// The register after somebody has worked on it.
struct Changed {
    says: &'static str,
    touchy: bool,
    forgets: bool,
}

/// A server that does not remember its writers, with the same fields.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename = "Server")]
struct Forgetful {
    text: Option<String>,
    writers: BTreeSet<Address>,
    touchy: bool,
}

impl Node for Forgetful {
    type Message = sample::Message;
    type Timer = sample::Retry;

    fn on_message(
        &mut self,
        from: Address,
        message: sample::Message,
        ctx: &mut Context<sample::Message, sample::Retry>,
    ) {
        if let sample::Message::Write { text } = message {
            self.text = Some(text);
            ctx.send(from, sample::Message::Done);
        }
    }

    fn on_timer(&mut self, _: sample::Retry, _: &mut Context<sample::Message, sample::Retry>) {}
}

impl Lab for Changed {
    fn name(&self) -> &'static str {
        "register"
    }
    fn about(&self) -> &'static str {
        "The register after a change"
    }
    fn scenario(&self, options: &LabOptions) -> Result<Scenario, String> {
        let server = Address::server(1);
        let mut system = System::new();
        let (text, writers, touchy) = (None, BTreeSet::new(), self.touchy);
        if self.forgets {
            system.add(server, Forgetful { text, writers, touchy }).unwrap();
        } else {
            system.add(server, sample::Server { text, writers, touchy }).unwrap();
        }
        for number in 1..=options.clients.unwrap_or(2) {
            let text = format!("{}-{number}", self.says);
            system.add(Address::client(number), sample::Writer { server, text, done: false }).unwrap();
        }
        Ok(Scenario {
            system,
            invariants: vec![sample::texts_are_kept()],
            step_invariants: vec![],
            monitors: vec![],
            goals: vec![],
        })
    }
}

#[test]
fn a_trace_runs_again_as_far_as_it_fits_today() {
    let mut old = sample::violated();
    old.origin.options.own.clear();
    old.origin.options.clients = Some(2);
    let today = |says, touchy, forgets| {
        let lab = Changed { says, touchy, forgets };
        let opened = replay(Box::new(Inside(Arc::new(lab))), &old).unwrap();
        let mut session = opened.session;
        let (tree, _) = said(&mut session, "tree");
        format!("{}\n{tree}", opened.said.join("\n"))
    };
    let texts = [
        today("from", false, false),
        today("with", false, false),
        today("from", true, false),
        today("from", false, true),
    ];
    let place = concat!(env!("CARGO_MANIFEST_DIR"), "/");
    let masked = texts.join("\n").replace(place, "");
    let masked: Vec<&str> = masked.lines().map(|line| line.split(", at src").next().unwrap()).collect();
    insta::assert_snapshot!(masked.join("\n"));
    old.origin.options.clients = Some(3);
    old.origin.command = "cargo test --test part3".to_owned();
    let lab = Changed { says: "from", touchy: false, forgets: false };
    let refused = replay(Box::new(Inside(Arc::new(lab))), &old).err().unwrap();
    insta::assert_snapshot!(refused, @"the trace has the nodes server1, client1, client2, and with its options the lab builds server1, client1, client2, client3; it was saved by `cargo test --test part3`, which builds its own");
}

/// The earlier stages of a staged search happen again too, with what was dropped between them.
#[test]
fn staged_traces_run_again() {
    let staged = sample::staged();
    assert!(!staged.history.is_empty());
    let opened = replay(Box::new(Inside(Arc::new(Register))), &staged).unwrap();
    assert_eq!(opened.said[1], "every step does what was recorded", "{:?}", opened.said);
    let mut session = opened.session;
    let first = session.model().number(0);
    assert_eq!(first, staged.history.len());
    let (text, errors) = said(&mut session, "first; show-delivered; pending; deliver m2; tree");
    assert_eq!(errors, 0, "{text}");
    assert!(text.contains(&format!("branch main.1: 1 step, parts from main after step {first}")), "{text}");
}

/// Pings to a server that keeps nothing: their order changes nothing, and that is said.
#[test]
fn an_order_that_does_not_matter_is_called_so() {
    let mut session = live(PingPong, "--clients 2 --pings 1");
    assert_eq!(said(&mut session, "deliver m1; back; deliver m2; deliver m1; deliver m1").1, 0);
    let file = session.model().file();
    let (way, dropped) = super::way(file, &file.steps, None, []);
    let predicate = "clients got the expected results".to_owned();
    let ask = super::Ask::Orders { races: vec![(1, 3), (9, 12)], predicate };
    let arguments = ["--clients", "2", "--pings", "1"].map(str::to_owned).to_vec();
    let job = Job { setup: super::Setup::Arguments(arguments), way, from: 0, dropped, ask };
    let reply = super::perform(&PingPong, &job, &search::CancelToken::default());
    let Ok(Reply::Orders(orders)) = reply else { panic!("orders: {reply:?}") };
    let text: Vec<String> =
        orders.iter().map(|order| crate::panels::order_text(session.model(), order)).collect();
    insta::assert_snapshot!(text.join("\n"), @"3 before 1: it holds; nothing differs");
}

/// The questions and answers survive being written down, which only the real engine does.
#[test]
fn jobs_and_replies_are_json() {
    let mut session = live(ClientServer, "--clients 1");
    assert_eq!(said(&mut session, "deliver 1; drop 1; fire 1").1, 0);
    let file = session.model().file();
    let (way, dropped) = super::way(file, &file.steps, None, session.lost());
    let job = Job {
        setup: super::Setup::Arguments(vec!["--clients".to_owned(), "1".to_owned()]),
        way,
        from: 1,
        dropped,
        ask: super::Ask::Run,
    };
    let again: Job = serde_json::from_str(&serde_json::to_string(&job).unwrap()).unwrap();
    let answers =
        [&job, &again].map(|job| super::perform(&ClientServer, job, &search::CancelToken::default()));
    let texts = answers.map(|answer| serde_json::to_string(&answer).unwrap());
    assert_eq!(texts[0], texts[1]);
    let reply: Result<Reply, String> = serde_json::from_str(&texts[0]).unwrap();
    let Ok(Reply::Ran { trace, stuck: None }) = reply else { panic!("it ran: {reply:?}") };
    assert_eq!(trace.steps.len(), 1);
}

/// A server that answers before it saves: the mistake that a crash in its handler shows.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Hasty {
    votes: u32,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
enum Vote {
    Ask,
    Granted(u32),
}

impl Node for Hasty {
    type Message = Vote;
    type Timer = ();

    fn init(&mut self, ctx: &mut Context<Vote, ()>) {
        ctx.send(ctx.address(), Vote::Ask);
    }

    fn on_message(&mut self, from: Address, message: Vote, ctx: &mut Context<Vote, ()>) {
        if let Vote::Ask = message {
            self.votes += 1;
            ctx.send(from, Vote::Granted(self.votes));
            ctx.persist(self.votes);
        }
    }

    fn on_timer(&mut self, (): (), _: &mut Context<Vote, ()>) {}

    fn recover(&mut self, durable: Option<Durable>, _: &mut Context<Vote, ()>) {
        self.votes = durable.map_or(0, |votes| votes.to().unwrap());
    }
}

struct Votes;

impl Lab for Votes {
    fn name(&self) -> &'static str {
        "votes"
    }
    fn about(&self) -> &'static str {
        "A vote that is lost"
    }
    fn scenario(&self, _: &LabOptions) -> Result<Scenario, String> {
        let mut system = System::new();
        system.add(Address::server(1), Hasty { votes: 0 }).unwrap();
        let (invariants, step_invariants, monitors, goals) = (vec![], vec![], vec![], vec![]);
        Ok(Scenario { system, invariants, step_invariants, monitors, goals })
    }
}

#[test]
fn a_crash_may_fall_into_a_handler() {
    let mut session = live(Votes, "");
    let (text, errors) = said(
        &mut session,
        "crash server1 m1; restart server1; show-delivered; deliver m1; crash s1 m1 2; tree",
    );
    assert_eq!(errors, 1, "{text}");
    insta::assert_snapshot!(text);
}

/// 10,000 random things: nothing breaks, every branch can be saved, and runs again to the same states.
#[test]
fn ten_thousand_random_actions_break_nothing() {
    let seed = 7;
    let mut random = sample::Random::new(seed);
    let mut session = live(Register, "--clients 2 --mood touchy");
    let entries: Vec<_> =
        TABLE.iter().filter(|entry| !matches!(entry.name, "save" | "quit" | "note")).collect();
    let mut taken = 0;
    for round in 0..10_000 {
        let (name, argument) = match random.below(12) {
            0..6 => {
                let choices = session.choices();
                if choices.is_empty() {
                    ("back", "3".to_owned())
                } else {
                    let label = choices[random.below(choices.len())].label.clone();
                    (if label.starts_with('m') { "deliver" } else { "fire" }, label)
                }
            }
            6 => ("go", random.below(session.model().len() + 1).to_string()),
            7 => (["crash", "restart"][random.below(2)], ["server1", "client1"][random.below(2)].to_owned()),
            8 => ("search", ["goal within 50", "violation within 50"][random.below(2)].to_owned()),
            9 => ("drop", "m1".to_owned()),
            _ => {
                let entry = entries[random.below(entries.len())];
                (entry.name, if random.below(3) == 0 { random.below(9).to_string() } else { String::new() })
            }
        };
        let before = session.branches().len();
        taken += said(&mut session, &format!("{name} {argument}")).1;
        // Enough to choose from, and not so many that nobody comes to an end.
        if session.branches().len() > 12 || session.model().len() > 40 {
            let oldest = session.branches()[0].name.clone();
            said(&mut session, &format!("delete-branch {oldest}"));
            if session.model().len() > 40 {
                said(&mut session, "go 3; branch");
            }
        }
        assert!(!session.branches().is_empty() && session.step() <= session.model().len());
        if round % 500 == 0 {
            let saved = compact(session.model().file());
            assert_eq!(saved.verify(), Ok(()), "seed {seed}, round {round}, {name} {argument}, {before}");
            let opened = replay(Box::new(Inside(Arc::new(Register))), &saved).unwrap();
            assert_eq!(opened.said[1], "every step does what was recorded", "seed {seed}, round {round}");
        }
    }
    assert!(taken < 7_000, "{taken} of the actions made no sense");
    assert!(entry_of(crate::session::action::Action::Deliver).action.is_live());
}
