//! States a second, side by side: the search on one and two threads, Stateright and a naive engine, over the same nodes.
//!
//! `cargo bench -p search` prints a report in Markdown and writes nothing else; `-- raft paxos` runs the workloads whose
//! name contains one of the words; `-- --quick` runs small sizes in less than a minute. All engines must count the same
//! states. Invariants and all checks of the search are on, as they always are.
//!
//! Each workload has a size that all engines search and, where that is small, a larger one for the search alone. Memory
//! is touched before it is measured: the first touch of a page can cost more than the search. All engines have the same
//! allocator, told to keep what is freed; a run of the search to warm up comes before those that count, of which the
//! median is taken. The searches on one and on two threads alternate, so that a busy machine slows both.
//!
//! This is a plain program with a clock: criterion repeats short functions many times, and here one run of an engine
//! takes seconds and what matters is a ratio.

use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use framework::predicate::results_ok;
use framework::{Lab, LabOptions, Predicate, System};
use mimalloc::MiMalloc;
use search::{Budget, Settings, State, Stats, Verdict};

mod peers;

use peers::world::SharedNodes;
use peers::{naive, stateright_model};

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// Read by the allocator when the program starts; -1 keeps freed memory.
const KEEP_MEMORY: &str = "MIMALLOC_PURGE_DELAY";

/// Asks this program to run one case in a fresh process and to print its peak of resident memory.
const RESIDENT: &str = "--resident";

/// Runs that take longer are not repeated.
const LONG: Duration = Duration::from_secs(10);

/// One size of one workload.
struct Case {
    workload: &'static str,
    size: String,
    system: System,
    invariants: Vec<Predicate>,
    max_depth: Option<u32>,
    states: u64,
    /// Whether the peers search it, too.
    compared: bool,
    targets: &'static [Target],
    /// Crashes and monitors.
    more: Settings,
}

/// What a case is to show.
#[derive(Clone, Copy)]
enum Target {
    /// At least so many times the rate of Stateright, on one thread.
    TimesStateright(f64),
    /// At least so many times the rate of the naive engine, on one thread.
    TimesNaive(f64),
    /// Two threads are at least so many times as fast as one.
    SpeedUp(f64),
    /// At most so many bytes for a state.
    Bytes(f64),
    /// At least so many million states a second, on one thread.
    Million(f64),
}

/// What was measured of a case.
struct Measured {
    /// The share of the time on one thread in which the search waited for a core, if the system says.
    waited: Option<f64>,
    one_thread: f64,
    two_threads: f64,
    stateright: Option<f64>,
    naive: Option<f64>,
    stats: Stats,
    resident: Option<f64>,
}

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    let has = |flag: &str| args.iter().any(|arg| arg == flag);
    // Whoever runs all targets of the package as tests wants to know that it works.
    let quick = has("--quick") || !has("--bench");
    if has("--list") {
        return ExitCode::SUCCESS;
    }
    if has(RESIDENT) {
        let number: usize = args.last().and_then(|arg| arg.parse().ok()).expect("the number of a case");
        print_resident(&cases(quick)[number]);
        return ExitCode::SUCCESS;
    }
    if let Some(unknown) =
        args.iter().find(|arg| arg.starts_with("--") && *arg != "--bench" && *arg != "--quick")
    {
        say(&format!("unknown option `{unknown}`: there is `--quick`, and words that select workloads"));
        return ExitCode::FAILURE;
    }
    if env::var_os(KEEP_MEMORY).is_none() {
        let status = this_program().args(&args).env(KEEP_MEMORY, "-1").status();
        let success = status.expect("this program starts once more").success();
        return if success { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    }
    let words: Vec<&String> = args.iter().filter(|arg| !arg.starts_with("--")).collect();
    let selected = |case: &Case| words.is_empty() || words.iter().any(|word| case.workload.contains(*word));
    run(cases(quick), quick, selected);
    ExitCode::SUCCESS
}

/// Every case; those of a quick run are small.
fn cases(quick: bool) -> Vec<Case> {
    if quick {
        return vec![
            pingpong(4, 3, 65_536, true, &[]),
            paxos(9, 49_082, true, &[]),
            raft("raft, 1 client", (1, 1, 2), 8, 30_359, true, &[]),
            raft("raft, 2 clients", (2, 2, 3), 7, 17_975, true, &[]),
            two_phase_commit(6, 50_816, true),
            delivery_log(2, None, 9_573, true, &[]),
            flood(20, 10_648, &[]),
            crashes(6, 8_161, &[]),
            monitored(3, 1_987, &[]),
        ];
    }
    const FAST: &[Target] = &[Target::TimesStateright(60.0)];
    const NEVER_SLOWER: &[Target] = &[Target::TimesNaive(1.0)];
    const MILLION: &[Target] = &[Target::Million(1.0)];
    const LARGE: &[Target] = &[Target::SpeedUp(1.5), Target::Bytes(40.0)];
    vec![
        pingpong(5, 3, 1_048_576, true, FAST),
        pingpong(6, 3, 16_777_216, false, &[]),
        paxos(11, 443_829, true, FAST),
        paxos(13, 3_911_834, false, &[]),
        raft("raft, 1 client", (1, 1, 2), 11, 688_078, true, FAST),
        raft("raft, 1 client", (1, 1, 2), 15, 21_671_588, false, LARGE),
        raft("raft, 2 clients", (2, 2, 3), 9, 272_240, true, FAST),
        raft("raft, 2 clients", (2, 2, 3), 12, 13_603_886, false, LARGE),
        two_phase_commit(7, 296_448, true),
        two_phase_commit(9, 10_340_352, false),
        delivery_log(3, Some(14), 405_518, true, NEVER_SLOWER),
        delivery_log(3, None, 9_510_278, false, &[]),
        flood(50, 140_608, NEVER_SLOWER),
        crashes(9, 553_504, MILLION),
        monitored(8, 5_368_529, MILLION),
    ]
}

fn pingpong(clients: u16, pings: u32, states: u64, compared: bool, targets: &'static [Target]) -> Case {
    let options = LabOptions {
        clients: Some(clients),
        own: [("pings".to_owned(), pings.to_string())].into(),
        ..LabOptions::default()
    };
    let scenario = pingpong::PingPong.scenario(&options).expect("the options make sense");
    Case {
        workload: "pingpong",
        size: format!("{clients} clients, {pings} pings"),
        system: scenario.system,
        invariants: scenario.invariants,
        max_depth: None,
        states,
        compared,
        targets,
        more: Settings::default(),
    }
}

fn paxos(depth: u32, states: u64, compared: bool, targets: &'static [Target]) -> Case {
    let values = ["a", "b"];
    Case {
        workload: "paxos",
        size: format!("2 proposers, 3 acceptors, depth {depth}"),
        system: models::paxos::system(&values, 3),
        invariants: vec![models::paxos::agreement(), models::paxos::validity(&values)],
        max_depth: Some(depth),
        states,
        compared,
        targets,
        more: Settings::default(),
    }
}

fn raft(
    workload: &'static str,
    (clients, commands, max_term): (u16, usize, u64),
    depth: u32,
    states: u64,
    compared: bool,
    targets: &'static [Target],
) -> Case {
    use models::raft::{election_safety, log_matching, state_machine_safety, system};
    Case {
        workload,
        size: format!("3 servers, {commands} per client, term {max_term}, depth {depth}"),
        system: system(3, clients, commands, max_term),
        invariants: vec![election_safety(), log_matching(), state_machine_safety(), results_ok()],
        max_depth: Some(depth),
        states,
        compared,
        targets,
        more: Settings::default(),
    }
}

fn two_phase_commit(managers: u16, states: u64, compared: bool) -> Case {
    Case {
        workload: "two-phase commit",
        size: format!("{managers} resource managers"),
        system: models::two_phase_commit::system(managers),
        invariants: vec![models::two_phase_commit::consistent()],
        max_depth: None,
        states,
        compared,
        targets: &[],
        more: Settings::default(),
    }
}

fn delivery_log(
    senders: u16,
    max_depth: Option<u32>,
    states: u64,
    compared: bool,
    targets: &'static [Target],
) -> Case {
    let depth = max_depth.map_or_else(String::new, |depth| format!(", depth {depth}"));
    Case {
        workload: "delivery log",
        size: format!("{senders} senders of 3{depth}"),
        system: models::adversarial::delivery_log(senders, 3),
        invariants: vec![models::adversarial::logged_once()],
        max_depth,
        states,
        compared,
        targets,
        more: Settings::default(),
    }
}

fn flood(messages: u32, states: u64, targets: &'static [Target]) -> Case {
    Case {
        workload: "flood",
        size: format!("3 senders of {messages}"),
        system: models::adversarial::flood(3, messages),
        invariants: vec![models::adversarial::counted_once()],
        max_depth: None,
        states,
        compared: true,
        targets,
        more: Settings::default(),
    }
}

/// The Raft of the lab, which saves what it promises, with one crash of any server, and one restart.
fn crashes(depth: u32, states: u64, targets: &'static [Target]) -> Case {
    let own = raft_lab::Raft.options().into_iter();
    let own = own.map(|option| (option.name.to_owned(), option.default.to_owned())).collect();
    let scenario = raft_lab::Raft.scenario(&LabOptions { own, ..LabOptions::default() });
    let scenario = scenario.expect("the options make sense");
    Case {
        workload: "raft, 1 crash, 1 restart",
        size: format!("3 servers, 1 client, depth {depth}"),
        system: scenario.system,
        invariants: scenario.invariants,
        max_depth: Some(depth),
        states,
        compared: false,
        targets,
        more: Settings::default().crashes(1).restarts(1),
    }
}

/// Two clients of one store, whose results a monitor checks to be linearizable.
fn monitored(commands: usize, states: u64, targets: &'static [Target]) -> Case {
    let workload = ["APPEND:k:%a", "GET:k"].iter().cycle().take(commands).copied().collect::<Vec<_>>();
    let options =
        LabOptions { clients: Some(2), workload: Some(workload.join(",")), ..LabOptions::default() };
    let scenario = clientserver::ClientServer.scenario(&options).expect("the options make sense");
    Case {
        workload: "2 clients, monitored",
        size: format!("{commands} commands each"),
        system: scenario.system,
        invariants: scenario.invariants,
        max_depth: None,
        states,
        compared: false,
        targets,
        more: Settings { monitors: scenario.monitors, ..Settings::default() },
    }
}

/// Measures the selected cases and prints the report.
fn run(cases: Vec<Case>, quick: bool, selected: impl Fn(&Case) -> bool) {
    touch_memory(if quick { 256 << 20 } else { 6 << 30 });
    let threads = thread::available_parallelism().map_or(1, std::num::NonZero::get);
    say(&format!("# States per second{}\n", if quick { ", quick run" } else { "" }));
    say(&format!(
        "{threads} hardware threads. Rates are different states a second; M is a million, K a thousand.\n"
    ));
    say(
        "| workload | size | states | 1 thread | 2 threads | speed-up | Stateright | naive | × Stateright | × naive | handler calls per state | bytes per state, accounted | resident | memo hits | waited |",
    );
    say("|---|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|");
    let mut judged = Vec::new();
    for (number, case) in cases.iter().enumerate().filter(|(_, case)| selected(case)) {
        let measured = measure(case, number, quick);
        say(&row(case, &measured));
        judged.extend(case.targets.iter().map(|target| judge(case, *target, &measured)));
    }
    if !judged.is_empty() {
        say("\n| target | workload | size | measured | |");
        say("|---|---|---|--:|---|");
        judged.iter().for_each(|line| say(line));
    }
    say(
        "\n`× …` is the rate of the search on one thread by that of the other engine on one thread. Accounted bytes are those of records, tables and components when the search ends; resident ones are the peak of a fresh process that searches on one thread, frontier and allocator included. Waited is the time in which a thread of the process was ready and had no core, as a share of the time of the searches on one thread: above a few percent the machine was busy with something else, and the rates say little. Stateright does not evaluate the invariants in the last level of a search with a depth limit; the others do.",
    );
}

fn measure(case: &Case, number: usize, quick: bool) -> Measured {
    // The one with more buffers comes first, and does not count.
    search(case, 2);
    let (mut one, mut two) = (Vec::new(), Vec::new());
    let mut stats = Stats::default();
    let mut waited = Some(0.0);
    for _ in 0..3 {
        let waited_before = waited_for_core();
        let (elapsed, found) = search(case, 1);
        let waited_now = waited_before.zip(waited_for_core()).map(|(before, now)| now.saturating_sub(before));
        waited = waited.zip(waited_now).map(|(sum, now)| sum + now.as_secs_f64());
        one.push(elapsed);
        two.push(search(case, 2).0);
        stats = found;
        if elapsed > LONG {
            break;
        }
    }
    let peer = |count: &dyn Fn(SharedNodes) -> u64| {
        case.compared.then(|| {
            let mut elapsed = Vec::new();
            while elapsed.is_empty() || elapsed.len() < 3 && elapsed[0] < LONG / 10 {
                let model = SharedNodes::new(&case.system, &case.invariants);
                let begun = Instant::now();
                let states = count(model);
                elapsed.push(begun.elapsed());
                assert_eq!(states, case.states, "{}, {}: a peer", case.workload, case.size);
            }
            rate(case, elapsed)
        })
    };
    let on_one_thread: f64 = one.iter().map(Duration::as_secs_f64).sum();
    Measured {
        waited: waited.map(|waited| waited / on_one_thread),
        one_thread: rate(case, one),
        two_threads: rate(case, two),
        stateright: peer(&|model| stateright_model::count_states(model, case.max_depth)),
        naive: peer(&|model| naive::count_states(&model, case.max_depth)),
        stats,
        resident: resident(number, quick),
    }
}

/// Searches with invariants and all checks.
fn search(case: &Case, threads: usize) -> (Duration, Stats) {
    let start = State::initial(&case.system).expect("the nodes start");
    let settings = Settings {
        invariants: case.invariants.clone(),
        max_depth: case.max_depth,
        threads: Some(threads),
        ..case.more.clone()
    };
    let begun = Instant::now();
    let results = search::bfs(&start, &settings);
    let elapsed = begun.elapsed();
    let expected = match case.max_depth {
        Some(_) => Verdict::BudgetSpent(Budget::Depth),
        None => Verdict::Exhausted,
    };
    let name = format!("{}, {}, {threads} threads", case.workload, case.size);
    assert_eq!(results.verdict, expected, "{name}");
    assert_eq!(results.stats.states, case.states, "{name}");
    (elapsed, results.stats)
}

/// States a second in the median of some runs.
fn rate(case: &Case, mut elapsed: Vec<Duration>) -> f64 {
    elapsed.sort_unstable();
    case.states as f64 / elapsed[elapsed.len() / 2].as_secs_f64()
}

fn row(case: &Case, measured: &Measured) -> String {
    let optional = |value: Option<f64>, text: &dyn Fn(f64) -> String| value.map_or("–".to_owned(), text);
    let times = |peer: Option<f64>| {
        optional(peer.map(|peer| measured.one_thread / peer), &|times| format!("{times:.1}"))
    };
    let cells = [
        case.workload.to_owned(),
        case.size.clone(),
        grouped(case.states),
        short(measured.one_thread),
        short(measured.two_threads),
        format!("{:.2}", measured.two_threads / measured.one_thread),
        optional(measured.stateright, &short),
        optional(measured.naive, &short),
        times(measured.stateright),
        times(measured.naive),
        format!("{:.5}", measured.stats.handler_calls as f64 / case.states as f64),
        format!("{:.1}", measured.stats.bytes_per_state()),
        optional(measured.resident, &|bytes| format!("{bytes:.1}")),
        format!("{:.3} %", measured.stats.memo_hit_rate() * 100.0),
        optional(measured.waited, &|share| format!("{:.0} %", share * 100.0)),
    ];
    format!("| {} |", cells.join(" | "))
}

fn judge(case: &Case, target: Target, measured: &Measured) -> String {
    let one = measured.one_thread;
    let by = |peer: Option<f64>| one / peer.expect("a case with this target is compared");
    let (what, found, wanted, unit, at_least) = match target {
        Target::TimesStateright(least) => {
            ("Stateright on 1 thread", by(measured.stateright), least, "×", true)
        }
        Target::TimesNaive(least) => ("the naive engine on 1 thread", by(measured.naive), least, "×", true),
        Target::SpeedUp(least) => ("1 thread on 2 threads", measured.two_threads / one, least, "×", true),
        Target::Million(least) => ("states a second on 1 thread", one / 1e6, least, " M", true),
        Target::Bytes(most) => {
            let accounted = measured.stats.bytes_per_state();
            ("a state, all in", measured.resident.unwrap_or(accounted), most, " bytes", false)
        }
    };
    let met = if at_least { found >= wanted } else { found <= wanted };
    let off = (found / wanted - 1.0).abs() * 100.0;
    let verdict = if met { "met".to_owned() } else { format!("**missed by {off:.0} %**") };
    let bound = if at_least { "at least" } else { "at most" };
    format!(
        "| {bound} {wanted}{unit} {what} | {} | {} | {found:.2}{unit} | {verdict} |",
        case.workload, case.size
    )
}

/// Three digits of a rate.
fn short(rate: f64) -> String {
    match rate {
        1e7.. => format!("{:.1} M", rate / 1e6),
        1e6.. => format!("{:.2} M", rate / 1e6),
        1e4.. => format!("{:.0} K", rate / 1e3),
        _ => format!("{:.1} K", rate / 1e3),
    }
}

/// A number with a comma between the thousands.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Lets the allocator have memory that the system has already given, for everybody.
fn touch_memory(bytes: usize) {
    const PIECE: usize = 8 << 20;
    let pieces: Vec<Vec<u8>> = (0..bytes / PIECE).map(|_| vec![1; PIECE]).collect();
    std::hint::black_box(pieces);
}

/// The bytes for each state that a case takes at most in a fresh process, where the system says.
fn resident(number: usize, quick: bool) -> Option<f64> {
    let size = if quick { "--quick" } else { "--bench" };
    let output = this_program()
        .args([size, "--bench", RESIDENT, &number.to_string()])
        .env_remove(KEEP_MEMORY)
        .output()
        .expect("this program starts once more");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().parse().ok()
}

fn print_resident(case: &Case) {
    let before = peak_bytes();
    search(case, 1);
    if let (Some(before), Some(after)) = (before, peak_bytes()) {
        say(&format!("{}", (after - before) as f64 / case.states as f64));
    }
}

/// How long the threads of this process were ready and had no core, if the system says.
fn waited_for_core() -> Option<Duration> {
    let mut nanos = 0;
    for thread in fs::read_dir("/proc/self/task").ok()? {
        // A thread may end meanwhile.
        let Ok(times) = fs::read_to_string(thread.ok()?.path().join("schedstat")) else { continue };
        nanos += times.split_whitespace().nth(1)?.parse::<u64>().ok()?;
    }
    Some(Duration::from_nanos(nanos))
}

/// The most memory this process ever had, if the system says.
fn peak_bytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse::<u64>().ok().map(|kib| kib * 1024)
}

fn this_program() -> Command {
    Command::new(env::current_exe().expect("this program knows where it is"))
}

fn say(line: &str) {
    #[expect(clippy::print_stdout, reason = "the report is what a benchmark is for")]
    {
        println!("{line}");
    }
}
