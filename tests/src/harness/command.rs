//! Running a command to its end, with a deadline, and what it said.

use super::Trouble;
use rustix::process::{Pid, Signal, kill_process};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

/// No command of a test takes longer; one that does is ended and reported.
const LIMIT: Duration = Duration::from_secs(300);

/// How a command ended.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The command, for messages.
    pub command: String,
    /// The exit code; none when a signal ended it.
    pub code: Option<i32>,
    /// Its data.
    pub stdout: String,
    /// Its talk.
    pub stderr: String,
}

impl Outcome {
    /// Its data, when it ended with exit code `code`.
    pub fn expect_code(self, code: i32) -> Result<String, Trouble> {
        if self.code == Some(code) { Ok(self.stdout) } else { Err(self.trouble(&format!("wanted exit code {code}"))) }
    }

    /// Its data, when it ended well.
    pub fn ok(self) -> Result<String, Trouble> {
        self.expect_code(0)
    }

    /// Its data as JSON, when it ended with exit code `code`.
    pub fn json(self, code: i32) -> Result<serde_json::Value, Trouble> {
        let copy = self.clone();
        let text = self.expect_code(code)?;
        serde_json::from_str(&text).map_err(|e| copy.trouble(&format!("wanted one JSON document: {e}")))
    }

    /// What was wrong, with everything the command said.
    pub fn trouble(&self, wrong: &str) -> Trouble {
        let Self { command, code, stdout, stderr } = self;
        let code = code.map_or("a signal".to_owned(), |c| format!("exit code {c}"));
        Trouble::new(format!("{wrong}\n$ {command}\n{stdout}{stderr}(ended with {code})"))
    }
}

/// Runs a command without input, and waits for its end.
pub fn run(command: &mut Command) -> Result<Outcome, Trouble> {
    let shown = show(command);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().map_err(|e| Trouble::new(format!("cannot run {shown}: {e}")))?;
    let pid = child.id();
    let (done, ended) = mpsc::channel();
    std::thread::spawn(move || {
        let _ = done.send(child.wait_with_output());
    });
    let output = match ended.recv_timeout(LIMIT) {
        Ok(output) => output?,
        Err(_) => {
            signal(pid, Signal::KILL);
            return Err(Trouble::new(format!("{shown} did not end within {} s", LIMIT.as_secs())));
        }
    };
    Ok(Outcome {
        command: shown,
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}

/// Sends a signal to one process of ours; one that has ended already is no error.
pub(super) fn signal(pid: u32, signal: Signal) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        let _ = kill_process(pid, signal);
    }
}

fn show(command: &Command) -> String {
    let program = std::path::Path::new(command.get_program()).file_name().unwrap_or_default().to_string_lossy();
    let mut shown = program.into_owned();
    for argument in command.get_args() {
        shown.push(' ');
        shown.push_str(&argument.to_string_lossy());
    }
    shown
}
