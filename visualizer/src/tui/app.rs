//! What keys and clicks do: a session with what only a screen needs, such as cursors, prompts and the help.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crossterm::event::{KeyEvent, MouseButton, MouseEvent, MouseEventKind};
use ratatui::layout::Rect;

use super::palette::Palette;
use super::prompt::{Prompt, Typed};
use super::{Options, Theme, keys};
use crate::panels::{self, Paper, Row, Target};
use crate::plain;
use crate::session::action::{Action, Argument, Entry, Panel, entry_of, of_key, of_name};
use crate::session::{Done, Drawing, Session};
use crate::shell;

/// What the terminal has to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    /// Put a text into the clipboard.
    Copy(String),
    /// Take the mouse, or leave it.
    Mouse(bool),
    /// Draw everything again.
    Redraw,
    /// Give the terminal to the shell for a while.
    Suspend,
}

/// Something on the screen that can be clicked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hit {
    /// A step of the trace.
    Step(usize),
    /// A row of a panel.
    Row(Panel, usize),
    /// A panel, or its name.
    Panel(Panel),
}

/// How long a number waits for the key that it is for. Who goes from panel to panel means no step by it.
const COUNT_WAITS: Duration = Duration::from_secs(2);

/// The number that was typed before a key.
#[derive(Clone, Debug)]
struct Count {
    digits: String,
    /// The panel from before its first digit.
    panel: Panel,
    /// When its last digit was typed.
    typed: Instant,
}

/// The viewer.
pub(super) struct App {
    pub(super) session: Session,
    pub(super) options: Options,
    /// The panel beside the trace.
    pub(super) side: Panel,
    pub(super) zoomed: bool,
    /// What was last said, and whether it is an error.
    pub(super) message: Option<(String, bool)>,
    pub(super) prompt: Option<Prompt>,
    pub(super) palette: Option<Palette>,
    /// The row that is selected in each panel but the trace.
    pub(super) cursors: BTreeMap<Panel, usize>,
    /// The first row that is shown in each panel.
    pub(super) offsets: BTreeMap<Panel, usize>,
    /// What was drawn where.
    pub(super) hits: Vec<(Rect, Hit)>,
    /// The size of each panel when it was drawn.
    pub(super) sizes: BTreeMap<Panel, (usize, usize)>,
    count: Option<Count>,
    effects: Vec<Effect>,
    printed: Vec<String>,
    warned: bool,
    ended: bool,
}

impl App {
    pub(super) fn new(mut session: Session, options: Options) -> Self {
        let side = if session.is_live() { Panel::Pending } else { Panel::State };
        if session.is_live() {
            // What can be done is what one begins with.
            session.panel = Panel::Pending;
        }
        let message = session.opening.first().map(|text| (text.clone(), false));
        Self {
            session,
            options,
            side,
            zoomed: false,
            message,
            prompt: None,
            palette: None,
            cursors: BTreeMap::new(),
            offsets: BTreeMap::new(),
            hits: Vec::new(),
            sizes: BTreeMap::new(),
            count: None,
            effects: Vec::new(),
            printed: Vec::new(),
            warned: false,
            ended: false,
        }
    }

    pub(super) fn is_ended(&self) -> bool {
        self.ended
    }

    pub(super) fn effects(&mut self) -> Vec<Effect> {
        std::mem::take(&mut self.effects)
    }

    pub(super) fn printed(self) -> Vec<String> {
        self.printed
    }

    /// The number that is being typed.
    pub(super) fn count(&self) -> &str {
        let waits = |count: &&Count| count.typed.elapsed() < COUNT_WAITS;
        self.count.as_ref().filter(waits).map_or("", |count| &count.digits)
    }

    /// As if so much time had passed since the last key.
    #[cfg(test)]
    pub(super) fn wait(&mut self, time: Duration) {
        if let Some(count) = &mut self.count {
            count.typed -= time;
        }
    }

    pub(super) fn key(&mut self, key: &KeyEvent) {
        if let Some(name) = keys::name(key) {
            self.press(&name);
        }
    }

    pub(super) fn paste(&mut self, text: &str) {
        if let Some(prompt) = &mut self.prompt {
            prompt.insert(text);
        }
    }

    /// Does what a key with a name means here.
    pub(super) fn press(&mut self, key: &str) {
        if let Some(prompt) = &mut self.prompt {
            match prompt.key(key) {
                Typed::More => {}
                Typed::Never => self.prompt = None,
                Typed::Done => {
                    let (action, text) = (prompt.action, prompt.text());
                    self.prompt = None;
                    self.answered(action, &text);
                }
            }
            return;
        }
        if let Some(palette) = &mut self.palette {
            match palette.key(key) {
                Typed::More => {}
                Typed::Never => self.palette = None,
                Typed::Done => {
                    let chosen = palette.chosen();
                    self.palette = None;
                    if let Some(entry) = chosen {
                        self.act(entry, "");
                    }
                }
            }
            return;
        }
        let count = self.count.take().filter(|count| count.typed.elapsed() < COUNT_WAITS);
        if key.len() == 1 && key.chars().all(|c| c.is_ascii_digit()) && (key != "0" || count.is_some()) {
            // A digit is the number of a panel, and the beginning of that of a step if `g` or `=` follows.
            let (mut digits, panel) = count
                .map_or_else(|| (String::new(), self.session.panel), |count| (count.digits, count.panel));
            if let Some(panel) = key.parse().ok().and_then(|n: usize| Panel::ALL.get(n.wrapping_sub(1))) {
                self.focus(*panel);
            }
            digits.push_str(key);
            if digits.len() <= 9 {
                self.count = Some(Count { digits, panel, typed: Instant::now() });
            }
            self.message = None;
            return;
        }
        let key = match key {
            "n" if self.options.dslabs_keys => ".",
            "p" if self.options.dslabs_keys => ",",
            key => key,
        };
        let entry = of_key(key, self.session.panel);
        let mut argument = String::new();
        if let (Some(count), Some(Action::Go | Action::Compare)) = (count, entry.map(|entry| entry.action)) {
            self.focus(count.panel);
            argument = count.digits;
        }
        match entry {
            Some(entry) => self.act(entry, &argument),
            None => self.message = Some((format!("`{key}` does nothing here; `?` lists what does"), true)),
        }
    }

    fn answered(&mut self, action: Action, text: &str) {
        if action != Action::Command {
            // Nothing is an answer too: it takes notes away, and ends a search.
            self.perform(entry_of(action), text);
            return;
        }
        let (name, argument) = text.trim().split_once(' ').unwrap_or((text.trim(), ""));
        // A number alone is a step.
        let entry = if name.parse::<usize>().is_ok() {
            Ok((Action::Go, name))
        } else {
            of_name(name).map(|e| (e.action, argument))
        };
        match entry {
            Ok((action, argument)) => self.act(entry_of(action), argument.trim()),
            Err(_) if name.is_empty() => {}
            Err(problem) => self.message = Some((problem, true)),
        }
    }

    fn focus(&mut self, panel: Panel) {
        self.session.panel = panel;
        if panel != Panel::Trace {
            self.side = panel;
        }
    }

    /// Does something, or asks for what it needs.
    pub(super) fn act(&mut self, entry: &'static Entry, argument: &str) {
        let asks = matches!(entry.argument, Argument::Text(_)) || entry.action == Action::Command;
        if asks && argument.is_empty() && self.session.can(entry.action).is_ok() {
            self.message = None;
            self.prompt = Some(Prompt::new(entry.action));
            return;
        }
        self.perform(entry, argument);
    }

    fn perform(&mut self, entry: &'static Entry, argument: &str) {
        let step = self.session.step();
        self.act_now(entry, argument);
        if self.session.step() != step {
            self.forget_places();
        }
    }

    fn act_now(&mut self, entry: &'static Entry, argument: &str) {
        self.message = None;
        if entry.action != Action::Quit {
            self.warned = false;
        }
        if self.act_on_screen(entry, argument) {
            return;
        }
        let chosen = self.chosen(entry.action, argument);
        let argument = chosen.as_deref().unwrap_or(argument);
        let done = self.session.act(entry, argument);
        self.done(done);
        // What took no time is there already.
        self.tick();
    }

    /// Takes an answer that has come in the meantime.
    pub(super) fn tick(&mut self) {
        let step = self.session.step();
        if let Some(done) = self.session.poll() {
            self.done(done);
        }
        if self.session.step() != step {
            self.forget_places();
        }
    }

    /// What was selected and scrolled to belongs to another step.
    fn forget_places(&mut self) {
        for panel in [Panel::State, Panel::Pending, Panel::Step] {
            self.offsets.remove(&panel);
            self.cursors.remove(&panel);
        }
    }

    /// What an action is about that was not told: the row that is selected.
    fn chosen(&mut self, action: Action, argument: &str) -> Option<String> {
        let of_node = matches!(action, Action::Crash | Action::Restart);
        let of_row = of_node
            || matches!(
                action,
                Action::Deliver | Action::Fire | Action::Duplicate | Action::Drop | Action::Preview
            );
        if !argument.is_empty() || !of_row || !self.session.is_live() || self.session.panel != Panel::Pending
        {
            return None;
        }
        let rows = self.rows(Panel::Pending);
        match self.cursor(Panel::Pending, &rows).and_then(|place| rows[place].target.clone()) {
            Some(Target::Choice(label)) if of_node => self.session.node_of_choice(&label),
            Some(Target::Choice(label)) => Some(label),
            _ => None,
        }
    }

    fn done(&mut self, done: Result<Done, String>) {
        match done {
            Ok(done) => {
                self.message = done.message.map(|text| (text, false));
                if done.quit && self.session.unsaved().is_some() && !self.warned {
                    self.warned = true;
                    let what = self.session.unsaved().unwrap_or_default();
                    self.message = Some((format!("{what}: Ctrl-s saves, `q` again leaves without"), true));
                } else if done.quit {
                    self.ended = true;
                }
            }
            Err(problem) => self.message = Some((problem, true)),
        }
        self.focus(self.session.panel);
    }

    /// Does what only a screen can do; says whether it was such a thing.
    fn act_on_screen(&mut self, entry: &Entry, argument: &str) -> bool {
        let count = argument.parse().unwrap_or(1_usize);
        match entry.action {
            Action::Down | Action::Up => self.scroll(entry.action == Action::Down, count),
            Action::PageDown | Action::PageUp => {
                let height = self.sizes.get(&self.session.panel).map_or(10, |(_, height)| *height);
                self.scroll(entry.action == Action::PageDown, (height / 2).max(1));
            }
            Action::Enter => self.enter(),
            Action::NextPanel | Action::PreviousPanel => {
                let (here, all) = (self.session.panel.number() - 1, Panel::ALL.len());
                let next = if entry.action == Action::NextPanel { here + 1 } else { here + all - 1 };
                self.focus(Panel::ALL[next % all]);
            }
            Action::Zoom => self.zoomed = !self.zoomed,
            Action::CopyValue | Action::CopyPath | Action::CopyStep | Action::CopyCommand => {
                self.copy(entry.action)
            }
            Action::Print => {
                let text = self.step_text();
                self.printed.extend(text);
                self.say("this step is printed in the shell when you leave");
            }
            Action::Help => self.palette = Some(Palette::new(self.session.panel, self.session.is_live())),
            Action::Theme => self.theme(argument),
            Action::Mouse => {
                self.options.mouse = !self.options.mouse;
                self.effects.push(Effect::Mouse(self.options.mouse));
                self.say(if self.options.mouse {
                    "the mouse selects steps and rows; F2 leaves it to the terminal"
                } else {
                    "the mouse selects text, as in any terminal; F2 takes it back"
                });
            }
            Action::Redraw => self.effects.push(Effect::Redraw),
            Action::Suspend => self.effects.push(Effect::Suspend),
            Action::Back => self.back(),
            _ => return false,
        }
        true
    }

    fn say(&mut self, text: impl Into<String>) {
        self.message = Some((text.into(), false));
    }

    /// Leaves the innermost of what one is in.
    fn back(&mut self) {
        if self.session.is_busy() {
            self.act(entry_of(Action::Stop), "");
        } else if self.zoomed {
            self.zoomed = false;
        } else if self.session.highlight.is_some() {
            self.session.highlight = None;
        } else if self.session.filter().is_some() {
            self.act(entry_of(Action::Unfilter), "");
        } else if self.session.query().is_some() {
            let _cannot_fail = self.session.act(entry_of(Action::Search), "");
        } else if self.session.drawing != Drawing::Rows {
            self.session.drawing = Drawing::Rows;
        } else if !self.session.walked.is_empty() {
            self.session.walked.clear();
        } else if self.session.panel != Panel::Trace {
            self.focus(Panel::Trace);
        } else {
            self.say("`q` ends the viewer");
        }
    }

    fn theme(&mut self, name: &str) {
        let chosen = match name {
            "" => Some(self.options.theme.next()),
            name => Theme::ALL.iter().find(|(known, _)| *known == name).map(|(_, theme)| *theme),
        };
        match chosen {
            Some(theme) => {
                self.options.theme = theme;
                self.say(format!("colours: {}", theme.name()));
            }
            None => {
                let names: Vec<&str> = Theme::ALL.iter().map(|(name, _)| *name).collect();
                self.message =
                    Some((format!("there is no theme `{name}`; there are {}", names.join(", ")), true));
            }
        }
    }

    /// The rows of a panel as wide as it was drawn.
    pub(super) fn rows(&mut self, panel: Panel) -> Vec<Row> {
        let width = self.sizes.get(&panel).map_or(80, |(width, _)| *width);
        panels::rows(&mut self.session, panel, Paper { width, ascii: self.options.ascii })
    }

    /// The row that is selected; in the state panel the one of the selected field.
    pub(super) fn cursor(&self, panel: Panel, rows: &[Row]) -> Option<usize> {
        if panel == Panel::State {
            let field = self.session.field.as_ref()?;
            return rows.iter().position(|row| matches!(&row.target, Some(Target::Field(f)) if f == field));
        }
        let wanted = self.cursors.get(&panel).copied().unwrap_or_default().min(rows.len().saturating_sub(1));
        let on = |place: &usize| rows[*place].target.is_some();
        (wanted..rows.len()).find(on).or_else(|| (0..wanted).rev().find(on))
    }

    fn select(&mut self, panel: Panel, place: usize, rows: &[Row]) {
        self.cursors.insert(panel, place);
        if let (Panel::State, Some(Target::Field(field))) =
            (panel, rows.get(place).and_then(|row| row.target.as_ref()))
        {
            self.session.look_at(field.node);
            self.session.field = Some(field.clone());
        }
    }

    fn scroll(&mut self, down: bool, count: usize) {
        let panel = self.session.panel;
        if panel == Panel::Trace {
            let action = if down { Action::Next } else { Action::Previous };
            let _at_the_end = self.session.act(entry_of(action), &count.to_string());
            return;
        }
        let rows = self.rows(panel);
        let on: Vec<usize> = (0..rows.len()).filter(|place| rows[*place].target.is_some()).collect();
        let next = match self.cursor(panel, &rows) {
            Some(here) if down => on.iter().filter(|place| **place > here).take(count).last(),
            Some(here) => on.iter().rev().filter(|place| **place < here).take(count).last(),
            None if down => on.first(),
            None => on.last(),
        };
        match next {
            Some(place) => self.select(panel, *place, &rows),
            // There is nothing more to select, but there may be more to read.
            None => {
                let offset = self.offsets.entry(panel).or_default();
                *offset = if down { offset.saturating_add(count) } else { offset.saturating_sub(count) };
            }
        }
    }

    fn enter(&mut self) {
        let panel = self.session.panel;
        if panel == Panel::Trace {
            self.focus(Panel::Step);
            return;
        }
        let rows = self.rows(panel);
        let target = self.cursor(panel, &rows).and_then(|place| rows[place].target.clone());
        match target {
            Some(Target::Step(step)) => {
                self.session.jump_to(step);
                self.say(format!("step {}; Ctrl-o goes back", self.session.model().number(step)));
            }
            Some(Target::Written(field, step)) => {
                self.session.jump_to(step);
                self.session.look_at(field.node);
                self.session.field = Some(field);
                self.say(format!("step {} set it; Ctrl-o goes back", self.session.model().number(step)));
            }
            // One that is lost comes back.
            Some(Target::Choice(label)) if label.starts_with('x') => self.act(entry_of(Action::Drop), &label),
            Some(Target::Choice(label)) => self.act(entry_of(Action::Preview), &label),
            Some(Target::Branch(branch)) => {
                self.session.switch_to(branch);
                self.say(format!("branch {}", self.session.model().branch()));
            }
            Some(Target::Field(field)) if panel == Panel::State => {
                self.session.field = Some(field);
                self.act(entry_of(Action::Toggle), "");
            }
            Some(Target::Field(field)) => {
                self.session.look_at(field.node);
                self.session.field = Some(field);
                self.focus(Panel::State);
            }
            None => self.say("there is nothing to go to in this row"),
        }
    }

    /// What the step is, in words.
    fn step_text(&mut self) -> Vec<String> {
        let mut out = Vec::new();
        let panel = self.session.panel;
        let written = plain::run(&mut self.session, "step", &mut out);
        debug_assert!(written.is_ok(), "a vector can be written to");
        self.session.panel = panel;
        String::from_utf8_lossy(&out).lines().map(str::to_owned).collect()
    }

    fn copy(&mut self, action: Action) {
        let text = match action {
            Action::CopyStep => Some(self.step_text().join("\n")),
            Action::CopyCommand => self.session.path.as_ref().map(|path| {
                let number = self.session.model().number(self.session.step());
                format!("cargo lab show {} --step {number}", shell::quoted(&path.display().to_string()))
            }),
            Action::CopyPath => {
                self.session.field.as_ref().map(|field| self.session.model().field_name(field))
            }
            _ => {
                let field = self.session.field.clone();
                field.map(|field| self.session.model().field_text(&field, self.session.step(), 100_000))
            }
        };
        match text {
            Some(text) => {
                let first: String = text.lines().next().unwrap_or_default().chars().take(50).collect();
                self.effects.push(Effect::Copy(text));
                self.say(format!("copied, if your terminal allows it: {first}  (Y prints it instead)"));
            }
            None if action == Action::CopyCommand => {
                self.message = Some(("this trace is not in a file".to_owned(), true));
            }
            None => {
                self.message =
                    Some(("no field is selected; `j` and `k` in the state panel select one".into(), true));
            }
        }
    }

    pub(super) fn mouse(&mut self, mouse: &MouseEvent) {
        if self.palette.is_some() || self.prompt.is_some() {
            return;
        }
        let at = |rect: &Rect| rect.contains((mouse.column, mouse.row).into());
        // What was drawn last is on top.
        let hit = self.hits.iter().rev().find(|(rect, _)| at(rect)).map(|(_, hit)| *hit);
        let panel = match hit {
            Some(Hit::Step(_)) => Panel::Trace,
            Some(Hit::Row(panel, _) | Hit::Panel(panel)) => panel,
            None => return,
        };
        match mouse.kind {
            MouseEventKind::Down(MouseButton::Left) => {
                self.message = None;
                self.focus(panel);
                match hit {
                    Some(Hit::Step(step)) => self.session.jump_to(step),
                    Some(Hit::Row(panel, place)) => {
                        let rows = self.rows(panel);
                        let again = self.cursor(panel, &rows) == Some(place);
                        if rows.get(place).is_some_and(|row| row.target.is_some()) {
                            self.select(panel, place, &rows);
                            if again {
                                self.enter();
                            }
                        }
                    }
                    _ => {}
                }
            }
            MouseEventKind::ScrollDown | MouseEventKind::ScrollUp => {
                let before = self.session.panel;
                self.session.panel = panel;
                self.scroll(
                    mouse.kind == MouseEventKind::ScrollDown,
                    if panel == Panel::Trace { 1 } else { 3 },
                );
                self.session.panel = before;
            }
            _ => {}
        }
    }
}
