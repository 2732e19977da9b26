//! A Chromium without a window, told what to do over a pipe (its DevTools protocol). No driver, no server, no port.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::{Value, json};
use tempfile::TempDir;

/// By what names it is found; `LAB_CHROMIUM` names another.
const NAMES: [&str; 5] =
    ["chromium", "chromium-headless-shell", "chromium-browser", "google-chrome", "google-chrome-stable"];
/// How long an answer may take before the browser is given up: it is only waited for, never measured.
const PATIENCE: Duration = Duration::from_secs(120);

/// A page in a browser of its own.
pub(crate) struct Page {
    browser: Child,
    commands: ChildStdin,
    answers: Receiver<Value>,
    /// What the page did: requests, messages on the console, errors.
    events: Vec<Value>,
    session: Option<String>,
    sent: u64,
    folder: TempDir,
}

impl Page {
    /// An empty page of a size; `None` where there is no Chromium. The network is off.
    #[expect(clippy::print_stdout, reason = "whoever reads the output of the test shall know")]
    #[expect(
        clippy::zombie_processes,
        reason = "a shell has its input and output, and a page that is made waits for it"
    )]
    pub(crate) fn start(test: &str, width: u32, height: u32) -> Option<Self> {
        let named = std::env::var("LAB_CHROMIUM").ok();
        let runs = |name: &&str| Command::new(name).arg("--version").output().is_ok();
        let Some(program) = named.as_deref().or_else(|| NAMES.iter().copied().find(|name| runs(name))) else {
            println!("there is no Chromium, so `{test}` checks nothing");
            return None;
        };
        let folder = tempfile::tempdir().expect("the folder for temporary files is there");
        // Its own temporary files go when ours do: it is killed, and clears nothing up.
        let temporary = folder.path().join("tmp");
        std::fs::create_dir(&temporary).expect("the folder is ours");
        // It listens on descriptor 3 and answers on 4, which are our pipes; what else it prints is of no interest.
        let mut browser = Command::new("sh")
            .args(["-c", "exec \"$0\" \"$@\" 3<&0 4>&1 </dev/null >/dev/null 2>&1", program])
            .args([
                "--headless",
                "--remote-debugging-pipe",
                "--no-sandbox",
                "--disable-gpu",
                "--no-first-run",
            ])
            .args([
                "--disable-dev-shm-usage",
                "--disable-background-networking",
                "--disable-component-update",
            ])
            .args(["--disable-extensions", "--hide-scrollbars", "--host-resolver-rules=MAP * ~NOTFOUND"])
            .arg(format!("--user-data-dir={}", folder.path().join("profile").display()))
            .arg(format!("--window-size={width},{height}"))
            .env("TMPDIR", temporary)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .process_group(0)
            .spawn()
            .expect("there is a shell");
        let (commands, output) = (browser.stdin.take()?, browser.stdout.take()?);
        let (sender, answers) = channel();
        std::thread::spawn(move || {
            for message in BufReader::new(output).split(0) {
                let Ok(message) = message else { return };
                let Ok(message) = serde_json::from_slice(&message) else { return };
                if sender.send(message).is_err() {
                    return;
                }
            }
        });
        let mut page =
            Self { browser, commands, answers, events: Vec::new(), session: None, sent: 0, folder };
        let target = page.call("Target.createTarget", json!({ "url": "about:blank" }))["targetId"].clone();
        let attached = page.call("Target.attachToTarget", json!({ "targetId": target, "flatten": true }));
        page.session = attached["sessionId"].as_str().map(str::to_owned);
        for domain in ["Page", "Runtime", "Network", "Log"] {
            page.call(&format!("{domain}.enable"), json!({}));
        }
        page.call(
            "Network.emulateNetworkConditions",
            json!({ "offline": true, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1 }),
        );
        page.resize(width, height);
        Some(page)
    }

    /// A folder for the test's files.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Sends a command and waits for its answer.
    pub(crate) fn call(&mut self, method: &str, params: Value) -> Value {
        self.sent += 1;
        let id = self.sent;
        let mut command = json!({ "id": id, "method": method, "params": params });
        if let Some(session) = &self.session {
            command["sessionId"] = session.as_str().into();
        }
        let mut bytes = command.to_string().into_bytes();
        bytes.push(0);
        self.commands.write_all(&bytes).expect("the browser listens");
        loop {
            let message = self.next(method);
            if message["id"] == id {
                assert!(message["error"].is_null(), "{method}: {}", message["error"]);
                return message["result"].clone();
            }
        }
    }

    /// The next message; what is no answer is kept.
    fn next(&mut self, waiting_for: &str) -> Value {
        let message = self.answers.recv_timeout(PATIENCE);
        let message =
            message.unwrap_or_else(|error| panic!("the browser does not answer {waiting_for}: {error}"));
        if message["method"].is_string() {
            self.events.push(message.clone());
        }
        message
    }

    /// Opens a file at a place in it, such as `#step=3`, and waits until it is there.
    pub(crate) fn open(&mut self, file: &Path, place: &str) {
        // From page to page of one file nothing is loaded.
        for url in ["about:blank".to_owned(), format!("file://{}{place}", file.display())] {
            let seen = self.events.len();
            self.call("Page.navigate", json!({ "url": url }));
            while self.events[seen..].iter().all(|event| event["method"] != "Page.loadEventFired") {
                self.next("Page.navigate");
            }
        }
    }

    pub(crate) fn resize(&mut self, width: u32, height: u32) {
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.call("Emulation.setDeviceMetricsOverride", size);
    }

    /// The value of an expression of JavaScript in the page.
    pub(crate) fn ask(&mut self, expression: &str) -> Value {
        let answer = self.call(
            "Runtime.evaluate",
            json!({ "expression": expression, "returnByValue": true, "awaitPromise": true }),
        );
        assert!(answer["exceptionDetails"].is_null(), "{expression}: {answer}");
        answer["result"]["value"].clone()
    }

    pub(crate) fn text(&mut self, expression: &str) -> String {
        self.ask(expression).as_str().unwrap_or_default().to_owned()
    }

    /// Presses keys, named as in the browser: `w`, `ArrowRight`, `Escape`.
    pub(crate) fn press(&mut self, keys: &str) {
        for key in keys.split(' ') {
            // The browser's own reactions, such as closing a dialog, go by the number of a key.
            let (number, text) = match key {
                "Escape" => (27, ""),
                "Enter" => (13, "\r"),
                key if key.chars().count() == 1 => (0, key),
                _ => (0, ""),
            };
            let mut down = json!({ "type": "keyDown", "key": key, "windowsVirtualKeyCode": number });
            if !text.is_empty() {
                down["text"] = text.into();
            }
            self.call("Input.dispatchKeyEvent", down);
            self.call("Input.dispatchKeyEvent", json!({ "type": "keyUp", "key": key }));
        }
    }

    /// Presses a key that asks for a text, and gives one in place of what stands there.
    pub(crate) fn enter(&mut self, key: &str, text: &str) {
        self.press(key);
        self.ask("document.activeElement.select()");
        self.call(
            "Input.dispatchKeyEvent",
            json!({ "type": "keyDown", "key": "Backspace", "windowsVirtualKeyCode": 8 }),
        );
        self.call("Input.dispatchKeyEvent", json!({ "type": "keyUp", "key": "Backspace" }));
        self.call("Input.insertText", json!({ "text": text }));
        self.press("Enter");
    }

    /// Presses many keys at once: the page gets the events without the browser's way of making them.
    pub(crate) fn press_quickly(&mut self, keys: &str) {
        let keys: Vec<&str> = keys.split(' ').collect();
        self.ask(&format!(
            "{keys:?}.forEach((key) => document.body.dispatchEvent(new KeyboardEvent('keydown', {{ key, bubbles: true }})))"
        ));
    }

    /// Clicks into the middle of the first element that a selector finds.
    pub(crate) fn click(&mut self, selector: &str) {
        let place = self.ask(&format!(
            "(() => {{ const r = document.querySelector({selector:?}).getBoundingClientRect(); \
             return [r.x + r.width / 2, r.y + r.height / 2]; }})()"
        ));
        for kind in ["mousePressed", "mouseReleased"] {
            let at = json!({ "type": kind, "x": place[0], "y": place[1], "button": "left", "clickCount": 1 });
            self.call("Input.dispatchMouseEvent", at);
        }
    }

    /// Asserts that the page asked for nothing but itself, and that nothing went wrong in it.
    pub(crate) fn was_quiet(&mut self) {
        // What was sent before this answer has arrived.
        self.ask("1");
        for event in &self.events {
            let (method, params) = (event["method"].as_str().unwrap_or_default(), &event["params"]);
            match method {
                "Network.requestWillBeSent" => {
                    let url = params["request"]["url"].as_str().unwrap_or_default();
                    let allowed = url.starts_with("file://") && params["type"] == "Document";
                    assert!(allowed || url == "about:blank", "a request: {params}");
                }
                "Runtime.exceptionThrown" | "Runtime.consoleAPICalled" | "Log.entryAdded" => {
                    panic!("{event}")
                }
                _ => {}
            }
        }
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        // Nobody listens any more if it is gone already.
        let _gone = kill_process_group(Pid::from_child(&self.browser), Signal::KILL);
        let _gone = self.browser.wait();
        // Its other processes are nobody's to wait for, and write into the profile to their end.
        for _ in 0..250 {
            match std::fs::remove_dir_all(self.folder.path()) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    std::thread::sleep(Duration::from_millis(20));
                }
                _ => return,
            }
        }
    }
}
