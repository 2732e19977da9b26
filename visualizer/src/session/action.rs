//! The one table of everything a person can do: keys, help, the palette, hints, commands of plain mode and the
//! documentation are made from it, so they cannot disagree.

/// A part of the screen, and of what plain mode prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Panel {
    /// What happened.
    Trace,
    /// What a node is.
    State,
    /// What could happen.
    Pending,
    /// Why a predicate is false.
    Why,
    /// Everything about one step.
    Step,
    /// Watches, notes and bookmarks.
    Notes,
    /// The branches that were explored.
    Tree,
}

impl Panel {
    /// All, in the order of their numbers.
    pub const ALL: [Self; 7] =
        [Self::Trace, Self::State, Self::Pending, Self::Why, Self::Step, Self::Notes, Self::Tree];

    /// Its number, from 1.
    pub fn number(self) -> usize {
        Self::ALL.iter().position(|panel| *panel == self).map_or(1, |place| place + 1)
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Trace => "Trace",
            Self::State => "State",
            Self::Pending => "Pending",
            Self::Why => "Why",
            Self::Step => "Step",
            Self::Notes => "Notes",
            Self::Tree => "Tree",
        }
    }
}

/// Something a person can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Action {
    /// To the next step.
    Next,
    /// To the previous step.
    Previous,
    /// To a step by its number.
    Go,
    /// To the start.
    First,
    /// To the end.
    Last,
    /// To the first violation.
    Violation,
    /// To the next step at which the predicate becomes true or false.
    NextFlip,
    /// To the previous one.
    PreviousFlip,
    /// To the next step of the same node.
    NextOfNode,
    /// To the previous one.
    PreviousOfNode,
    /// From a delivery to the sending, and back.
    OtherEnd,
    /// To where one was before.
    JumpBack,
    /// And forward again.
    JumpForward,
    /// To what caused this step.
    Walk,
    /// The whole chain of causes.
    Chain,
    /// Shows what this step depends on.
    Past,
    /// Shows what depends on this step.
    Future,
    /// Looks for steps.
    Search,
    /// To the next step that was looked for.
    SearchNext,
    /// To the previous one.
    SearchPrevious,
    /// Shows only some steps.
    Filter,
    /// Shows all steps again.
    Unfilter,
    /// To the next step that changes the field.
    NextChange,
    /// To the previous one.
    PreviousChange,
    /// To the same field of the next node.
    SameName,
    /// Hides what did not change.
    HideUnchanged,
    /// Keeps a node in sight.
    Pin,
    /// Watches an expression.
    Watch,
    /// Stops watching.
    Unwatch,
    /// To the next node.
    NextNode,
    /// To the previous one.
    PreviousNode,
    /// Opens or closes a field.
    Toggle,
    /// Opens a field, or goes into it.
    Open,
    /// Closes a field, or goes out of it.
    Close,
    /// Opens everything below.
    OpenAll,
    /// Closes everything of the node.
    CloseAll,
    /// Compares with another step.
    Compare,
    /// Explains the next predicate.
    NextPredicate,
    /// Another way to draw the trace.
    View,
    /// Takes a node's lane away, or gives it back.
    HideNode,
    /// Writes a note.
    Note,
    /// Marks the step.
    Bookmark,
    /// To the next bookmark.
    ToBookmark,
    /// Writes notes and bookmarks into the file.
    Save,
    /// Shows messages that have arrived too.
    ShowDelivered,
    /// To a panel.
    Show(Panel),
    /// To the next panel.
    NextPanel,
    /// To the previous one.
    PreviousPanel,
    /// One panel on the whole screen.
    Zoom,
    /// One row down.
    Down,
    /// One row up.
    Up,
    /// Many rows down.
    PageDown,
    /// Many rows up.
    PageUp,
    /// To what the row is about.
    Enter,
    /// Copies the value.
    CopyValue,
    /// Copies the path.
    CopyPath,
    /// Copies the step as text.
    CopyStep,
    /// Copies the command that opens the trace here.
    CopyCommand,
    /// Prints the step when the program ends.
    Print,
    /// Lets a message arrive.
    Deliver,
    /// Lets a timer fire.
    Fire,
    /// Loses a message, or finds it again.
    Drop,
    /// Lets a message arrive once more.
    Duplicate,
    /// Lets a node crash.
    Crash,
    /// Lets a node start again.
    Restart,
    /// Says what an event would do.
    Preview,
    /// Makes a branch that ends here.
    Branch,
    /// Gives the branch another name.
    Rename,
    /// To another branch.
    Switch,
    /// Deletes a branch.
    Delete,
    /// Compares with another branch.
    Difference,
    /// Searches on from here.
    Resume,
    /// Tries the other order of racing messages.
    Orders,
    /// Leaves out what is not needed.
    Minimize,
    /// Gives up what is being worked on.
    Stop,
    /// Asks for a command.
    Command,
    /// Lists what can be done.
    Help,
    /// Other colours.
    Theme,
    /// Takes or leaves the mouse.
    Mouse,
    /// Draws everything again.
    Redraw,
    /// Back to the shell for a while.
    Suspend,
    /// Leaves a mode.
    Back,
    /// Ends.
    Quit,
}

impl Action {
    /// Whether the lab's code has to be at hand.
    pub fn is_live(self) -> bool {
        matches!(
            self,
            Self::Deliver
                | Self::Fire
                | Self::Drop
                | Self::Duplicate
                | Self::Crash
                | Self::Restart
                | Self::Preview
                | Self::Branch
                | Self::Rename
                | Self::Switch
                | Self::Delete
                | Self::Difference
                | Self::Resume
                | Self::Orders
                | Self::Minimize
                | Self::Stop
        )
    }
}

/// What an action needs to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Argument {
    /// Nothing.
    None,
    /// A number.
    Number(&'static str),
    /// A text; asked for if it is not given.
    Text(&'static str),
    /// A text that may be left out.
    Optional(&'static str),
}

/// Where something can be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Everywhere.
    Anywhere,
    /// In one panel.
    In(Panel),
    /// Only on a screen: plain mode does not have it.
    Screen,
}

/// A row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What is done.
    pub action: Action,
    /// The command.
    pub name: &'static str,
    /// The keys.
    pub keys: &'static [&'static str],
    /// What it does, in a few words.
    pub title: &'static str,
    /// Where.
    pub scope: Scope,
    /// What it needs.
    pub argument: Argument,
}

const fn entry(
    action: Action,
    name: &'static str,
    keys: &'static [&'static str],
    title: &'static str,
    scope: Scope,
    argument: Argument,
) -> Entry {
    Entry { action, name, keys, title, scope, argument }
}

use Action as A;
use Argument::{None, Number, Optional, Text};
use Scope::{Anywhere, In, Screen};

/// The table. Keys of a panel come before those for everywhere.
pub const TABLE: &[Entry] = &[
    entry(A::Next, "next", &[".", "Right"], "next step", Anywhere, Number("COUNT")),
    entry(A::Previous, "back", &[",", "Left"], "previous step", Anywhere, Number("COUNT")),
    entry(A::Go, "go", &["g"], "first step, or with a number that step", Anywhere, Number("STEP")),
    entry(A::Last, "last", &["G"], "last step", Anywhere, None),
    entry(A::First, "first", &["Home"], "first step", Anywhere, None),
    entry(A::Violation, "violation", &["v"], "first violation", Anywhere, None),
    entry(A::Walk, "walk", &["w"], "to what caused this step", Anywhere, None),
    entry(A::Chain, "chain", &["W"], "the whole chain of causes", Anywhere, None),
    entry(A::Show(Panel::Why), "why", &["4"], "why is it false?", Anywhere, None),
    entry(A::Show(Panel::State), "state", &["2"], "state of the nodes", Anywhere, Optional("NODE")),
    entry(A::Show(Panel::Trace), "trace", &["1"], "what happened", Anywhere, None),
    entry(A::Show(Panel::Pending), "pending", &["3"], "what could happen", Anywhere, Optional("NODE")),
    entry(A::Show(Panel::Step), "step", &["5"], "everything about this step", Anywhere, None),
    entry(A::Show(Panel::Notes), "notes", &["6"], "watches, notes and bookmarks", Anywhere, None),
    entry(A::Show(Panel::Tree), "tree", &["7"], "branches that were explored", Anywhere, None),
    entry(
        A::Deliver,
        "deliver",
        &["d"],
        "let a message arrive (the row, or m2)",
        Anywhere,
        Optional("MESSAGE"),
    ),
    entry(A::Fire, "fire", &["t"], "let a timer fire (the row, or t1)", Anywhere, Optional("TIMER")),
    entry(
        A::Preview,
        "preview",
        &["e"],
        "what would it do? (the row, or m2, t1)",
        Anywhere,
        Optional("WHICH"),
    ),
    entry(A::Duplicate, "duplicate", &["u"], "let a message arrive once more", Anywhere, Optional("MESSAGE")),
    entry(A::Drop, "drop", &["x"], "lose a message, or find it again (x1)", Anywhere, Optional("MESSAGE")),
    entry(A::Crash, "crash", &["D"], "crash a node (while handling m2)", Anywhere, Optional("NODE [m2 [N]]")),
    entry(A::Restart, "restart", &["U"], "start a node again", Anywhere, Optional("NODE")),
    entry(A::Branch, "branch", &["b"], "a new branch that ends at this step", Anywhere, Optional("NAME")),
    entry(A::Switch, "switch", &["B"], "to the next branch, or by name", Anywhere, Optional("NAME")),
    entry(A::Rename, "rename", &["r"], "name this branch", Anywhere, Text("NAME")),
    entry(
        A::Delete,
        "delete-branch",
        &["Delete"],
        "delete this branch, or by name",
        Anywhere,
        Optional("NAME"),
    ),
    entry(
        A::Difference,
        "difference",
        &["|"],
        "compare with the next branch, or by name",
        Anywhere,
        Optional("NAME"),
    ),
    entry(
        A::Resume,
        "search",
        &["S"],
        "search on from here: goal, violation or an expression",
        Anywhere,
        Text("TARGET [within STATES]"),
    ),
    entry(
        A::Orders,
        "orders",
        &["o"],
        "try racing messages in the other order; by number: as a branch",
        Anywhere,
        Optional("NUMBER"),
    ),
    entry(A::Minimize, "minimize", &["s"], "leave out what the finding does not need", Anywhere, None),
    entry(A::Stop, "stop", &["Ctrl-x"], "give up what is being worked on", Anywhere, None),
    entry(A::NextFlip, "next-flip", &["}"], "next step where the predicate flips", Anywhere, None),
    entry(A::PreviousFlip, "previous-flip", &["{"], "previous step where it flips", Anywhere, None),
    entry(A::NextPredicate, "predicate", &["i"], "explain the next predicate", Anywhere, Optional("NAME")),
    entry(A::NextOfNode, "next-of-node", &["J"], "next step of the same node", Anywhere, None),
    entry(A::PreviousOfNode, "previous-of-node", &["K"], "previous step of the same node", Anywhere, None),
    entry(A::OtherEnd, "other-end", &["m"], "between sending and delivery", Anywhere, None),
    entry(
        A::NextChange,
        "next-change",
        &["]"],
        "next step that changes the field",
        Anywhere,
        Optional("FIELD"),
    ),
    entry(
        A::PreviousChange,
        "previous-change",
        &["["],
        "previous step that changes it",
        Anywhere,
        Optional("FIELD"),
    ),
    entry(A::Past, "past", &["c"], "light up what this step depends on", Anywhere, None),
    entry(A::Future, "future", &["C"], "light up what depends on this step", Anywhere, None),
    entry(
        A::Search,
        "find",
        &["/"],
        "find steps: words, type:, node:, field:, /regex/",
        Anywhere,
        Text("WHAT"),
    ),
    entry(A::SearchNext, "find-next", &["n"], "next step found", Anywhere, None),
    entry(A::SearchPrevious, "find-previous", &["N"], "previous step found", Anywhere, None),
    entry(A::Filter, "filter", &["f"], "show only steps that fit", Anywhere, Text("WHAT")),
    entry(A::Unfilter, "unfilter", &["F"], "show all steps again", Anywhere, None),
    entry(
        A::Compare,
        "compare",
        &["="],
        "compare with another step (none: the previous)",
        Anywhere,
        Optional("STEP"),
    ),
    entry(A::JumpBack, "jump-back", &["Ctrl-o"], "to where you were before", Anywhere, None),
    entry(A::JumpForward, "jump-forward", &["Ctrl-n"], "and forward again", Anywhere, None),
    entry(A::Watch, "watch", &["+"], "watch an expression: max(server*.term)", Anywhere, Text("EXPRESSION")),
    entry(
        A::Unwatch,
        "unwatch",
        &["-"],
        "stop watching the last one, or by number",
        Anywhere,
        Optional("NUMBER"),
    ),
    entry(A::Note, "note", &["a"], "write a note on this step", Anywhere, Text("TEXT")),
    entry(
        A::Bookmark,
        "bookmark",
        &["M"],
        "mark this step, or take the mark away",
        Anywhere,
        Optional("NAME"),
    ),
    entry(A::ToBookmark, "to-bookmark", &["'"], "next bookmark", Anywhere, None),
    entry(
        A::Save,
        "save",
        &["Ctrl-s"],
        "save notes and bookmarks, or the branch as a trace",
        Anywhere,
        Optional("FILE"),
    ),
    entry(A::PreviousNode, "previous-node", &["<"], "state of the previous node", Anywhere, None),
    entry(A::NextNode, "next-node", &[">"], "state of the next node", Anywhere, None),
    entry(A::Pin, "pin", &["P"], "keep this node in sight, or not", Anywhere, Optional("NODE")),
    entry(
        A::HideUnchanged,
        "hide-unchanged",
        &["H"],
        "hide fields that did not change, or not",
        Anywhere,
        None,
    ),
    entry(A::HideNode, "hide-node", &["X"], "hide this node's lane, or show all", Anywhere, Optional("NODE")),
    entry(A::View, "view", &["Z"], "rows, lanes or overview", Anywhere, None),
    entry(A::ShowDelivered, "show-delivered", &["A"], "messages that arrived too, or not", Anywhere, None),
    entry(A::Toggle, "toggle", &["Space"], "open or close", In(Panel::State), None),
    entry(A::Open, "open", &["l"], "open, or go in", In(Panel::State), None),
    entry(A::Close, "close", &["h"], "close, or go out", In(Panel::State), None),
    entry(A::OpenAll, "open-all", &["E"], "open everything below", In(Panel::State), None),
    entry(A::CloseAll, "close-all", &["Ctrl-e"], "close everything again", In(Panel::State), None),
    entry(A::SameName, "same-field", &["*"], "the same field of the next node", In(Panel::State), None),
    entry(A::Down, "down", &["j", "Down"], "row down", Screen, Number("COUNT")),
    entry(A::Up, "up", &["k", "Up"], "row up", Screen, Number("COUNT")),
    entry(A::PageDown, "page-down", &["Ctrl-d", "PageDown"], "half a page down", Screen, None),
    entry(A::PageUp, "page-up", &["Ctrl-u", "PageUp"], "half a page up", Screen, None),
    entry(A::Enter, "enter", &["Enter"], "go to what the row is about", Screen, None),
    entry(A::NextPanel, "next-panel", &["Tab"], "next panel", Screen, None),
    entry(A::PreviousPanel, "previous-panel", &["Shift-Tab"], "previous panel", Screen, None),
    entry(A::Zoom, "zoom", &["z"], "this panel on the whole screen, or not", Screen, None),
    entry(A::CopyStep, "copy-step", &["y"], "copy this step as text", Screen, None),
    entry(A::CopyValue, "copy-value", &["V"], "copy the value of the row", Screen, None),
    entry(A::CopyPath, "copy-path", &["p"], "copy the name of the field", Screen, None),
    entry(A::CopyCommand, "copy-command", &["L"], "copy the command that opens this step", Screen, None),
    entry(A::Print, "print", &["Y"], "print this step in the shell on leaving", Screen, None),
    entry(A::Command, "command", &[":"], "run a command by name", Screen, None),
    entry(A::Help, "help", &["?", "F1"], "what can be done here", Anywhere, None),
    entry(A::Theme, "theme", &["T"], "other colours", Screen, Optional("NAME")),
    entry(A::Mouse, "mouse", &["F2"], "leave the mouse to the terminal, or take it", Screen, None),
    entry(A::Redraw, "redraw", &["Ctrl-l"], "draw everything again", Screen, None),
    entry(A::Suspend, "suspend", &["Ctrl-z"], "back to the shell for a while", Screen, None),
    entry(A::Back, "escape", &["Esc"], "leave a mode, a search, a highlight", Screen, None),
    entry(A::Quit, "quit", &["q", "Ctrl-c"], "end", Anywhere, None),
];

/// The entry of an action.
///
/// # Panics
///
/// Panics when an action is not in the table, which a test forbids.
pub fn entry_of(action: Action) -> &'static Entry {
    TABLE.iter().find(|entry| entry.action == action).expect("every action is in the table")
}

/// What a key does in a panel.
pub fn of_key(key: &str, panel: Panel) -> Option<&'static Entry> {
    let here = |entry: &&Entry| entry.keys.contains(&key);
    let inside = TABLE.iter().filter(|entry| entry.scope == In(panel)).find(here);
    inside.or_else(|| TABLE.iter().filter(|entry| !matches!(entry.scope, In(_))).find(here))
}

/// The command with a name, or with a beginning that only one name has.
///
/// # Errors
///
/// Says which names there are.
pub fn of_name(name: &str) -> Result<&'static Entry, String> {
    if let Some(entry) = TABLE.iter().find(|entry| entry.name == name) {
        return Ok(entry);
    }
    let begin: Vec<&Entry> = TABLE.iter().filter(|entry| entry.name.starts_with(name)).collect();
    match begin.as_slice() {
        [only] if !name.is_empty() => Ok(only),
        [] => Err(format!("there is no command `{name}`; `help` lists them")),
        several => {
            let names: Vec<&str> = several.iter().map(|entry| entry.name).collect();
            Err(format!("`{name}` could be {}", names.join(", ")))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_key_and_no_name_means_two_things() {
        let mut names = BTreeSet::new();
        for entry in TABLE {
            assert!(names.insert(entry.name), "{} is there twice", entry.name);
            assert!(!entry.keys.is_empty(), "{} has no key", entry.name);
        }
        for panel in Panel::ALL {
            let mut keys = BTreeSet::new();
            let here = TABLE.iter().filter(|entry| !matches!(entry.scope, In(other) if other != panel));
            for key in here.flat_map(|entry| entry.keys) {
                assert!(keys.insert(key), "`{key}` means two things in {}", panel.name());
            }
        }
    }

    #[test]
    fn commands_may_be_shortened() {
        assert_eq!(of_name("pend").unwrap().action, Action::Show(Panel::Pending));
        assert_eq!(of_name("go").unwrap().action, Action::Go);
        insta::assert_snapshot!(of_name("jump").unwrap_err(), @"`jump` could be jump-back, jump-forward");
        insta::assert_snapshot!(of_name("explode").unwrap_err(), @"there is no command `explode`; `help` lists them");
    }

    #[test]
    fn every_panel_has_a_number_and_a_key() {
        for panel in Panel::ALL {
            assert_eq!(entry_of(Action::Show(panel)).keys, [panel.number().to_string()]);
        }
    }
}
