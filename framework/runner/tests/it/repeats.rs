//! The same seed is the same run, to the byte; another seed is another.

use std::thread;

use framework::Address;
use runner::{Action, Nemesis, Run, Schedule, Settings};

use crate::counter::{Saves, counters};
use crate::labs::{SERVER, key_value, ms, secs};

fn log(seed: u64) -> String {
    let servers = (1..=3).map(Address::server);
    let nemesis = Nemesis::new(servers).splits().crashes(1).clock_rates(0.9..=1.1).every(ms(50)..=ms(300));
    let settings = Settings::simulated(seed)
        .network(|network| network.unreliable())
        .schedule(nemesis.schedule(seed, secs(3)));
    let mut run = Run::new(&counters(3, Saves::AfterReply, 200), settings).unwrap();
    run.run_for(secs(4)).unwrap();
    run.trace().to_string()
}

#[test]
fn a_seed_is_one_run_on_any_thread() {
    let first = log(11);
    assert!(first.lines().count() > 1_000);
    let others: Vec<String> = thread::scope(|scope| {
        let threads: Vec<_> = (0..3).map(|_| scope.spawn(|| log(11))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(others.iter().all(|other| *other == first));
    assert_ne!(first, log(12));
}

/// The beginning of a run, written down: a change of it changes what every seed means, and belongs into the change log.
#[test]
fn a_seed_means_the_same_in_every_version() {
    let schedule = Schedule::new().at(ms(3), Action::Crash(SERVER)).at(ms(200), Action::Restart(SERVER));
    let settings = Settings::simulated(2).network(|network| network.unreliable()).schedule(schedule);
    let mut run = Run::new(&counters(1, Saves::BeforeReply, 2), settings).unwrap();
    run.wait_for_clients(secs(10)).unwrap();
    insta::assert_snapshot!(run.trace().to_string(), @r"
0.003000000s  -- crash server1
0.003000000s  server1 crashes
0.032686586s  client1's timer Retry(1) fires
0.058203087s  client1's timer Retry(1) fires
0.094696760s  client1's timer Retry(1) fires
0.124873434s  client1's timer Retry(1) fires
0.161788255s  client1's timer Retry(1) fires
0.186878290s  client1's timer Retry(1) fires
0.200000000s  -- restart server1
0.200000000s  server1 restarts
0.209992825s  client1's timer Retry(1) fires
0.211635481s  server1 receives Add { number: 1 } from client1
0.212891923s  client1 receives Count { number: 1, count: 1 } from server1
0.213613142s  client1 receives Count { number: 1, count: 1 } from server1
0.214832854s  server1 receives Add { number: 2 } from client1
0.216366249s  client1 receives Count { number: 2, count: 2 } from server1
");
}

/// Choices about one link do not depend on the others, so a fault less leaves the rest as it was.
#[test]
fn what_happens_on_one_link_does_not_depend_on_another() {
    let delivered = |clients| {
        let settings = Settings::simulated(6).network(|network| network.unreliable());
        let mut run =
            Run::new(&key_value(clients, &clientserver::append_different_key_workload(20)), settings)
                .unwrap();
        run.wait_for_clients(secs(60)).unwrap();
        let of_first = |text: &str| text.contains("client1") && !text.contains("--");
        run.trace().to_string().lines().filter(|line| of_first(line)).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(delivered(1), delivered(4)[..delivered(1).len()]);
}

#[test]
fn a_trace_keeps_as_many_events_as_it_may() {
    let mut settings = Settings::simulated(1);
    settings.trace_events_max = 10;
    let mut run = Run::new(&counters(2, Saves::Never, 50), settings).unwrap();
    run.run_for(secs(1)).unwrap();
    let trace = run.trace();
    assert_eq!(trace.len(), 10);
    assert_eq!(trace.left_out + 10, run.events_handled());
    let text = trace.to_string();
    assert!(text.contains("-- the trace ends here: it keeps 10 events"), "{text}");
    assert!(text.contains(&format!("… and {} more events, which were not kept", trace.left_out)), "{text}");
}
