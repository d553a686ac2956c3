//! One country: its directory, its node's process, its command line.

use super::command::{Outcome, run, signal};
use super::{Trouble, binaries, until};
use rustix::process::Signal;
use std::fs::File;
use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use varde_proto::home;

/// The network of every test and of the demonstration.
pub const NETWORK: &str = "varde.example";

const READY_LIMIT: Duration = Duration::from_secs(60);
const STOP_LIMIT: Duration = Duration::from_secs(30);
const CONNECT_LIMIT: Duration = Duration::from_secs(90);

/// Where a country's node lives.
#[derive(Debug, Clone)]
pub struct Site {
    /// The folder in which the node's directory is made.
    pub home: PathBuf,
    /// The folder of what the node says; apart from `home` where that may vanish.
    pub logs: PathBuf,
    /// Where the node listens.
    pub listen: String,
    /// The command that runs the node's own: empty, or one that becomes it (`exec`), so that its process is the node's.
    pub around: Vec<String>,
}

impl Site {
    /// In `home`, on a free port of loopback.
    pub fn loopback(home: &Path) -> Self {
        Self { home: home.to_owned(), logs: home.to_owned(), listen: "127.0.0.1:0".into(), around: Vec::new() }
    }
}

/// A country with its node. The node's process ends when this is dropped, unless it was let go.
#[derive(Debug)]
pub struct Country {
    code: String,
    dir: PathBuf,
    logs: PathBuf,
    around: Vec<String>,
    child: Option<Child>,
    address: Option<SocketAddr>,
}

impl Country {
    /// `varde init` in `home/<code in lower case>`, listening on a free port of loopback.
    pub fn init(home: &Path, code: &str) -> Result<Self, Trouble> {
        Self::init_with(home, code, &[])
    }

    /// The same with further arguments of `varde init`.
    pub fn init_with(home: &Path, code: &str, more: &[&str]) -> Result<Self, Trouble> {
        Self::init_at(Site::loopback(home), code, more)
    }

    /// The same in a place of its own.
    pub fn init_at(site: Site, code: &str, more: &[&str]) -> Result<Self, Trouble> {
        let Site { home, logs, listen, around } = site;
        let dir = home.join(code.to_lowercase());
        let country = Self { code: code.to_owned(), dir, logs, around, child: None, address: None };
        let mut args = vec!["init", "--country", code, "--network", NETWORK, "--listen", listen.as_str()];
        args.extend(more);
        country.varde(&args)?.ok()?;
        Ok(country)
    }

    /// `NO`
    pub fn code(&self) -> &str {
        &self.code
    }

    /// The node's directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Where the node serves, once it was started.
    pub fn address(&self) -> Option<SocketAddr> {
        self.address
    }

    /// The process of the running node.
    pub fn pid(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// The file to which the node's log goes.
    pub fn log(&self) -> PathBuf {
        self.said("log")
    }

    fn said(&self, extension: &str) -> PathBuf {
        self.logs.join(format!("{}.{extension}", self.code.to_lowercase()))
    }

    /// Starts the node and waits until it says `ready`.
    pub fn start(&mut self) -> Result<(), Trouble> {
        self.start_with(|_| {})
    }

    /// Starts the node as changed by `adjust` (its environment).
    pub fn start_with(&mut self, adjust: impl FnOnce(&mut Command)) -> Result<(), Trouble> {
        let out = self.said("out");
        let mut words = self.around.iter().map(std::ffi::OsStr::new).chain([binaries()?.node.as_os_str()]);
        let mut command = Command::new(words.next().unwrap_or_default());
        command.args(words).arg("--dir").arg(&self.dir).stdin(Stdio::null()).stdout(File::create(&out)?);
        command.stderr(File::options().create(true).append(true).open(self.log())?);
        adjust(&mut command);
        let mut child = command.spawn()?;
        let said = until("a node to say that it is ready", READY_LIMIT, || {
            let text = std::fs::read_to_string(&out).unwrap_or_default();
            let ended = child.try_wait().ok().flatten().is_some();
            (text.ends_with('\n') || ended).then_some(text)
        });
        self.child = Some(child);
        let said = said.map_err(|e| self.not_ready(&e.to_string()))?;
        let address = said.lines().next().and_then(|l| l.strip_prefix("ready ")).and_then(|a| a.parse().ok());
        self.address = Some(address.ok_or_else(|| self.not_ready(&format!("it said {said:?}")))?);
        Ok(())
    }

    fn not_ready(&self, why: &str) -> Trouble {
        let log = std::fs::read_to_string(self.log()).unwrap_or_default();
        let tail: Vec<&str> = log.lines().rev().take(20).collect();
        let tail: String = tail.into_iter().rev().map(|l| format!("  {l}\n")).collect();
        Trouble::new(format!("the node of {} is not ready: {why}\n{tail}", self.code))
    }

    /// Asks the node to stop, and waits until it has.
    pub fn stop(&mut self) -> Result<(), Trouble> {
        let Some(mut child) = self.child.take() else { return Ok(()) };
        signal(child.id(), Signal::TERM);
        let ended = until("a node asked to stop", STOP_LIMIT, || child.try_wait().transpose());
        let status = match ended {
            Ok(status) => status?,
            Err(trouble) => {
                self.child = Some(child);
                return Err(trouble);
            }
        };
        if status.success() {
            return Ok(());
        }
        Err(Trouble::new(format!("the node of {} stopped with {status}; see {}", self.code, self.log().display())))
    }

    /// Ends the node as a power failure of its process would, at once and without a word.
    pub fn kill9(&mut self) -> Result<(), Trouble> {
        if let Some(mut child) = self.child.take() {
            child.kill()?;
            child.wait()?;
        }
        Ok(())
    }

    /// Leaves the node running when this is dropped.
    pub fn let_go(&mut self) {
        self.child = None;
    }

    /// Waits until the node is connected with the one of `there`.
    pub fn connected(&self, there: &str) -> Result<(), Trouble> {
        let is = || -> Result<bool, Trouble> {
            let status = self.varde(&["status", "--json"])?.json(0)?;
            let peers = status["peers"].as_array().cloned().unwrap_or_default();
            Ok(peers.iter().any(|peer| peer["country"] == there && peer["connected"] == true))
        };
        let what = format!("{} to be connected with {there}", self.code);
        until(&what, CONNECT_LIMIT, || is().unwrap_or(false).then_some(()))
    }

    /// Writes the node's descriptor beside its directory, and says where.
    fn exported(&self) -> Result<String, Trouble> {
        let file = self.dir.with_extension("descriptor");
        std::fs::write(&file, self.varde(&["peer", "export"])?.ok()?)?;
        Ok(file.to_string_lossy().into_owned())
    }

    /// Pins another country here under an endpoint of that one's that only this one is told. Before either was started.
    pub fn pin_at(&self, there: &Country, endpoint: &str) -> Result<(), Trouble> {
        there.set_endpoint(endpoint)?;
        let (file, fingerprint) = (there.exported()?, there.varde(&["peer", "fingerprint"])?.ok()?);
        self.varde(&["peer", "add", &file, "--fingerprint", fingerprint.trim()])?.ok().map(drop)
    }

    /// Changes where peers are told to reach the node; durable, as what the node itself writes is.
    fn set_endpoint(&self, endpoint: &str) -> Result<(), Trouble> {
        let path = self.dir.join(home::CONFIG);
        let text = std::fs::read_to_string(&path)?;
        let changed = text.lines().map(|line| match line.starts_with("endpoint = ") {
            true => format!("endpoint = \"{endpoint}\"\n"),
            false => format!("{line}\n"),
        });
        let changed: String = changed.collect();
        let mut file = File::create(&path)?;
        file.write_all(changed.as_bytes())?;
        Ok(file.sync_all()?)
    }

    /// `varde` with `--dir` of this country.
    pub fn command(&self) -> Result<Command, Trouble> {
        let mut command = Command::new(&binaries()?.varde);
        command.env("VARDE_DIR", &self.dir).env("NO_COLOR", "1");
        Ok(command)
    }

    /// Runs `varde` for this country.
    pub fn varde<S: AsRef<std::ffi::OsStr>>(&self, args: &[S]) -> Result<Outcome, Trouble> {
        run(self.command()?.args(args))
    }
}

impl Drop for Country {
    fn drop(&mut self) {
        // The process that we started, by its id; it may have ended by itself.
        let _ = self.kill9();
    }
}

/// Pins every country at every other: `peer export` there, `peer add` here, compared by fingerprint.
pub fn pin_all(countries: &[&Country]) -> Result<(), Trouble> {
    for there in countries {
        let file = there.exported()?;
        let fingerprint = there.varde(&["peer", "fingerprint"])?.ok()?;
        for here in countries.iter().filter(|c| c.code() != there.code()) {
            here.varde(&["peer", "add", &file, "--fingerprint", fingerprint.trim()])?.ok()?;
        }
    }
    Ok(())
}
