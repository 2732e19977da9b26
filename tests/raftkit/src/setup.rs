//! Groups of servers of a design, with clients, and what must hold in every state of them.

use clientserver::KvWorkload;
use framework::{Address, System, View};
use raft::predicates::{Group, durable_state_is_current, logs_are_compacted, snapshot_is_persisted};
use raft::{Design, Options, add_servers, system};
use runner::{Run, Settings};
use search::State;
use testkit::{Aimless, Failed, RunTest, SearchTest, Stage};

use crate::run::leaders;

/// A system of a design, and its servers as the predicates know them.
pub struct Setup<D: Design> {
    /// `server1` to `serverN`, `client1` to `clientM`.
    pub system: System,
    /// The servers.
    pub group: Group<D::Server>,
    /// The clients with what they do.
    pub clients: Vec<(Address, KvWorkload)>,
}

impl<D: Design + Default> Setup<D> {
    /// So many servers, and a client for each workload.
    ///
    /// # Errors
    ///
    /// When there are more nodes than addresses.
    pub fn new(servers: u16, workloads: impl IntoIterator<Item = KvWorkload>) -> Result<Self, Failed> {
        let clients: Vec<_> = (1..).map(Address::client).zip(workloads).collect();
        let system = system(&D::default(), servers, clients.clone())?;
        let group = Group::of(&system);
        Ok(Self { system, group, clients })
    }

    /// So many servers with these options, and a client for each workload.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new).
    pub fn with_options(
        servers: u16,
        options: &Options,
        workloads: impl IntoIterator<Item = KvWorkload>,
    ) -> Result<Self, Failed> {
        let clients: Vec<_> = (1..).map(Address::client).zip(workloads).collect();
        let design = D::default();
        let mut system = System::new();
        let addresses = add_servers(&mut system, &design, servers, servers, options)?;
        for (address, workload) in &clients {
            system.add_client(*address, design.client(&addresses), workload.clone())?;
        }
        let group = Group::of(&system);
        Ok(Self { system, group, clients })
    }

    /// So many servers, and nobody who asks them anything.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new).
    pub fn servers(count: u16) -> Result<Self, Failed> {
        Self::new(count, [])
    }

    /// The state before the first event of a search.
    ///
    /// # Errors
    ///
    /// When a node cannot be started or does nothing, or a server says already that it leads: a goal that holds before
    /// anything happened would be worth nothing.
    pub fn start(&self, search: &mut SearchTest) -> Result<State, Failed> {
        let start = search.start(&self.system)?;
        self.check_beginning(&start.view())?;
        Ok(start)
    }

    /// A run, before the first event.
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start).
    pub fn run(&self, test: &mut RunTest, settings: Settings) -> Result<Run, Failed> {
        let run = test.start(&self.system, settings)?;
        run.inspect(|view| self.check_beginning(view))?;
        Ok(run)
    }

    /// Says what is missing where nothing is written yet: neither sent nor waiting for anything, a node never acts.
    fn check_beginning(&self, view: &View<'_>) -> Result<(), Failed> {
        let acts = |node: Address| {
            !view.timers(node).is_empty() || view.any_envelope(|envelope| envelope.from == node)
        };
        if let Some((client, _)) = self.clients.iter().find(|(client, _)| !acts(*client)) {
            return Err(Failed::because(format!(
                "part 1: {client} was given a command, and neither sends it nor sets a timer: write `send_command` (Raft \
                 paper, section 8, first paragraph; labs/raft/docs/part1.md)"
            )));
        }
        // One server alone may answer without an election: part 1.
        if self.group.addresses().count() == 1 {
            return Ok(());
        }
        if let Some(server) = self.group.addresses().find(|server| !acts(*server)) {
            return Err(Failed::because(format!(
                "part 2: {server} was started and set no timer, so it never stands for election: write `init` (Raft \
                 paper, section 5.2, first paragraph; Figure 2, Rules for Servers, Followers)"
            )));
        }
        match leaders::<D::Server>(view).first() {
            None => Ok(()),
            Some(elected) => Err(Failed::because(format!(
                "part 2: {} leads before anything happened; nobody does without the votes of a majority (Raft paper, \
                 section 5.2)",
                elected.leader
            ))),
        }
    }

    /// A stage that checks what must hold of terms, votes and leaders: part 2.
    pub fn election_stage<'a>(&self, search: &'a mut SearchTest, name: &str) -> Stage<'a, Aimless> {
        let stage = self.group.election_invariants().into_iter().fold(search.stage(name), Stage::invariant);
        self.group.election_step_invariants().into_iter().fold(stage, Stage::step_invariant)
    }

    /// All stages from here on check what must hold of states: part 3. Without those of steps a search is faster.
    pub fn states(&self, search: &mut SearchTest) {
        for invariant in self.group.invariants() {
            search.invariant(invariant);
        }
    }

    /// All stages from here on check what must hold of states and steps: part 3.
    pub fn everything(&self, search: &mut SearchTest) {
        self.states(search);
        for invariant in self.group.step_invariants() {
            search.step_invariant(invariant);
        }
    }

    /// All stages from here on check that term, vote and log are saved when a handler ends: part 4.
    pub fn durable(&self, search: &mut SearchTest) {
        search.invariant(durable_state_is_current(&self.group));
    }

    /// All stages from here on check everything, and that logs are compacted when so many entries are applied, and what
    /// was compacted survives a crash: part 5.
    pub fn snapshots(&self, search: &mut SearchTest, every: u64) {
        self.everything(search);
        self.durable(search);
        search
            .invariant(snapshot_is_persisted(&self.group))
            .invariant(logs_are_compacted::<D::Server>(every));
    }

    /// A run checks everything, and that logs are compacted when so many entries are applied: part 5.
    #[must_use]
    pub fn watch_snapshots(&self, settings: Settings, every: u64) -> Settings {
        let settings = self.watch_everything(settings).invariant(durable_state_is_current(&self.group));
        let settings = settings.invariant(snapshot_is_persisted(&self.group));
        settings.invariant(logs_are_compacted::<D::Server>(every))
    }

    /// A run checks what must hold of terms, votes and leaders after every event: part 2.
    #[must_use]
    pub fn watch_elections(&self, settings: Settings) -> Settings {
        let settings = settings.invariants(self.group.election_invariants());
        self.group.election_step_invariants().into_iter().fold(settings, Settings::step_invariant)
    }

    /// A run checks what must hold of states and steps: part 3.
    #[must_use]
    pub fn watch_everything(&self, settings: Settings) -> Settings {
        let settings = settings.invariants(self.group.invariants());
        self.group.step_invariants().into_iter().fold(settings, Settings::step_invariant)
    }
}
