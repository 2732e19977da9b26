//! The command line of `cargo lab search <lab>`: the options that all labs have, and those of the lab.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use framework::{Lab, LabOption, LabOptions};

use crate::exit_code::ExitCode;
use crate::switches::{self, LinkSwitch, NodeSwitch, Partition, Switches};
use crate::{amount, shell, show};

/// How deep a random probe goes unless the user says so.
pub(crate) const RANDOM_DEPTH: u32 = 1000;
/// How many random probes there are unless the user sets another limit.
pub(crate) const RANDOM_PROBES: u64 = 1000;

/// What the user asked for.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) lab: LabOptions,
    pub(crate) strategy: Strategy,
    pub(crate) max_depth: Option<u32>,
    pub(crate) max_states: Option<u64>,
    pub(crate) max_time: Option<Duration>,
    pub(crate) max_memory: Option<u64>,
    pub(crate) threads: Option<usize>,
    pub(crate) until_goal: bool,
    pub(crate) prune_done: bool,
    pub(crate) minimize: bool,
    pub(crate) stuck: bool,
    pub(crate) can_finish: bool,
    pub(crate) switches: Switches,
    pub(crate) json: bool,
    pub(crate) trace: Option<PathBuf>,
    /// The command line again, without the options that only say where the output goes.
    pub(crate) command: String,
    /// What was assumed, for the user to know.
    pub(crate) notes: Vec<String>,
}

/// How the search walks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Strategy {
    /// Breadth first: all states.
    Bfs,
    /// Random probes, depth first.
    Random {
        /// How many.
        probes: Option<u64>,
    },
}

impl Strategy {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Bfs => "bfs",
            Self::Random { .. } => "random",
        }
    }
}

/// Parses what follows `cargo lab search <lab>`, or another verb. An error may also be a request for help.
pub(crate) fn parse(lab: &dyn Lab, verb: &'static str, args: &[OsString]) -> Result<Request, clap::Error> {
    let own = lab.options();
    let name = lab.name();
    let command = with_common_options(Command::new(verb)).bin_name(format!("cargo lab {verb} {name}"));
    let mut command = with_own_options(command.no_binary_name(true).about(lab.about()), &own);
    let matches = command.clone().try_get_matches_from(args)?;
    request(&format!("cargo lab {verb} {name}"), &own, &matches, args)
        .map_err(|message| command.error(clap::error::ErrorKind::ArgumentConflict, message))
}

/// What is asked of `explore`: which system, and what may happen in it.
pub(crate) struct Explored {
    pub(crate) lab: LabOptions,
    pub(crate) switches: Switches,
    /// The command line again, without the options that only say how it looks.
    pub(crate) command: String,
}

/// The command line of `cargo lab explore <lab>`, after that.
pub(crate) fn explore_command(lab: &dyn Lab) -> Command {
    let name = lab.name();
    let command = with_explore_options(Command::new("explore").bin_name(format!("cargo lab explore {name}")));
    with_own_options(command.no_binary_name(true).about(lab.about()), &lab.options())
}

/// The options of `explore` that all labs have.
pub(crate) fn with_explore_options(command: Command) -> Command {
    show::with_view_options(with_network_options(with_system_options(command.max_term_width(100))))
}

/// Parses what follows `cargo lab explore <lab>`.
pub(crate) fn parse_explore(lab: &dyn Lab, args: &[OsString]) -> Result<Explored, clap::Error> {
    let matches = explore_command(lab).try_get_matches_from(args)?;
    let command = shell::line(&format!("cargo lab explore {}", lab.name()), &without_view_options(args));
    Ok(Explored { lab: lab_options(&matches, &lab.options()), switches: switches(&matches), command })
}

/// The arguments without those that only say how the viewer looks and what it does first.
fn without_view_options(args: &[OsString]) -> Vec<String> {
    let mut kept = Vec::new();
    let mut args = args.iter().map(|arg| arg.to_string_lossy().into_owned());
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--plain" | "--ascii" | "--no-mouse" => {}
            "-c" | "--commands" | "--theme" | "--keys" => drop(args.next()),
            _ if ["-c", "--commands=", "--theme=", "--keys="].iter().any(|own| arg.starts_with(own)) => {}
            _ => kept.push(arg),
        }
    }
    kept
}

fn with_own_options(command: Command, own: &[LabOption]) -> Command {
    own.iter().fold(command, |command, option| {
        command.arg(
            Arg::new(option.name)
                .long(option.name)
                .value_name("VALUE")
                .allow_negative_numbers(true)
                .default_value(option.default)
                .help(option.help)
                .help_heading("System"),
        )
    })
}

/// The options that all labs have.
pub(crate) fn with_common_options(command: Command) -> Command {
    let command = command.after_help(ExitCode::table()).max_term_width(100);
    with_output_options(with_network_options(with_search_options(with_system_options(command))))
}

/// What system is built.
fn with_system_options(command: Command) -> Command {
    let system = |arg: Arg| arg.help_heading("System");
    let nodes = value_parser!(u16);
    command
        .arg(system(valued("servers", "N")).value_parser(nodes).help("How many servers"))
        .arg(system(valued("clients", "N")).value_parser(value_parser!(u16)).help("How many clients"))
        .arg(
            system(valued("workload", "COMMANDS"))
                .help("The commands of each client, in the lab's notation, such as `PUT:k:v,GET:k`"),
        )
        .arg(
            system(valued("seed", "N"))
                .value_parser(value_parser!(u64))
                .default_value("0")
                .help("Seed of random workloads and of random probes"),
        )
}

/// How it is searched.
fn with_search_options(command: Command) -> Command {
    let search = |arg: Arg| arg.help_heading("Search");
    command
        .arg(
            search(valued("strategy", "STRATEGY"))
                .value_parser(["bfs", "random"])
                .default_value("bfs")
                .help("Visit all states breadth first, or walk random probes"),
        )
        .arg(
            search(valued("max-depth", "N"))
                .value_parser(value_parser!(u32))
                .help("Check states up to this many events from the start"),
        )
        .arg(search(valued("max-states", "N")).value_parser(amount::count).help("End after this many states"))
        .arg(
            search(valued("max-time", "TIME"))
                .value_parser(amount::duration)
                .help("End after this time, such as `30s`"),
        )
        .arg(
            search(valued("max-memory", "SIZE"))
                .value_parser(amount::size)
                .help("End when this much memory is used, such as `4G`"),
        )
        .arg(
            search(valued("threads", "N"))
                .value_parser(amount::threads)
                .help("Threads to use; all cores unless given. Changes the time only"),
        )
        .arg(
            search(valued("probes", "N"))
                .value_parser(amount::count)
                .help("With `--strategy random`: how many probes"),
        )
        .arg(search(flag("until-goal")).help(
            "End at the first state that satisfies a goal of the lab; without it all states are visited",
        ))
        .arg(search(flag("stuck")).help(
            "Look for states in which nothing can change any more, and that satisfy no goal of the lab",
        ))
        .arg(
            search(flag("can-finish"))
                .help("Ask also whether each goal of the lab can be reached from every state"),
        )
        .arg(search(flag("prune-done")).help("Do not go on from states in which all clients are done"))
        .arg(search(flag("no-minimize")).help("Show a failing trace as it was found, not shortened"))
}

/// What may happen in it.
fn with_network_options(command: Command) -> Command {
    let network = |arg: Arg| arg.help_heading("Network and timers");
    let faults = |arg: Arg| arg.help_heading("Crashes");
    command
        .arg(network(flag("no-network")).help("Deliver no messages, but for those to oneself"))
        .arg(
            network(repeated("link", "FROM:TO=off")).value_parser(switches::link_switch).help(
                "Switch the messages from one node to another off (or on), such as `server1:server2=off`",
            ),
        )
        .arg(
            network(repeated("sender", "NODE=off"))
                .value_parser(switches::node_switch)
                .help("Switch the messages that a node sends off (or on)"),
        )
        .arg(
            network(repeated("receiver", "NODE=off"))
                .value_parser(switches::node_switch)
                .help("Switch the messages to a node off (or on)"),
        )
        .arg(
            network(valued("partition", "GROUPS"))
                .value_parser(switches::partition)
                .help("Deliver messages within groups only, such as `server1,server2|server3`"),
        )
        .arg(network(flag("no-timers")).help("Let no timer fire"))
        .arg(
            network(repeated("timers", "NODE=off"))
                .value_parser(switches::node_switch)
                .help("Switch the timers of a node off (or on)"),
        )
        .arg(
            faults(valued("crashes", "N"))
                .value_parser(value_parser!(u16))
                .default_value("0")
                .help("How many crashes there may be: what was persisted stays"),
        )
        .arg(
            faults(valued("restarts", "N"))
                .value_parser(value_parser!(u16))
                .help("How many restarts there may be; as many as crashes unless given"),
        )
        .arg(
            faults(repeated("crash", "NODE=off"))
                .value_parser(switches::node_switch)
                .help("Keep a node from crashing, or let a client crash (`client1=on`)"),
        )
}

/// Where the answer goes.
fn with_output_options(command: Command) -> Command {
    let output = |arg: Arg| arg.help_heading("Output");
    command.arg(output(flag("json")).help("Print one JSON object and nothing else")).arg(
        output(valued("trace", "FILE"))
            .value_parser(value_parser!(PathBuf))
            .help("Where to save the trace; failing ones go to `target/traces/` otherwise"),
    )
}

fn valued(name: &'static str, value: &'static str) -> Arg {
    Arg::new(name).long(name).value_name(value).allow_negative_numbers(true)
}

fn flag(name: &'static str) -> Arg {
    Arg::new(name).long(name).action(ArgAction::SetTrue)
}

fn repeated(name: &'static str, value: &'static str) -> Arg {
    valued(name, value).action(ArgAction::Append)
}

fn request(
    command: &str,
    own: &[LabOption],
    matches: &ArgMatches,
    args: &[OsString],
) -> Result<Request, String> {
    let mut notes = Vec::new();
    let mut max_depth = matches.get_one::<u32>("max-depth").copied();
    let max_states = matches.get_one::<u64>("max-states").copied();
    let max_time = matches.get_one::<Duration>("max-time").copied();
    let mut probes = matches.get_one::<u64>("probes").copied();
    let random = matches.get_one::<String>("strategy").is_some_and(|word| word == "random");
    if random {
        let mut assumed = Vec::new();
        if max_depth.is_none() {
            max_depth = Some(RANDOM_DEPTH);
            assumed.push(format!("--max-depth {RANDOM_DEPTH}"));
        }
        if probes.is_none() && max_states.is_none() && max_time.is_none() {
            probes = Some(RANDOM_PROBES);
            assumed.push(format!("--probes {RANDOM_PROBES}"));
        }
        if !assumed.is_empty() {
            notes.push(format!("a random search needs a limit, assumed `{}`", assumed.join(" ")));
        }
    } else if probes.is_some() {
        return Err("`--probes` counts random probes; it needs `--strategy random`".to_owned());
    }
    Ok(Request {
        lab: lab_options(matches, own),
        strategy: if random { Strategy::Random { probes } } else { Strategy::Bfs },
        max_depth,
        max_states,
        max_time,
        max_memory: matches.get_one("max-memory").copied(),
        threads: matches.get_one("threads").copied(),
        until_goal: matches.get_flag("until-goal"),
        prune_done: matches.get_flag("prune-done"),
        minimize: !matches.get_flag("no-minimize"),
        stuck: matches.get_flag("stuck"),
        can_finish: matches.get_flag("can-finish"),
        switches: switches(matches),
        json: matches.get_flag("json"),
        trace: matches.get_one("trace").cloned(),
        command: shell::line(command, &without_output_options(args)),
        notes,
    })
}

fn lab_options(matches: &ArgMatches, own: &[LabOption]) -> LabOptions {
    LabOptions {
        servers: matches.get_one("servers").copied(),
        clients: matches.get_one("clients").copied(),
        workload: matches.get_one("workload").cloned(),
        seed: matches.get_one("seed").copied().unwrap_or_default(),
        own: own
            .iter()
            .filter_map(|option| {
                Some((option.name.to_owned(), matches.get_one::<String>(option.name)?.clone()))
            })
            .collect::<BTreeMap<_, _>>(),
    }
}

fn switches(matches: &ArgMatches) -> Switches {
    let node_switches = |name| matches.get_many::<NodeSwitch>(name).unwrap_or_default().copied().collect();
    Switches {
        partition: matches.get_one::<Partition>("partition").cloned(),
        links: matches.get_many::<LinkSwitch>("link").unwrap_or_default().copied().collect(),
        senders: node_switches("sender"),
        receivers: node_switches("receiver"),
        timers: node_switches("timers"),
        no_network: matches.get_flag("no-network"),
        no_timers: matches.get_flag("no-timers"),
        crashes: matches.get_one("crashes").copied().unwrap_or_default(),
        restarts: matches.get_one("restarts").copied(),
        crash: node_switches("crash"),
    }
}

/// The arguments without `--json` and `--trace`, which may name a private path.
fn without_output_options(args: &[OsString]) -> Vec<String> {
    let mut kept = Vec::new();
    let mut args = args.iter().map(|arg| arg.to_string_lossy().into_owned());
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--json" => {}
            "--trace" => drop(args.next()),
            _ if arg.starts_with("--trace=") => {}
            _ => kept.push(arg),
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use framework::Scenario;

    use super::*;

    struct Toy;

    impl Lab for Toy {
        fn name(&self) -> &'static str {
            "toy"
        }
        fn about(&self) -> &'static str {
            "A lab for tests"
        }
        fn options(&self) -> Vec<LabOption> {
            vec![LabOption { name: "pings", help: "How many pings", default: "2" }]
        }
        fn scenario(&self, _: &LabOptions) -> Result<Scenario, String> {
            Err("this lab builds nothing".to_owned())
        }
    }

    fn parsed(line: &str) -> Result<Request, clap::Error> {
        parse(&Toy, "search", &line.split_whitespace().map(OsString::from).collect::<Vec<_>>())
    }

    fn error(line: &str) -> String {
        parsed(line).unwrap_err().to_string()
    }

    #[test]
    fn the_definition_of_the_options_is_sound() {
        with_common_options(Command::new("search")).debug_assert();
    }

    #[test]
    fn nothing_given_means_everything_is_searched() {
        let request = parsed("").unwrap();
        assert_eq!(request.strategy, Strategy::Bfs);
        assert_eq!(request.lab.own("pings"), Ok(2_u32));
        assert_eq!(request.switches, Switches::default());
        assert!(request.minimize && !request.json && !request.until_goal && !request.prune_done);
        assert_eq!((request.max_depth, request.max_states, request.max_time), (None, None, None));
        assert_eq!(request.command, "cargo lab search toy");
        assert!(request.notes.is_empty());
    }

    #[test]
    fn every_option_arrives() {
        let request = parsed(
            "--servers 3 --clients 2 --pings 4 --workload PUT:k:v,GET:k --seed 7 --strategy bfs --max-depth 9 \
             --max-states 1_000 --max-time 30s --max-memory 4G --threads 2 --until-goal --prune-done --no-minimize \
             --no-network --link server1:server2=on --link server2:server1=on --sender server1=off \
             --receiver server1=off --partition server1|server2 --no-timers --timers server1=on --json --trace t.json",
        )
        .unwrap();
        assert_eq!((request.lab.servers, request.lab.clients, request.lab.seed), (Some(3), Some(2), 7));
        assert_eq!(request.lab.own("pings"), Ok(4_u32));
        assert_eq!(request.lab.commands().unwrap(), ["PUT:k:v", "GET:k"]);
        assert_eq!((request.max_depth, request.max_states), (Some(9), Some(1000)));
        assert_eq!(request.max_time, Some(Duration::from_secs(30)));
        assert_eq!((request.max_memory, request.threads), (Some(4 << 30), Some(2)));
        assert!(request.until_goal && request.prune_done && !request.minimize && request.json);
        assert!(request.switches.no_network && request.switches.no_timers);
        assert_eq!(request.switches.links.len(), 2);
        assert!(request.switches.partition.is_some());
        assert_eq!(request.trace, Some(PathBuf::from("t.json")));
    }

    #[test]
    fn the_command_to_repeat_says_nothing_of_the_output() {
        let args =
            ["--clients", "2", "--json", "--trace", "/home/ann/t.json", "--partition", "server1|server2"];
        let request = parse(&Toy, "search", &args.map(OsString::from)).unwrap();
        assert_eq!(request.command, "cargo lab search toy --clients 2 --partition 'server1|server2'");
    }

    #[test]
    fn a_random_search_gets_a_limit() {
        let request = parsed("--strategy random").unwrap();
        assert_eq!(request.strategy, Strategy::Random { probes: Some(1000) });
        assert_eq!(request.max_depth, Some(1000));
        insta::assert_snapshot!(request.notes.join("\n"), @"a random search needs a limit, assumed `--max-depth 1000 --probes 1000`");
        let request = parsed("--strategy random --max-depth 50 --max-time 2m").unwrap();
        assert_eq!(request.strategy, Strategy::Random { probes: None });
        assert!(request.notes.is_empty());
    }

    #[test]
    fn errors_name_the_thing_and_say_what_was_expected() {
        let lines = [
            "--pongs 3",
            "--strategy dfs",
            "--max-time 30",
            "--max-memory 4",
            "--max-states 0",
            "--threads 0",
            "--clients -1",
            "--link server1=off",
            "--timers off",
            "--probes 3",
            "stray",
        ];
        let errors: Vec<String> =
            lines.into_iter().map(|line| format!("$ {line}\n{}", error(line))).collect();
        insta::assert_snapshot!(errors.join("\n"));
    }

    #[test]
    fn help_shows_all_options_and_exit_codes() {
        insta::assert_snapshot!(error("--help"));
    }
}
