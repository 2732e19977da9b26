//! Exact state counts that other checkers found for the same systems: DSLabs 49c4a1f, TLC, Stateright.

use framework::{Address, Lab, LabOptions, System, predicate};
use search::{Budget, Results, Settings, State, Verdict};
use serde_json::Value;

/// The rows that DSLabs counted, each with its options and the new states of every depth.
const ROWS: &str = include_str!("dslabs-counts.json");

fn search(system: &System, settings: &Settings) -> Results {
    search::bfs(&State::initial(system).unwrap(), settings)
}

fn pingpong(clients: u64, pings: u64) -> System {
    let options = LabOptions {
        clients: Some(u16::try_from(clients).unwrap()),
        own: [("pings".to_owned(), pings.to_string())].into(),
        ..LabOptions::default()
    };
    pingpong::PingPong.scenario(&options).unwrap().system
}

fn of_row(row: &Value) -> (System, Settings) {
    let number = |key: &str| row[key].as_u64().unwrap();
    let small = |key: &str| u16::try_from(number(key)).unwrap();
    let max_depth = row["max_depth"].as_u64().map(|depth| u32::try_from(depth).unwrap());
    let mut settings = Settings { max_depth, ..Settings::default() };
    let system = match row["system"].as_str().unwrap() {
        "pingpong" => {
            settings.delivery.timers(row["timers"].as_bool().unwrap());
            if row["prune_clients_done"].as_bool().unwrap() {
                settings.prunes.push(predicate::clients_done());
            }
            pingpong(number("clients"), number("pings"))
        }
        "single_decree_paxos" => {
            let values: Vec<&str> =
                row["values"].as_array().unwrap().iter().map(|v| v.as_str().unwrap()).collect();
            models::paxos::system(&values, small("acceptors"))
        }
        "timer_ring" => models::timer_ring::system(small("nodes"), u32::try_from(number("limit")).unwrap()),
        other => panic!("unknown system {other}"),
    };
    (system, settings)
}

#[test]
fn counts_what_dslabs_counts_at_every_depth_with_any_number_of_threads() {
    let rows: Vec<Value> = serde_json::from_str(ROWS).unwrap();
    assert_eq!(rows.len(), 27);
    for row in &rows {
        let (system, settings) = of_row(row);
        let mut levels: Vec<u64> =
            row["new_per_depth"].as_array().unwrap().iter().map(|v| v.as_u64().unwrap()).collect();
        // DSLabs writes the level in which it found nothing more.
        if levels.last() == Some(&0) {
            levels.pop();
        }
        let mut digests = Vec::new();
        for (threads, commutation) in [(1, true), (1, false), (2, true), (3, true), (8, true), (8, false)] {
            let settings = Settings { threads: Some(threads), commutation, ..settings.clone() };
            let results = search(&system, &settings);
            let context = format!("{row} with {threads} threads");
            assert_eq!(results.stats.levels, levels, "{context}");
            assert_eq!(results.stats.states, row["distinct"].as_u64().unwrap(), "{context}");
            let expected = match settings.max_depth {
                Some(_) => Verdict::BudgetSpent(Budget::Depth),
                None => Verdict::Exhausted,
            };
            assert_eq!(results.verdict, expected, "{context}");
            digests.push(results.stats.digests);
        }
        assert!(digests.windows(2).all(|pair| pair[0] == pair[1]), "{row}");
    }
}

#[test]
fn pruned_states_are_counted_as_dslabs_counts_them() {
    let rows: Vec<Value> = serde_json::from_str(ROWS).unwrap();
    for row in rows.iter().filter(|row| row["prune_clients_done"] == true) {
        let (system, settings) = of_row(row);
        let results = search(&system, &settings);
        assert_eq!(results.coverage.prunes[0].1, row["pruned"].as_u64().unwrap(), "{row}");
        assert!(results.coverage.commutation.starts_with("off"), "{row}");
    }
}

#[test]
fn pingpong_has_the_closed_form() {
    for (clients, pings) in [(1, 4), (2, 3), (3, 2), (4, 3)] {
        let system = pingpong(clients, pings);
        let power = |base: u64, exponent: u64| base.pow(u32::try_from(exponent).unwrap());
        assert_eq!(search(&system, &Settings::default()).stats.states, power(pings + 1, 2 * clients));
        let no_timers = Settings::default().with_delivery(|delivery| {
            delivery.timers(false);
        });
        assert_eq!(search(&system, &no_timers).stats.states, power(2 * pings + 1, clients));
    }
}

#[test]
fn two_phase_commit_has_the_states_that_tlc_and_stateright_find() {
    for (managers, states) in [(3, 288), (5, 8_832), (6, 50_816), (7, 296_448), (8, 1_745_408)] {
        let settings = Settings::default().invariant(models::two_phase_commit::consistent());
        let results = search(&models::two_phase_commit::system(managers), &settings);
        assert_eq!((results.stats.states, results.verdict), (states, Verdict::Exhausted));
    }
}

#[test]
fn no_message_passes_a_network_that_is_off() {
    let settings = Settings::default().with_delivery(|delivery| {
        delivery.network(false);
    });
    let results = search(&pingpong(1, 1), &settings);
    // The client's timer fires and is set again: nothing changes.
    assert_eq!(results.stats.levels, [1]);
    let only_requests = Settings::default().with_delivery(|delivery| {
        delivery.receiver(Address::client(1), false);
    });
    let results = search(&pingpong(1, 1), &only_requests);
    assert_eq!(results.stats.levels, [1, 1]);
    assert_eq!(results.coverage.never_delivered, ["PongReply from server1 to client1"]);
}
