//! What clients asked and got goes to the linearizability checker, and mistakes of servers are found there.

use clientserver::{
    AmoCommand, AmoResponse, KvCommand, KvResponse, KvStore, Message, SimpleClient, append_same_key_workload,
};
use framework::linearizability::{ApplicationSpecification, Consistency, STEPS_MAX, Verdict, check};
use framework::{Address, Application, Context, Node, System};
use runner::{Action, End, Run, Schedule, Settings};
use serde::{Deserialize, Serialize};

use crate::counter::{Add, Adder, Saves, counters};
use crate::labs::{SERVER, key_value, ms, secs};

/// A key-value server that executes whatever arrives, also what it has executed already.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Forgetful {
    store: KvStore,
}

impl Node for Forgetful {
    type Message = Message;
    type Timer = clientserver::ClientTimer;

    fn on_message(&mut self, from: Address, message: Message, ctx: &mut Context<Message, Self::Timer>) {
        if let Message::Request(AmoCommand { command, sequence, .. }) = message {
            let response = self.store.execute(&command);
            ctx.send(from, Message::Reply(AmoResponse { sequence, response }));
        }
    }

    fn on_timer(&mut self, _: Self::Timer, _: &mut Context<Message, Self::Timer>) {}
}

fn verdict(system: &System, seed: u64) -> Verdict {
    let settings = Settings::simulated(seed).network(|network| network.unreliable());
    let mut run = Run::new(system, settings).unwrap();
    run.wait_for_clients(secs(600)).unwrap();
    let history = run.history::<KvCommand, KvResponse>().unwrap();
    assert_eq!(history.len(), 40);
    let store = ApplicationSpecification::new(KvStore::default());
    check(&store, &history, Consistency::Linearizable, STEPS_MAX).unwrap()
}

#[test]
fn appends_are_linearizable_unless_one_is_executed_twice() {
    let workload = append_same_key_workload(10);
    let mut forgetful = System::new();
    forgetful.add(SERVER, Forgetful { store: KvStore::default() }).unwrap();
    for number in 1..=4 {
        let client = SimpleClient::new(SERVER);
        forgetful.add_client(Address::client(number), client, workload.clone()).unwrap();
    }
    for seed in 0..5 {
        assert!(verdict(&key_value(4, &workload), seed).is_consistent());
        assert!(verdict(&forgetful, seed).is_inconsistent());
    }
}

#[test]
fn operations_end_with_a_response_a_crash_or_not_yet() {
    let client = Address::client(1);
    let schedule = Schedule::new()
        .at(ms(50), Action::Isolate(SERVER))
        .at(ms(100), Action::Crash(client))
        .at(ms(150), Action::Restart(client));
    let settings = Settings::simulated(1).schedule(schedule);
    let mut run = Run::new(&counters(1, Saves::Never, 1_000), settings).unwrap();
    run.run_for(ms(300)).unwrap();
    let operations = run.operations();
    let place = operations.iter().position(|operation| operation.returned_at().is_none()).unwrap();
    assert!(place > 5);
    assert!(matches!(operations[place].end, End::Crashed { at } if at == ms(100)));
    assert_eq!((operations[place + 1].index, operations[place + 1].invoked_at), (0, ms(150)));
    assert!(matches!(operations[place + 1].end, End::Pending));
    assert_eq!(operations.len(), place + 2);
    assert_eq!(run.max_wait(), ms(150));
    let history = run.history::<Add, u64>().unwrap();
    assert_eq!(history.len(), place + 2);
    assert_eq!(history.operations()[place + 1].invoked_at, 150_000_000);
}

#[test]
fn a_history_is_of_the_clients_with_these_types() {
    let mut run = Run::new(&counters(1, Saves::Never, 2), Settings::simulated(1)).unwrap();
    let other = run.add_interactive(Address::client(2), Adder::new(SERVER)).unwrap();
    run.ask(&other, Add, secs(1)).unwrap();
    run.wait_for_clients(secs(1)).unwrap();
    let history = run.history::<Add, u64>().unwrap();
    assert_eq!(history.len(), 3);
    let responses = history.operations().iter().filter_map(|operation| operation.response());
    assert_eq!(responses.sum::<u64>(), 1 + 2 + 3);
    let failure = run.history::<KvCommand, KvResponse>().unwrap_err();
    insta::assert_snapshot!(failure.kind(), @"no client of this run has commands of type `clientserver::kvstore::KvCommand` and responses of type `clientserver::kvstore::KvResponse`; the clients have `Add` and `u64`, `Add` and `u64`");
}
