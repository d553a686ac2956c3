//! The proxy's process, as the run sees it.

use super::field::Field;
use super::proxy::Mode;
use crate::harness::{Trouble, until};
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

const READY: Duration = Duration::from_secs(10);

/// One proxy before each node, all in one process at the hub. It ends when this is dropped.
pub(super) struct Proxies {
    child: Child,
    said: mpsc::Receiver<String>,
}

impl Proxies {
    /// Starts this very program as the proxy.
    pub(super) fn start(field: &Field, nodes: usize) -> Result<Self, Trouble> {
        let around = field.around_hub();
        let (tool, words) = around.split_first().ok_or_else(|| Trouble::new("no command"))?;
        let mut command = Command::new(tool);
        command.args(words).arg(std::env::current_exe()?).arg("proxy");
        command.args((0..nodes).flat_map(|n| [field.proxy(n), field.listen(n)]));
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let output = child.stdout.take().ok_or_else(|| Trouble::new("the proxy has no output"))?;
        let (say, said) = mpsc::channel();
        std::thread::spawn(move || BufReader::new(output).lines().map_while(Result::ok).try_for_each(|l| say.send(l)));
        let proxies = Self { child, said };
        until("the proxy to listen", READY, || proxies.said.try_recv().ok().filter(|line| line == "ready"))?;
        Ok(proxies)
    }

    /// Says what is done to connections with a node through its proxy.
    pub(super) fn set(&mut self, n: usize, mode: Mode) -> Result<(), Trouble> {
        let input = self.child.stdin.as_mut().ok_or_else(|| Trouble::new("the proxy has no input"))?;
        Ok(writeln!(input, "{n} {mode}")?)
    }

    /// Ends the process, and says how many connections it carried.
    pub(super) fn end(mut self) -> Result<u64, Trouble> {
        drop(self.child.stdin.take());
        let carried = || self.said.try_recv().ok().and_then(|line| line.parse().ok());
        until("the proxy to say what it carried", READY, carried)
    }
}

impl Drop for Proxies {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
