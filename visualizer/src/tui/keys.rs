//! Names for keys, as the table of actions and the help write them.

use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

/// The name of a key: `j`, `G`, `Ctrl-o`, `Enter`; `None` for one without a name here, and for one that is let go.
pub(super) fn name(key: &KeyEvent) -> Option<String> {
    if key.kind == KeyEventKind::Release {
        return None;
    }
    let control = key.modifiers.contains(KeyModifiers::CONTROL);
    let plain = match key.code {
        KeyCode::Char(' ') => "Space".to_owned(),
        KeyCode::Char(c) if control => c.to_lowercase().to_string(),
        KeyCode::Char(c) => c.to_string(),
        KeyCode::Enter => "Enter".to_owned(),
        KeyCode::Esc => "Esc".to_owned(),
        KeyCode::Tab => "Tab".to_owned(),
        KeyCode::BackTab => "Shift-Tab".to_owned(),
        KeyCode::Backspace => "Backspace".to_owned(),
        KeyCode::Delete => "Delete".to_owned(),
        KeyCode::Left => "Left".to_owned(),
        KeyCode::Right => "Right".to_owned(),
        KeyCode::Up => "Up".to_owned(),
        KeyCode::Down => "Down".to_owned(),
        KeyCode::Home => "Home".to_owned(),
        KeyCode::End => "End".to_owned(),
        KeyCode::PageUp => "PageUp".to_owned(),
        KeyCode::PageDown => "PageDown".to_owned(),
        KeyCode::F(number) => format!("F{number}"),
        _ => return None,
    };
    Some(if control { format!("Ctrl-{plain}") } else { plain })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::action::TABLE;

    #[test]
    fn keys_have_the_names_of_the_table() {
        let named = |code, modifiers| name(&KeyEvent::new(code, modifiers));
        assert_eq!(named(KeyCode::Char('G'), KeyModifiers::SHIFT).as_deref(), Some("G"));
        assert_eq!(named(KeyCode::Char('o'), KeyModifiers::CONTROL).as_deref(), Some("Ctrl-o"));
        assert_eq!(named(KeyCode::BackTab, KeyModifiers::SHIFT).as_deref(), Some("Shift-Tab"));
        assert_eq!(named(KeyCode::F(1), KeyModifiers::NONE).as_deref(), Some("F1"));
        assert_eq!(named(KeyCode::CapsLock, KeyModifiers::NONE), None);
        let mut release = KeyEvent::new(KeyCode::Enter, KeyModifiers::NONE);
        release.kind = KeyEventKind::Release;
        assert_eq!(name(&release), None);
    }

    /// A key that no keyboard can send would be a promise that cannot be kept.
    #[test]
    fn every_key_of_the_table_can_be_pressed() {
        let words = [
            "Space",
            "Enter",
            "Esc",
            "Tab",
            "Shift-Tab",
            "Left",
            "Right",
            "Up",
            "Down",
            "Home",
            "PageUp",
            "PageDown",
            "Delete",
            "F1",
            "F2",
        ];
        for key in TABLE.iter().flat_map(|entry| entry.keys) {
            let plain = key.strip_prefix("Ctrl-").unwrap_or(key);
            // In a terminal, Ctrl with these is another key: Tab, Enter, Esc, Backspace.
            let taken = key.starts_with("Ctrl-") && ["i", "m", "[", "h"].contains(&plain);
            assert!((plain.chars().count() == 1 || words.contains(&plain)) && !taken, "`{key}`");
        }
    }
}
