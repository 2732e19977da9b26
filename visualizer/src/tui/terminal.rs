//! Takes the terminal and gives it back: at the end, after an error, after a panic, after SIGTERM or SIGHUP, and for a
//! while when the person wants their shell.

use std::io::{self, Stdout, Write};
use std::panic;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use crossterm::cursor::Show;
use crossterm::event::{
    DisableBracketedPaste, DisableMouseCapture, EnableBracketedPaste, EnableMouseCapture,
};
use crossterm::terminal::{
    EnterAlternateScreen, LeaveAlternateScreen, SetTitle, disable_raw_mode, enable_raw_mode,
};
use crossterm::{execute, style};
use ratatui::backend::CrosstermBackend;
use ratatui::{Frame, Terminal};

/// Whether the terminal is ours: the panic hook looks here.
static TAKEN: AtomicBool = AtomicBool::new(false);

/// The terminal while it is ours.
pub(super) struct Screen {
    terminal: Terminal<CrosstermBackend<Stdout>>,
    mouse: bool,
    /// The number of the signal that asks to end; 0 for none.
    signal: Arc<AtomicUsize>,
}

impl Screen {
    pub(super) fn take(mouse: bool) -> io::Result<Self> {
        give_back_on_panic();
        let signal = Arc::new(AtomicUsize::new(0));
        for number in ending_signals() {
            let value = usize::try_from(number).unwrap_or_default();
            signal_hook::flag::register_usize(number, Arc::clone(&signal), value)?;
        }
        end_without_a_terminal(&signal);
        // With NO_COLOR this version of crossterm writes sequences that undo bold and reversed. Colours are chosen by
        // the theme, which knows of NO_COLOR.
        style::force_color_output(true);
        enter(mouse)?;
        let terminal = Terminal::new(CrosstermBackend::new(io::stdout())).inspect_err(|_| give_back())?;
        Ok(Self { terminal, mouse, signal })
    }

    pub(super) fn draw(&mut self, draw: impl FnOnce(&mut Frame<'_>)) -> io::Result<()> {
        self.terminal.draw(draw).map(|_| ())
    }

    pub(super) fn clear(&mut self) -> io::Result<()> {
        self.terminal.clear()
    }

    pub(super) fn title(&mut self, title: &str) -> io::Result<()> {
        execute!(io::stdout(), SetTitle(title))
    }

    pub(super) fn mouse(&mut self, on: bool) -> io::Result<()> {
        self.mouse = on;
        if on {
            execute!(io::stdout(), EnableMouseCapture)
        } else {
            execute!(io::stdout(), DisableMouseCapture)
        }
    }

    /// Stops until the shell says to go on, with everything that was started with us.
    pub(super) fn suspend(&mut self) -> io::Result<()> {
        give_back();
        #[cfg(unix)]
        rustix::process::kill_current_process_group(rustix::process::Signal::TSTP)?;
        enter(self.mouse)?;
        self.terminal.clear()
    }

    /// Whether a signal asks to end.
    pub(super) fn is_ended(&self) -> bool {
        self.signal.load(Ordering::Relaxed) != 0
    }

    /// Ends as a program ends that knows nothing of the signal, after the terminal was given back.
    pub(super) fn die<T>(self) -> io::Result<T> {
        let signal = i32::try_from(self.signal.load(Ordering::Relaxed)).unwrap_or_default();
        drop(self);
        signal_hook::low_level::emulate_default_handler(signal)?;
        Err(io::Error::other("a signal asked to end"))
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        give_back();
    }
}

/// Ends the process some time after a signal asked for it, if the viewer has not done so by then: where the terminal is
/// gone, crossterm reads the end of its input again and again, and never comes back to us.
fn end_without_a_terminal(signal: &Arc<AtomicUsize>) {
    let signal = Arc::downgrade(signal);
    std::thread::spawn(move || {
        // The viewer gives its share up when it ends.
        while let Some(asked) = signal.upgrade().map(|signal| signal.load(Ordering::Relaxed)) {
            std::thread::sleep(GRACE);
            if asked != 0 {
                give_back();
                let number = i32::try_from(asked).unwrap_or_default();
                let _ended = signal_hook::low_level::emulate_default_handler(number);
            }
        }
    });
}

/// How long the viewer has to end by itself.
const GRACE: Duration = Duration::from_millis(300);

fn ending_signals() -> Vec<i32> {
    #[cfg(unix)]
    return vec![signal_hook::consts::SIGTERM, signal_hook::consts::SIGHUP];
    #[cfg(not(unix))]
    vec![signal_hook::consts::SIGTERM]
}

fn enter(mouse: bool) -> io::Result<()> {
    enable_raw_mode()?;
    TAKEN.store(true, Ordering::SeqCst);
    let entered = execute!(io::stdout(), EnterAlternateScreen, EnableBracketedPaste);
    let entered =
        entered.and_then(|()| if mouse { execute!(io::stdout(), EnableMouseCapture) } else { Ok(()) });
    entered.inspect_err(|_| give_back())
}

/// Gives the terminal back, if it is ours. Whatever fails here, the rest is still tried.
fn give_back() {
    if TAKEN.swap(false, Ordering::SeqCst) {
        let mut out = io::stdout();
        let _rest_first = execute!(out, DisableMouseCapture);
        let _rest_first = execute!(out, DisableBracketedPaste);
        let _rest_first = execute!(out, LeaveAlternateScreen, Show);
        let _rest_first = disable_raw_mode();
        let _rest_first = out.flush();
    }
}

/// A panic's message must not be drawn on a screen that vanishes.
fn give_back_on_panic() {
    static HOOK: std::sync::Once = std::sync::Once::new();
    HOOK.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            give_back();
            before(info);
        }));
    });
}
