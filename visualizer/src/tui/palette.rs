//! The list of everything that can be done: help and palette in one. Typing filters it, Enter does it.

use super::prompt::Typed;
use crate::model::line::{Line, Role};
use crate::session::Session;
use crate::session::action::{Entry, Panel, Scope, TABLE};

/// The list, as far as somebody has typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Palette {
    pub(super) text: String,
    selected: usize,
    panel: Panel,
    /// Whether the lab's code is at hand.
    live: bool,
}

impl Palette {
    pub(super) fn new(panel: Panel, live: bool) -> Self {
        Self { text: String::new(), selected: 0, panel, live }
    }

    pub(super) fn key(&mut self, key: &str) -> Typed {
        let count = self.entries().len();
        match key {
            "Enter" => return Typed::Done,
            "Esc" | "Ctrl-c" | "F1" => return Typed::Never,
            "?" | "q" if self.text.is_empty() => return Typed::Never,
            "Down" | "Ctrl-n" | "Tab" => self.selected = (self.selected + 1).min(count.saturating_sub(1)),
            "Up" | "Ctrl-p" | "Shift-Tab" => self.selected = self.selected.saturating_sub(1),
            "PageDown" | "Ctrl-d" => self.selected = (self.selected + 10).min(count.saturating_sub(1)),
            "PageUp" | "Ctrl-u" => self.selected = self.selected.saturating_sub(10),
            "Backspace" => {
                self.text.pop();
                self.selected = 0;
            }
            key => {
                let c = if key == "Space" { " " } else { key };
                if c.chars().count() == 1 && self.text.chars().count() < 40 {
                    self.text.push_str(c);
                    self.selected = 0;
                }
            }
        }
        Typed::More
    }

    /// What fits: first what works in the panel only, then the rest.
    pub(super) fn entries(&self) -> Vec<&'static Entry> {
        let wanted = self.text.to_lowercase();
        let fits = |entry: &&Entry| {
            entry.name.contains(&wanted)
                || entry.title.to_lowercase().contains(&wanted)
                || entry.keys.contains(&&*self.text)
        };
        let own = |entry: &&Entry| entry.scope == Scope::In(self.panel);
        let other = |entry: &&Entry| !matches!(entry.scope, Scope::In(_));
        // A key that was typed is what is meant, before all that has the letter in its name.
        let mut entries: Vec<&Entry> =
            TABLE.iter().filter(own).chain(TABLE.iter().filter(other)).filter(fits).collect();
        // What cannot be done at all comes last.
        entries.sort_by_key(|entry| {
            let meant = entry.keys.contains(&&*self.text) || entry.name == wanted;
            (!meant, entry.action.is_live() && !self.live)
        });
        entries
    }

    pub(super) fn chosen(&self) -> Option<&'static Entry> {
        self.entries().get(self.selected).copied()
    }

    pub(super) fn selected(&self) -> usize {
        self.selected
    }

    /// The lines of the list, with why something cannot be done now.
    pub(super) fn lines(&self, session: &Session, width: usize) -> Vec<Line> {
        let lines = self.entries().into_iter().map(|entry| {
            let keys = entry.keys.join(" ");
            let mut line = Line::of(Role::Strong, format!(" {keys:<15}"));
            let cannot = session.can(entry.action).err();
            line.push(if cannot.is_some() { Role::Dim } else { Role::Plain }, entry.title);
            if let Some(why) = cannot {
                line.push(Role::Dim, format!("  (not now: {why})"));
            }
            let name = format!("  :{}", entry.name);
            if line.width() + name.len() < width {
                line.pad_to(width - name.len() - 1);
                line.push(Role::Dim, name);
            }
            line.fit(width, ">")
        });
        lines.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::action::Action;

    #[test]
    fn typing_filters_and_enter_chooses() {
        let mut palette = Palette::new(Panel::State, false);
        assert_eq!(palette.chosen().map(|entry| entry.action), Some(Action::Toggle));
        for key in ["w", "h", "a", "t", "Space", "c", "a", "u"] {
            assert_eq!(palette.key(key), Typed::More);
        }
        assert_eq!(palette.chosen().map(|entry| entry.action), Some(Action::Walk));
        assert_eq!(palette.key("Enter"), Typed::Done);
        palette.text = "G".to_owned();
        assert_eq!(palette.chosen().map(|entry| entry.action), Some(Action::Last));
        palette.text = "zzzz".to_owned();
        assert_eq!(palette.chosen(), None);
        palette.key("Down");
        assert_eq!(palette.selected(), 0);
    }
}
