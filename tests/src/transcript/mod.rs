//! Commands in guides are transcripts that run.
//!
//! In: taking the ` ```console ` blocks out of a guide, running their commands in order in one folder, comparing what they
//! said. Out: preparing the folder, which the guide's test does.
//!
//! A line that begins with `$ ` is a command for `sh` (with variables and folders kept from one command to the next);
//! what follows is what it says, stdout and stderr as they come: `[..]` stands for any text in a line, a line `...` for any
//! lines, `[exit 3]` for the exit code where it is not 0. Without any such line only the exit code counts. A
//! `varde-node ... &` is started, waited for until it says `ready`, and ended with the guide.

mod compare;
mod parse;

pub use parse::{Command, commands};

use crate::harness::{Outcome, Trouble, binaries, run, until};
use compare::difference;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::Duration;

const READY_LIMIT: Duration = Duration::from_secs(60);

/// A folder in which a guide's commands run; the nodes that they start end with it.
#[derive(Debug)]
pub struct Stage {
    folder: PathBuf,
    variables: Vec<(String, String)>,
    nodes: Vec<Child>,
}

impl Stage {
    /// Runs commands in `folder`.
    pub fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), variables: Vec::new(), nodes: Vec::new() }
    }

    /// Sets a variable for every command.
    pub fn set(&mut self, name: &str, value: &str) {
        self.variables.push((name.to_owned(), value.to_owned()));
    }

    /// Plays a guide: every command of its text, in order. Says how many there were.
    pub fn play(&mut self, guide: &str) -> Result<usize, Trouble> {
        let commands = commands(guide);
        for command in &commands {
            let wrong = |trouble: Trouble| Trouble::new(format!("line {}: {trouble}", command.line));
            self.play_one(command).map_err(wrong)?;
        }
        Ok(commands.len())
    }

    fn play_one(&mut self, command: &Command) -> Result<(), Trouble> {
        if let Some(node) = command.text.strip_suffix('&').filter(|c| c.starts_with("varde-node ")) {
            return self.start(node.trim());
        }
        let outcome = self.run(&command.text)?;
        let outcome = Outcome { command: command.text.clone(), ..outcome };
        if outcome.code != Some(command.exit) {
            return Err(outcome.trouble(&format!("wanted exit code {}", command.exit)));
        }
        difference(&command.says, &outcome.stdout).map_or(Ok(()), |wrong| Err(outcome.trouble(&wrong)))
    }

    fn shell(&self, script: &str) -> Result<std::process::Command, Trouble> {
        let bin = binaries()?.varde.parent().unwrap_or(Path::new("/")).to_owned();
        let path = std::env::var("PATH").unwrap_or_default();
        let mut shell = std::process::Command::new("sh");
        shell.arg("-c").arg(script).current_dir(&self.folder).env_remove("VARDE_DIR").env("NO_COLOR", "1");
        shell.env("PATH", format!("{}:{path}", bin.display()));
        shell.envs(self.variables.iter().map(|(n, v)| (n, v)));
        Ok(shell)
    }

    /// Variables and the current folder are carried from one command to the next in a file.
    fn run(&self, text: &str) -> Result<Outcome, Trouble> {
        let kept = self.folder.join(".kept");
        let kept = kept.display();
        let script = format!(
            "exec 2>&1\n[ -f '{kept}' ] && . '{kept}'\nset -a\n{text}\ncode=$?\nset +a\n{{ export -p; echo \"cd '$PWD'\"; }} > '{kept}'\nexit $code"
        );
        run(&mut self.shell(&script)?)
    }

    fn start(&mut self, node: &str) -> Result<(), Trouble> {
        let said = self.folder.join(format!("node-{}.out", self.nodes.len()));
        let kept = self.folder.join(".kept");
        let kept = kept.display();
        let mut shell = self.shell(&format!("[ -f '{kept}' ] && . '{kept}'\nexec {node}"))?;
        shell.stdin(Stdio::null()).stdout(File::create(&said)?).stderr(File::create(said.with_extension("log"))?);
        self.nodes.push(shell.spawn()?);
        let ready =
            || std::fs::read_to_string(&said).is_ok_and(|t| t.starts_with("ready ") && t.ends_with('\n')).then_some(());
        until(&format!("`{node}` to say ready"), READY_LIMIT, ready)
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        for node in &mut self.nodes {
            // Ours by its id; it may have ended by itself.
            let _ = node.kill();
            let _ = node.wait();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn play(guide: &str) -> Result<usize, String> {
        let folder = tempfile::tempdir().map_err(|e| e.to_string())?;
        Stage::new(folder.path()).play(guide).map_err(|e| e.to_string())
    }

    #[test]
    fn variables_and_folders_last_from_one_command_to_the_next() {
        let guide = "```console\n$ ID=$(echo '7c 1e') && mkdir a && cd a\n```\ntext\n```console\n$ echo \"<$ID>\" && basename $PWD\n<7c 1e>\na\n```\n";
        assert_eq!(play(guide), Ok(2));
    }

    #[test]
    fn another_text_or_exit_code_is_a_failure_that_names_the_line() {
        for (block, says) in [
            ("$ echo a\nb", "line 2: wanted the line `b`"),
            ("$ false", "line 2: wanted exit code 0"),
            ("$ true\n[exit 3]", "line 2: wanted exit code 3"),
            ("$ echo a; echo b\na", "line 2: did not expect the line `b`"),
        ] {
            let trouble = play(&format!("```console\n{block}\n```\n")).unwrap_err();
            assert!(trouble.starts_with(says), "{trouble}");
        }
    }

    #[test]
    fn talk_and_data_are_compared_together() {
        assert_eq!(play("```console\n$ echo a; echo b >&2; exit 3\na\n[..]\n[exit 3]\n```\n"), Ok(1));
    }
}
