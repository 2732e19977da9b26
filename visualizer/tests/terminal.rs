//! Runs the viewer in a real terminal (tmux): that it draws, listens, and gives the terminal back whatever happens.
//!
//! Where there is no tmux these tests say so and check nothing; `tmux -V` tells.

use std::process::{Command, Output};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

/// How often something is looked for before it is given up, a twentieth of a second each.
const PATIENCE: usize = 600;

/// A terminal of a test's own, on a server of its own.
struct Tmux {
    socket: String,
}

impl Tmux {
    /// A shell in a terminal; `None` where there is no tmux.
    #[expect(clippy::print_stdout, reason = "whoever reads the output of the test shall know")]
    fn start(test: &str, width: u16, height: u16) -> Option<Self> {
        if Command::new("tmux").arg("-V").output().is_err() {
            println!("there is no tmux, so `{test}` checks nothing");
            return None;
        }
        let tmux = Self { socket: format!("lab-{test}-{}", std::process::id()) };
        let (width, height) = (width.to_string(), height.to_string());
        let shell = "exec env -u NO_COLOR RUST_BACKTRACE=0 PS1='$ ' LC_ALL=C.UTF-8 sh";
        tmux.run(&["new-session", "-d", "-s", "t", "-x", &width, "-y", &height, shell]);
        tmux.run(&["set", "-s", "set-clipboard", "on"]);
        tmux.until("#{cursor_x}", |x| x == "2");
        Some(tmux)
    }

    fn run(&self, args: &[&str]) -> String {
        let output = Command::new("tmux").args(["-L", &self.socket, "-f", "/dev/null"]).args(args).output();
        let Output { stdout, .. } = output.expect("tmux was there a moment ago");
        String::from_utf8_lossy(&stdout).trim_end().to_owned()
    }

    fn ask(&self, format: &str) -> String {
        self.run(&["display", "-p", "-t", "t", format])
    }

    /// Waits until something is as it should be.
    fn until(&self, format: &str, is: impl Fn(&str) -> bool) -> String {
        for _ in 0..PATIENCE {
            let text = self.ask(format);
            if is(&text) {
                return text;
            }
            thread::sleep(Duration::from_millis(50));
        }
        panic!("`{format}` stays `{}`; the screen is\n{}", self.ask(format), self.screen());
    }

    fn type_in(&self, text: &str) {
        self.run(&["send-keys", "-t", "t", "-l", text]);
    }

    fn press(&self, keys: &str) {
        let keys: Vec<&str> = keys.split_whitespace().collect();
        self.run(&[&["send-keys", "-t", "t"], keys.as_slice()].concat());
    }

    /// Opens the sample trace, and waits for the first frame.
    fn open(&self, environment: &str, options: &str) {
        let trace = concat!(env!("CARGO_MANIFEST_DIR"), "/src/trace_file/v1.json");
        let lab = env!("CARGO_BIN_EXE_lab");
        self.type_in(&format!("{environment} LAB_SHOW_TITLE=1 {lab} show {trace} {options}"));
        self.press("Enter");
        self.until("#{pane_title}", |title| title.starts_with("ready step=5 "));
    }

    fn step(&self, step: usize) {
        self.until("#{pane_title}", |title| title.starts_with(&format!("ready step={step} ")));
    }

    fn screen(&self) -> String {
        self.run(&["capture-pane", "-p", "-t", "t"])
    }

    fn screen_with_styles(&self) -> String {
        self.run(&["capture-pane", "-p", "-e", "-t", "t"])
    }

    /// Waits until the shell has its terminal again: its screen, its mouse, its echo.
    fn is_given_back(&self) {
        self.until("#{alternate_on} #{mouse_any_flag}", |state| state == "0 0");
        self.type_in("stty -a | grep -c ' -icanon'; echo status-$?");
        self.press("Enter");
        self.until("#{cursor_x}", |x| x == "2");
        // Counted are lines that say that the terminal is still raw.
        self.until_screen("0\nstatus-1");
    }

    /// Waits until something is on the screen.
    fn until_screen(&self, text: &str) {
        for _ in 0..PATIENCE {
            if self.screen().contains(text) {
                return;
            }
            thread::sleep(Duration::from_millis(50));
        }
        panic!("there is no `{text}` on the screen\n{}", self.screen());
    }
}

impl Drop for Tmux {
    fn drop(&mut self) {
        self.run(&["kill-server"]);
    }
}

/// The terminal, or the end of the test.
macro_rules! terminal {
    ($test:literal, $width:literal, $height:literal) => {
        match Tmux::start($test, $width, $height) {
            Some(tmux) => tmux,
            None => return,
        }
    };
}

#[test]
fn steps_resizes_copies_and_quits() {
    let tmux = terminal!("steps", 80, 24);
    tmux.open("", "");
    tmux.press(",");
    tmux.step(4);
    tmux.press("1 g");
    tmux.step(1);
    tmux.press("y");
    for _ in 0..PATIENCE {
        if tmux.run(&["show-buffer"]).starts_with("step 1 of 5: client1's timer Retry fires") {
            break;
        }
        thread::sleep(Duration::from_millis(50));
    }
    assert!(tmux.run(&["show-buffer"]).starts_with("step 1 of 5: client1's timer Retry fires"));
    tmux.run(&["resize-window", "-t", "t", "-x", "60", "-y", "15"]);
    tmux.until_screen("[1 Trace] 2 State");
    // A click on the row of step 3, in columns and rows from 1.
    let row = tmux.screen().lines().position(|line| line.starts_with("  3 ")).unwrap() + 1;
    tmux.type_in(&format!("\u{1b}[<0;10;{row}M\u{1b}[<0;10;{row}m"));
    tmux.step(3);
    tmux.press("q");
    tmux.is_given_back();
}

#[test]
fn gives_the_terminal_back_after_sigterm() {
    let tmux = terminal!("sigterm", 80, 24);
    tmux.open("", "");
    let shell = tmux.ask("#{pane_pid}");
    let children = std::fs::read_to_string(format!("/proc/{shell}/task/{shell}/children")).unwrap();
    let viewer = Pid::from_raw(children.trim().parse().unwrap()).unwrap();
    kill_process(viewer, Signal::TERM).unwrap();
    tmux.until("#{alternate_on}", |on| on == "0");
    tmux.type_in("echo ended-$?");
    tmux.press("Enter");
    tmux.until_screen("\nended-143");
    tmux.is_given_back();
}

#[test]
fn gives_the_terminal_back_after_a_panic() {
    let tmux = terminal!("panic", 80, 24);
    tmux.open("LAB_SHOW_PANIC=1", "");
    tmux.press("C-l");
    tmux.until("#{alternate_on}", |on| on == "0");
    tmux.is_given_back();
    assert!(tmux.screen().contains("LAB_SHOW_PANIC is set"), "{}", tmux.screen());
}

#[test]
fn gives_the_terminal_back_for_a_while() {
    let tmux = terminal!("suspend", 80, 24);
    tmux.type_in("set -m");
    tmux.press("Enter");
    tmux.open("", "");
    tmux.press("C-z");
    tmux.is_given_back();
    tmux.type_in("fg");
    tmux.press("Enter");
    tmux.until("#{alternate_on} #{mouse_any_flag}", |state| state == "1 1");
    tmux.press(",");
    tmux.step(4);
    tmux.press("q");
    tmux.is_given_back();
}

#[test]
fn without_colours_the_selection_is_still_there() {
    let tmux = terminal!("colours", 80, 24);
    tmux.open("NO_COLOR=1", "");
    let screen = tmux.screen_with_styles();
    let selected = screen.lines().find(|line| line.contains('>') && line.contains("Done")).unwrap();
    assert!(selected.contains("\u{1b}[7m") || selected.contains(";7m"), "{selected:?}");
    // 39 is the terminal's own.
    let coloured = |n: u8| screen.contains(&format!("\u{1b}[3{n}")) || screen.contains(&format!(";3{n}"));
    assert!(!(0..=8).any(coloured), "a colour: {screen:?}");
    tmux.press("q");
    tmux.is_given_back();
}

/// Things happen one by one; one that never ends leaves the viewer alone, and the terminal is given back.
#[test]
fn explores_branches_and_quits() {
    let tmux = terminal!("explore", 80, 24);
    let lab = env!("CARGO_BIN_EXE_hostile-lab");
    tmux.type_in(&format!("LAB_SHOW_TITLE=1 {lab} explore --deed hang"));
    tmux.press("Enter");
    tmux.step(0);
    tmux.press("3 e");
    tmux.until_screen("+ sends Count 2");
    tmux.press("d");
    tmux.step(1);
    tmux.press("d");
    tmux.until_screen("the handler runs: ");
    tmux.press(",");
    tmux.step(0);
    tmux.press("Escape");
    tmux.until_screen("given up");
    tmux.press("b");
    tmux.until_screen("live: main.1");
    tmux.press("d");
    tmux.step(1);
    tmux.press("7");
    tmux.until_screen("main.1");
    tmux.press("q");
    tmux.until_screen("what happened is not saved");
    tmux.press("q");
    tmux.is_given_back();
}

/// The text that a pipe gets has nothing in it for a terminal.
#[test]
fn a_pipe_gets_text() {
    let trace = concat!(env!("CARGO_MANIFEST_DIR"), "/src/trace_file/v1.json");
    let output = Command::new(env!("CARGO_BIN_EXE_lab")).args(["show", trace]).output().unwrap();
    assert!(output.status.success());
    assert!(!output.stdout.contains(&0x1b) && output.stderr.is_empty());
    assert!(String::from_utf8_lossy(&output.stdout).starts_with("register: violated: texts are kept"));
}
