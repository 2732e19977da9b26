//! Stateright and a naive engine count the same states over the same nodes.

use framework::predicate::results_ok;
use framework::{Lab, LabOptions, Predicate, System};
use search::{Settings, State};

#[path = "../../benches/peers/mod.rs"]
mod peers;

use peers::world::SharedNodes;
use peers::{naive, stateright_model};

fn assert_same_count(name: &str, system: &System, invariants: &[Predicate], max_depth: Option<u32>) {
    let settings = Settings { invariants: invariants.to_vec(), max_depth, ..Settings::default() };
    let results = search::bfs(&State::initial(system).expect("the nodes start"), &settings);
    assert!(results.trace.is_none(), "{name}: {}", results.verdict);
    let model = || SharedNodes::new(system, invariants);
    assert_eq!(
        stateright_model::count_states(model(), max_depth),
        results.stats.states,
        "{name}, Stateright"
    );
    assert_eq!(naive::count_states(&model(), max_depth), results.stats.states, "{name}, naive");
}

#[test]
fn on_pingpong() {
    for (clients, pings) in [(1, 1), (2, 3), (3, 2)] {
        let options = LabOptions {
            clients: Some(clients),
            own: [("pings".to_owned(), pings.to_string())].into(),
            ..LabOptions::default()
        };
        let system = pingpong::PingPong.scenario(&options).unwrap().system;
        assert_same_count("pingpong", &system, &[results_ok()], None);
        assert_same_count("pingpong to depth 5", &system, &[results_ok()], Some(5));
    }
}

#[test]
fn on_paxos() {
    let values = ["a", "b"];
    let invariants = [models::paxos::agreement(), models::paxos::validity(&values)];
    assert_same_count("paxos", &models::paxos::system(&values, 3), &invariants, Some(8));
}

#[test]
fn on_raft() {
    use models::raft;
    let invariants =
        [raft::election_safety(), raft::log_matching(), raft::state_machine_safety(), results_ok()];
    assert_same_count("raft", &raft::system(3, 1, 1, 2), &invariants, Some(7));
    assert_same_count("raft, 2 clients", &raft::system(3, 2, 2, 3), &invariants, Some(6));
}

#[test]
fn on_two_phase_commit() {
    let invariants = [models::two_phase_commit::consistent()];
    assert_same_count("two-phase commit", &models::two_phase_commit::system(5), &invariants, None);
}

#[test]
fn on_timers() {
    let invariants = [models::timer_ring::ticks_are_true()];
    assert_same_count("timer ring", &models::timer_ring::system(2, 2), &invariants, None);
}

#[test]
fn on_states_that_never_repeat() {
    use models::adversarial::{counted_once, delivery_log, flood, logged_once};
    assert_same_count("delivery log", &delivery_log(2, 3), &[logged_once()], None);
    assert_same_count("flood", &flood(2, 8), &[counted_once()], None);
}
