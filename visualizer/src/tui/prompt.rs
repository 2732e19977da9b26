//! A line of input: what is asked for, what was typed, and where the cursor is.

use crate::model::line::harmless;
use crate::session::action::Action;

/// A line that somebody types.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Prompt {
    /// What is done with it; [`Action::Command`] for a command with its name.
    pub(super) action: Action,
    text: Vec<char>,
    cursor: usize,
}

/// What a key did to a prompt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Typed {
    /// It goes on.
    More,
    /// It is done.
    Done,
    /// It is given up.
    Never,
}

/// How many characters are taken.
const LENGTH_MAX: usize = 2_000;

impl Prompt {
    pub(super) fn new(action: Action) -> Self {
        Self { action, text: Vec::new(), cursor: 0 }
    }

    pub(super) fn text(&self) -> String {
        self.text.iter().collect()
    }

    /// What is before the cursor, and what comes after.
    pub(super) fn parts(&self) -> (String, String) {
        let (before, after) = self.text.split_at(self.cursor);
        (before.iter().collect(), after.iter().collect())
    }

    pub(super) fn insert(&mut self, text: &str) {
        // A line is a line: what is pasted may have more of them, and worse.
        let line = text.lines().next().unwrap_or_default();
        for c in harmless(line).chars() {
            if self.text.len() < LENGTH_MAX {
                self.text.insert(self.cursor, c);
                self.cursor += 1;
            }
        }
    }

    pub(super) fn key(&mut self, key: &str) -> Typed {
        match key {
            "Enter" => return Typed::Done,
            "Esc" | "Ctrl-c" => return Typed::Never,
            "Backspace" | "Ctrl-h" if self.text.is_empty() => return Typed::Never,
            "Backspace" | "Ctrl-h" if self.cursor > 0 => {
                self.cursor -= 1;
                self.text.remove(self.cursor);
            }
            "Delete" if self.cursor < self.text.len() => drop(self.text.remove(self.cursor)),
            "Left" => self.cursor = self.cursor.saturating_sub(1),
            "Right" => self.cursor = (self.cursor + 1).min(self.text.len()),
            "Home" | "Ctrl-a" => self.cursor = 0,
            "End" | "Ctrl-e" => self.cursor = self.text.len(),
            "Ctrl-u" => drop(self.text.drain(..std::mem::take(&mut self.cursor))),
            "Ctrl-w" => {
                let before = &self.text[..self.cursor];
                let word = before.iter().rposition(|c| *c != ' ').unwrap_or_default();
                let start = before[..word].iter().rposition(|c| *c == ' ').map_or(0, |space| space + 1);
                self.text.drain(start..self.cursor);
                self.cursor = start;
            }
            "Space" => self.insert(" "),
            key if key.chars().count() == 1 => self.insert(key),
            _ => {}
        }
        Typed::More
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(keys: &[&str]) -> (String, String) {
        let mut prompt = Prompt::new(Action::Search);
        for key in keys {
            assert_eq!(prompt.key(key), Typed::More);
        }
        prompt.parts()
    }

    #[test]
    fn edits_a_line() {
        let parts = |before: &str, after: &str| (before.to_owned(), after.to_owned());
        assert_eq!(typed(&["a", "Space", "é", "Left", "x"]), parts("a x", "é"));
        assert_eq!(typed(&["a", "b", "Left", "Delete", "Backspace"]), parts("", ""));
        assert_eq!(typed(&["a", "Space", "b", "c", "Ctrl-w"]), parts("a ", ""));
        assert_eq!(typed(&["a", "b", "Home", "c", "End", "Left", "Ctrl-u"]), parts("", "b"));
        assert_eq!(typed(&["Ctrl-w", "Left", "Delete", "PageUp"]), parts("", ""));
    }

    #[test]
    fn ends_or_is_given_up() {
        let mut prompt = Prompt::new(Action::Search);
        assert_eq!(prompt.key("Backspace"), Typed::Never);
        prompt.insert("two\nlines\u{1b}");
        assert_eq!(
            (prompt.text().as_str(), prompt.key("Enter"), prompt.key("Esc")),
            ("two", Typed::Done, Typed::Never)
        );
    }
}
