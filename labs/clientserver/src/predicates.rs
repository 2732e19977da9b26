//! What tests assert of the results of several clients that share a key.

use framework::linearizability::{ApplicationSpecification, Monitor};
use framework::{Address, Outcome, Predicate, View};

use crate::kvstore::{KvCommand, KvResponse, KvStore};
use crate::workload::KvWorkload;

/// The results of all clients are linearizable: each command takes effect at once at some moment while its client waits,
/// and the results are those of one [`KvStore`] that executes them in that order. For any commands, key by key.
pub fn store_linearizable() -> Monitor {
    let store = ApplicationSpecification::new(KvStore::default());
    let store = store.partitioned_by(|command: &KvCommand| command.key().to_owned());
    Monitor::linearizable(store.reading(|command| matches!(command, KvCommand::Get { .. })))
}

/// The results of these clients can be explained by executing their appends once each, one after the other,
/// those of one client in its order. `clients` are the clients with their workloads, which append to one key;
/// nobody else may change it.
///
/// An append without a result may or may not have been executed, once. Everything else in a result has to be
/// an append with a result, so a command that is executed twice, lost or reordered is found as soon as a
/// result shows it.
///
/// Source: DSLabs `APPENDS_LINEARIZABLE`, which looks at the results alone and so takes a repeated append for
/// a new one.
pub fn appends_linearizable(clients: impl IntoIterator<Item = (Address, KvWorkload)>) -> Predicate {
    let clients: Vec<(Address, KvWorkload)> = clients.into_iter().collect();
    Predicate::new("appends to one key are linearizable", move |view| {
        History::of(view, &clients).map_or_else(|outcome| outcome, |history| history.judge())
    })
}

/// An append with its result.
struct Append<'a> {
    client: Address,
    /// The index of the command and of the result.
    index: usize,
    value: String,
    /// The value of the key right after the append.
    whole: &'a str,
}

impl Append<'_> {
    fn name(&self) -> String {
        format!("append {} of {}", self.index + 1, self.client)
    }

    /// What the append added to the key, and what others did since the value was `before`; nothing if `whole`
    /// is not `before`, something, and the append's own value.
    fn others_since(&self, before: &str) -> Option<&str> {
        self.whole.strip_prefix(before)?.strip_suffix(self.value.as_str())
    }
}

/// An append that was sent and has no result.
#[derive(Clone)]
struct Outstanding {
    client: Address,
    value: String,
}

/// All appends of some clients.
struct History<'a> {
    /// In the order in which they were executed, if the history is linearizable.
    appends: Vec<Append<'a>>,
    outstanding: Vec<Outstanding>,
}

impl<'a> History<'a> {
    /// What the clients did so far, or why this is no history of appends to one key.
    fn of(view: &View<'a>, clients: &[(Address, KvWorkload)]) -> Result<Self, Outcome> {
        let mut appends = Vec::new();
        let mut outstanding = Vec::new();
        let mut common_key: Option<String> = None;
        for (client, workload) in clients {
            let client = *client;
            let Some(worker) = view.worker(client) else {
                return Err(Outcome::fails(format!("there is no client worker `{client}` in this system")));
            };
            let Some(results) = worker.results::<KvResponse>() else {
                return Err(Outcome::fails(format!(
                    "the results of {client} are not those of a key-value store"
                )));
            };
            for index in 0..worker.sent_count() {
                let value = match workload.command(client, index) {
                    Some((KvCommand::Append { key, value }, _))
                        if common_key.as_ref().is_none_or(|common| *common == key) =>
                    {
                        common_key = Some(key);
                        value
                    }
                    other => {
                        let found = other.map_or_else(|| "none".to_owned(), |(c, _)| format!("{c:?}"));
                        return Err(Outcome::fails(format!(
                            "this predicate is for clients that append to one key, \
                             but command {} of {client} is {found}",
                            index + 1
                        )));
                    }
                };
                match results.get(index) {
                    None => outstanding.push(Outstanding { client, value }),
                    Some(KvResponse::AppendResult { value: whole }) => {
                        appends.push(Append { client, index, value, whole });
                    }
                    Some(other) => {
                        let reason =
                            format!("{client} got {other:?} for its append {} of `{value}`", index + 1);
                        return Err(Outcome::fails(reason).blaming(client, format!("results[{index}]")));
                    }
                }
            }
        }
        // Every append but one of the empty text makes the value longer, so no other order can explain the
        // results.
        appends.sort_by_key(|append| (append.whole.len(), append.value.is_empty()));
        Ok(Self { appends, outstanding })
    }

    fn judge(&self) -> Outcome {
        if let Some((first, second)) = self.swapped() {
            return Outcome::fails(format!(
                "{} gave `{}`, its append {} before that gave `{}`: the value of the key did not grow",
                first.name(),
                first.whole,
                second.index + 1,
                second.whole
            ))
            .blaming(second.client, format!("results[{}]", second.index))
            .blaming(first.client, format!("results[{}]", first.index));
        }
        let explained = explained(&self.appends, "", &self.outstanding);
        let Some(append) = self.appends.get(explained) else { return Outcome::holds() };
        let before = explained.checked_sub(1).map(|last| &self.appends[last]);
        let outcome = Outcome::fails(reason(append, before))
            .blaming(append.client, format!("results[{}]", append.index));
        match before {
            Some(before) => outcome.blaming(before.client, format!("results[{}]", before.index)),
            None => outcome,
        }
    }

    /// Two appends of one client whose results say that the later was executed first.
    fn swapped(&self) -> Option<(&Append<'a>, &Append<'a>)> {
        self.appends.iter().enumerate().find_map(|(at, first)| {
            let later = &self.appends[at + 1..];
            let second =
                later.iter().find(|other| other.client == first.client && other.index < first.index)?;
            Some((first, second))
        })
    }
}

/// How many of `appends`, from the first on, can be explained if the key had the value `before`.
fn explained(appends: &[Append<'_>], before: &str, outstanding: &[Outstanding]) -> usize {
    let Some((append, later)) = appends.split_first() else { return 0 };
    let Some(others) = append.others_since(before) else { return 0 };
    let mut best = 0;
    for left in ways_to_fill(others, appends, outstanding) {
        best = best.max(1 + explained(later, append.whole, &left));
        if best == appends.len() {
            break;
        }
    }
    best
}

/// What is left of `outstanding` if some of them, in some order, make up the text `gap`; one list for each
/// way.
///
/// An outstanding append comes after all appends of its client that have a result, so it cannot be in a gap
/// before one that is in `to_come`.
fn ways_to_fill(gap: &str, to_come: &[Append<'_>], outstanding: &[Outstanding]) -> Vec<Vec<Outstanding>> {
    if gap.is_empty() {
        return vec![outstanding.to_vec()];
    }
    let mut ways = Vec::new();
    let mut tried: Vec<&str> = Vec::new();
    for (i, candidate) in outstanding.iter().enumerate() {
        // Of two with the same text either will do: who may come here may come later.
        if candidate.value.is_empty()
            || tried.contains(&candidate.value.as_str())
            || to_come.iter().any(|append| append.client == candidate.client)
        {
            continue;
        }
        tried.push(&candidate.value);
        if let Some(rest) = gap.strip_prefix(candidate.value.as_str()) {
            let mut left = outstanding.to_vec();
            left.remove(i);
            ways.extend(ways_to_fill(rest, to_come, &left));
        }
    }
    ways
}

/// Why `append` cannot come after `before`.
fn reason(append: &Append<'_>, before: Option<&Append<'_>>) -> String {
    let (name, value, whole) = (append.name(), &append.value, append.whole);
    let previous = before.map_or("", |before| before.whole);
    let after = before.map_or_else(
        || "the key had no value before".to_owned(),
        |before| format!("{} gave `{}`", before.name(), before.whole),
    );
    if !whole.starts_with(previous) {
        return format!("{name} gave `{whole}`, but {after}: no order of the appends gives both");
    }
    match append.others_since(previous) {
        None if before.is_some_and(|before| before.whole == whole) => {
            format!("{name} gave `{whole}`, but {after} as well: one of the two is lost")
        }
        None => format!("{name} added `{value}` but gave `{whole}`; {after}"),
        Some(others) => format!(
            "{name} added `{value}` and gave `{whole}`, but {after}: `{others}` comes in between, which is no append \
             that still waits for its result; was a command executed twice?"
        ),
    }
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;

    use framework::{
        AnyNode, Client, ClientWorker, Context, Durable, Envelope, Node, PendingTimer, Source, Workload,
    };
    use serde::{Deserialize, Serialize};

    use super::*;
    use crate::workload::{KvParser, append_same_key_workload};

    /// A client that answers its commands itself, from a list, until the list ends.
    #[derive(Clone, Debug, Serialize, Deserialize)]
    struct Scripted {
        answers: Vec<KvResponse>,
        sent: usize,
    }

    impl Node for Scripted {
        type Message = ();
        type Timer = ();
        fn on_message(&mut self, _: Address, (): (), _: &mut Context<(), ()>) {}
        fn on_timer(&mut self, (): (), _: &mut Context<(), ()>) {}
    }

    impl Client for Scripted {
        type Command = KvCommand;
        type Response = KvResponse;
        fn send_command(&mut self, _: KvCommand, _: &mut Context<(), ()>) {
            self.sent += 1;
        }
        fn response(&self) -> Option<KvResponse> {
            self.answers.get(self.sent.checked_sub(1)?).cloned()
        }
    }

    /// Client workers and nothing else.
    struct Clients(Vec<(Address, Box<dyn AnyNode>)>);

    impl Source for Clients {
        fn len(&self) -> usize {
            self.0.len()
        }
        fn address(&self, i: usize) -> Address {
            self.0[i].0
        }
        fn node(&self, i: usize) -> &dyn AnyNode {
            self.0[i].1.as_ref()
        }
        fn timers(&self, _: usize) -> &[PendingTimer] {
            &[]
        }
        fn durable(&self, _: usize) -> Option<&Durable> {
            None
        }
        fn messages(&self, _: &mut dyn FnMut(&Envelope) -> ControlFlow<()>) {}
    }

    fn check_with(workloads: &[KvWorkload], results: &[&[KvResponse]]) -> Outcome {
        let addresses = (1..).map(Address::client);
        let clients: Vec<(Address, KvWorkload)> = addresses.zip(workloads.iter().cloned()).collect();
        let nodes = clients.iter().zip(results).map(|((address, workload), results)| {
            let client = Scripted { answers: results.to_vec(), sent: 0 };
            let mut worker: Box<dyn AnyNode> = Box::new(ClientWorker::new(client, workload.clone()));
            worker.init(*address).unwrap();
            (*address, worker)
        });
        let source = Clients(nodes.collect());
        appends_linearizable(clients).check(&View::new(&source))
    }

    fn values(values: &[&str]) -> Vec<KvResponse> {
        values.iter().map(|value| KvResponse::AppendResult { value: (*value).to_owned() }).collect()
    }

    /// Clients 1, 2, … append `a1`, `a2`, … and `b1`, `b2`, … and so on, and got these results.
    fn check(results: &[&[&str]]) -> Outcome {
        let workloads: Vec<KvWorkload> = ["a", "b", "c"][..results.len()]
            .iter()
            .map(|letter| Workload::parse(KvParser, [format!("APPEND:k:{letter}%i")]).unwrap().repeated(3))
            .collect();
        let results: Vec<Vec<KvResponse>> = results.iter().map(|list| values(list)).collect();
        check_with(&workloads, &results.iter().map(Vec::as_slice).collect::<Vec<_>>())
    }

    fn failure(outcome: &Outcome) -> String {
        assert!(!outcome.is_ok());
        let blame: Vec<String> = outcome.blame().iter().map(ToString::to_string).collect();
        format!("{}\n[{}]", outcome.reason(), blame.join(", "))
    }

    #[test]
    fn holds_when_some_order_explains_the_results() {
        for results in [
            &[&[] as &[&str], &[]] as &[&[&str]],
            &[&["a1", "a1a2", "a1a2a3"]],
            &[&["a1", "a1b1a2"], &["a1b1", "a1b1a2b2", "a1b1a2b2b3"]],
            // Outstanding appends may have been executed, in any order, or not.
            &[&[], &["a1b1", "a1b1b2"]],
            &[&[], &["b1", "b1a1b2"]],
            &[&[], &["c1a1b1"], &[]],
            &[&["b1c1a1"], &[], &[]],
        ] {
            let outcome = check(results);
            assert!(outcome.is_ok(), "{results:?}: {}", outcome.reason());
        }
    }

    #[test]
    fn equal_and_empty_values_are_told_apart_by_their_number() {
        let same = Workload::parse(KvParser, ["APPEND:k:x"]).unwrap().repeated(2);
        let nothing = Workload::parse(KvParser, ["APPEND:k:"]).unwrap().repeated(2);
        let check = |second: &KvWorkload, results: [&[&str]; 2]| {
            let results = results.map(values);
            check_with(&[same.clone(), second.clone()], &[&results[0], &results[1]]).is_ok()
        };
        assert!(check(&same, [&["x", "xxxx"], &["xx", "xxx"]]));
        assert!(check(&same, [&["xx"], &[]]));
        assert!(!check(&same, [&["xxx"], &[]]));
        assert!(check(&nothing, [&["x", "xx"], &["x", "x"]]));
        assert!(!check(&nothing, [&["x", "x"], &["x", "x"]]));
    }

    #[test]
    fn says_why_results_are_not_linearizable() {
        insta::assert_snapshot!(failure(&check(&[&["a1", "a1a1a2"]])), @r"
        append 2 of client1 added `a2` and gave `a1a1a2`, but append 1 of client1 gave `a1`: `a1` comes in between, which is no append that still waits for its result; was a command executed twice?
        [client1.results[1], client1.results[0]]
        ");
        insta::assert_snapshot!(failure(&check(&[&["a1"], &["a1b1", "b1b2"]])), @r"
        append 2 of client2 gave `b1b2`, but append 1 of client2 gave `a1b1`: no order of the appends gives both
        [client2.results[1], client2.results[0]]
        ");
        insta::assert_snapshot!(failure(&check(&[&["a1"], &["b1"]])), @r"
        append 1 of client2 gave `b1`, but append 1 of client1 gave `a1`: no order of the appends gives both
        [client2.results[0], client1.results[0]]
        ");
        insta::assert_snapshot!(failure(&check(&[&["a1", "a1"]])), @r"
        append 2 of client1 gave `a1`, but append 1 of client1 gave `a1` as well: one of the two is lost
        [client1.results[1], client1.results[0]]
        ");
        insta::assert_snapshot!(failure(&check(&[&["a1a2", "a1"]])), @r"
        append 2 of client1 gave `a1`, its append 1 before that gave `a1a2`: the value of the key did not grow
        [client1.results[0], client1.results[1]]
        ");
        insta::assert_snapshot!(failure(&check(&[&["b1"]])), @r"
        append 1 of client1 added `a1` but gave `b1`; the key had no value before
        [client1.results[0]]
        ");
        // Command 2 of client 2 is outstanding; command 3 cannot have been sent.
        insta::assert_snapshot!(failure(&check(&[&["a1"], &["a1b1"], &["a1b1b3c1"]])), @r"
        append 1 of client3 added `c1` and gave `a1b1b3c1`, but append 1 of client2 gave `a1b1`: `b3` comes in between, which is no append that still waits for its result; was a command executed twice?
        [client3.results[0], client2.results[0]]
        ");
        // Client 1 sent its second append after it had the result of its first.
        insta::assert_snapshot!(failure(&check(&[&["b1a2a1"], &["b1"]])), @r"
        append 1 of client1 added `a1` and gave `b1a2a1`, but append 1 of client2 gave `b1`: `a2` comes in between, which is no append that still waits for its result; was a command executed twice?
        [client1.results[0], client2.results[0]]
        ");
    }

    #[test]
    fn a_repeated_append_is_found_as_soon_as_a_result_shows_it() {
        let workload = append_same_key_workload(3);
        let results = [values(&["client1,1;"]), values(&["client1,1;client1,1;client2,1;"])];
        let outcome = check_with(&[workload.clone(), workload], &[&results[0], &results[1]]);
        insta::assert_snapshot!(failure(&outcome), @r"
        append 1 of client2 added `client2,1;` and gave `client1,1;client1,1;client2,1;`, but append 1 of client1 gave `client1,1;`: `client1,1;` comes in between, which is no append that still waits for its result; was a command executed twice?
        [client2.results[0], client1.results[0]]
        ");
    }

    #[test]
    fn refuses_what_is_no_append_to_one_key() {
        let parse = |texts: &[&str]| Workload::parse(KvParser, texts.iter().copied()).unwrap();
        let (ok, not_found) = (values(&["v"]), [KvResponse::KeyNotFound]);
        insta::assert_snapshot!(failure(&check_with(&[parse(&["GET:k"])], &[&ok])), @r#"
        this predicate is for clients that append to one key, but command 1 of client1 is Get { key: "k" }
        []
        "#);
        let two_keys = [parse(&["APPEND:k:v"]), parse(&["APPEND:l:w"])];
        insta::assert_snapshot!(failure(&check_with(&two_keys, &[&ok, &[]])), @r#"
        this predicate is for clients that append to one key, but command 1 of client2 is Append { key: "l", value: "w" }
        []
        "#);
        insta::assert_snapshot!(failure(&check_with(&[parse(&["APPEND:k:v"])], &[&not_found])), @r"
        client1 got KeyNotFound for its append 1 of `v`
        [client1.results[0]]
        ");
        insta::assert_snapshot!(failure(&check_with(&[KvWorkload::empty()], &[])), @r"
        there is no client worker `client1` in this system
        []
        ");
    }
}
