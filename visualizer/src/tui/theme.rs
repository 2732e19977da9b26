//! Colours. The default has the sixteen of the terminal and no background, so it is readable on any; none carries a
//! meaning alone.

use ratatui::style::{Color, Modifier, Style};

use crate::model::line::Role;

/// A choice of colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Theme {
    /// The terminal's own sixteen colours.
    #[default]
    Ansi,
    /// Blue and orange, which colour-blind people tell apart (Okabe and Ito).
    Okabe,
    /// No colours: bold, underlined, reversed.
    Mono,
}

impl Theme {
    /// All, with their names.
    pub(crate) const ALL: [(&'static str, Self); 3] =
        [("ansi", Self::Ansi), ("okabe", Self::Okabe), ("mono", Self::Mono)];

    pub(crate) fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, theme)| *theme == self).map_or("", |(name, _)| name)
    }

    pub(super) fn next(self) -> Self {
        let place = Self::ALL.iter().position(|(_, theme)| *theme == self).unwrap_or_default();
        Self::ALL[(place + 1) % Self::ALL.len()].1
    }

    /// The style of a role.
    pub(super) fn style(self, role: Role) -> Style {
        let plain = Style::new();
        let bold = plain.add_modifier(Modifier::BOLD);
        match self {
            Self::Mono => match role {
                Role::Plain | Role::Label | Role::Added | Role::Good => plain,
                Role::Dim => plain.add_modifier(Modifier::DIM),
                Role::Strong | Role::Node | Role::Cause | Role::Changed => bold,
                Role::Removed => plain.add_modifier(Modifier::CROSSED_OUT),
                Role::Bad => bold.add_modifier(Modifier::UNDERLINED),
                Role::Key => bold.add_modifier(Modifier::REVERSED),
                Role::Found => plain.add_modifier(Modifier::UNDERLINED),
            },
            Self::Ansi => match role {
                Role::Plain | Role::Label => plain,
                Role::Dim => plain.add_modifier(Modifier::DIM),
                Role::Strong => bold,
                Role::Node => bold.fg(Color::Blue),
                Role::Added | Role::Good => plain.fg(Color::Green),
                Role::Removed => plain.fg(Color::Red),
                Role::Changed => plain.fg(Color::Yellow),
                Role::Bad => bold.fg(Color::Red),
                Role::Key => bold.add_modifier(Modifier::REVERSED),
                Role::Cause => bold.fg(Color::Cyan),
                Role::Found => plain.fg(Color::Magenta).add_modifier(Modifier::UNDERLINED),
            },
            Self::Okabe => match role {
                Role::Plain | Role::Label => plain,
                Role::Dim => plain.add_modifier(Modifier::DIM),
                Role::Strong | Role::Node => bold,
                Role::Added | Role::Good => plain.fg(Color::Rgb(0x56, 0xb4, 0xe9)),
                Role::Removed => plain.fg(Color::Rgb(0xd5, 0x5e, 0x00)),
                Role::Changed => plain.fg(Color::Rgb(0xe6, 0x9f, 0x00)),
                Role::Bad => bold.fg(Color::Rgb(0xcc, 0x79, 0xa7)),
                Role::Key => bold.add_modifier(Modifier::REVERSED),
                Role::Cause => bold.fg(Color::Rgb(0x00, 0x9e, 0x73)),
                Role::Found => plain.add_modifier(Modifier::UNDERLINED),
            },
        }
    }
}
