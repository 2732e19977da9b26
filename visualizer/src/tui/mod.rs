//! The terminal viewer: steps through a trace on a terminal of any size, over ssh, with or without colours.
//!
//! | File | Is responsible for |
//! |---|---|
//! | `app.rs` | what keys and clicks do |
//! | `keys.rs`, `prompt.rs`, `palette.rs` | names of keys, a line of input, the list of what can be done |
//! | `places.rs` | what is where on a screen of some size |
//! | `draw.rs`, `theme.rs` | drawing it |
//! | `terminal.rs` | taking the terminal and giving it back, whatever happens |

mod app;
mod draw;
mod keys;
mod palette;
mod places;
mod prompt;
mod terminal;
#[cfg(test)]
mod tests;
mod theme;

use std::io::{self, Write};
use std::time::Duration;

use crossterm::clipboard::CopyToClipboard;
use crossterm::event::{self, Event};
use crossterm::execute;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::session::Session;

use app::{App, Effect};
use terminal::Screen;

pub(crate) use theme::Theme;

/// How the viewer looks and listens.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Options {
    /// The colours.
    pub(crate) theme: Theme,
    /// Whether only ASCII characters are drawn.
    pub(crate) ascii: bool,
    /// Whether the mouse is taken.
    pub(crate) mouse: bool,
    /// Whether `n` and `p` step, as in DSLabs.
    pub(crate) dslabs_keys: bool,
}

/// The screen after some keys were pressed, as text: what a person would see, drawn after each key.
pub fn screenshot(session: Session, width: u16, height: u16, keys: &[&str]) -> String {
    let options = Options { theme: Theme::Mono, ascii: false, mouse: false, dslabs_keys: false };
    let mut app = App::new(session, options);
    let mut buffer = Buffer::empty(Rect::default());
    for key in std::iter::once(None).chain(keys.iter().map(Some)) {
        if let Some(key) = key {
            app.press(key);
        }
        let Ok(mut terminal) = Terminal::new(TestBackend::new(width, height));
        let Ok(drawn) = terminal.draw(|frame| draw::draw(&mut app, frame));
        buffer = drawn.buffer.clone();
    }
    let line = |y: u16| {
        let line: String = (0..width).map(|x| buffer[(x, y)].symbol()).collect();
        format!("{}\n", line.trim_end())
    };
    (0..height).map(line).collect()
}

/// How often signals are looked for while nothing happens.
const PATIENCE: Duration = Duration::from_millis(100);

/// How often an answer is looked for while one is to come.
const BUSY: Duration = Duration::from_millis(20);

/// Set by tests: the title of the terminal says which frame is on it.
const TITLE: &str = "LAB_SHOW_TITLE";
/// Set by tests: drawing everything again panics instead.
const PANIC: &str = "LAB_SHOW_PANIC";

/// Shows a trace until the person ends it. Returns what they asked to have printed.
///
/// # Errors
///
/// When the terminal cannot be read or written.
pub(crate) fn show(session: Session, options: Options) -> io::Result<Vec<String>> {
    let titled = std::env::var_os(TITLE).is_some();
    let mut screen = Screen::take(options.mouse)?;
    let mut app = App::new(session, options);
    let mut frame = 0_u64;
    'drawn: loop {
        screen.draw(|frame| draw::draw(&mut app, frame))?;
        frame += 1;
        if titled {
            screen.title(&format!("ready step={} frame={frame}", app.session.step()))?;
        }
        // Many events may have come while one was worked on; they are drawn together.
        while !event::poll(if app.session.is_busy() { BUSY } else { PATIENCE })? {
            if screen.is_ended() {
                return screen.die();
            }
            if app.session.is_busy() {
                app.tick();
                continue 'drawn;
            }
        }
        loop {
            match event::read()? {
                Event::Key(key) => app.key(&key),
                Event::Mouse(mouse) => app.mouse(&mouse),
                Event::Paste(text) => app.paste(&text),
                Event::Resize(..) | Event::FocusGained | Event::FocusLost => {}
            }
            if app.is_ended() || !event::poll(Duration::ZERO)? {
                break;
            }
        }
        for effect in app.effects() {
            match effect {
                Effect::Copy(text) => execute!(io::stdout(), CopyToClipboard::to_clipboard_from(text))?,
                Effect::Mouse(on) => screen.mouse(on)?,
                Effect::Redraw => {
                    assert!(std::env::var_os(PANIC).is_none(), "{PANIC} is set");
                    screen.clear()?;
                }
                Effect::Suspend => screen.suspend()?,
            }
            io::stdout().flush()?;
        }
        if app.is_ended() {
            return Ok(app.printed());
        }
        if screen.is_ended() {
            return screen.die();
        }
    }
}
