//! The namespaces: one for each node, joined by veth pairs to a bridge in one of their own, the hub. All that makes the network
//! bad happens here; all of it goes with the namespaces when this is dropped.

use super::NoRun;
use crate::harness::{Outcome, Trouble, run};
use std::path::Path;
use std::process::Command;

/// Where every node listens, in its own namespace.
const PORT: u16 = 7443;
/// The first port of the proxies, at the hub.
const PROXIES: u16 = 7500;
/// Inside a node's namespace, its end of the wire.
const WIRE: &str = "eth0";

/// A direction, seen from a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Way {
    /// To the node.
    In,
    /// From it.
    Out,
}

/// An end of a node's wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum End {
    /// In its own namespace: its addresses' routes vanish.
    Own,
    /// At the hub: it has no carrier.
    Hub,
}

/// The namespaces of one run. Removed when dropped.
pub(super) struct Field {
    prefix: String,
    nodes: usize,
}

impl Field {
    /// Makes them for so many nodes, or says why it cannot.
    pub(super) fn new(nodes: usize) -> Result<Self, NoRun> {
        if !rustix::process::geteuid().is_root() {
            return Err(NoRun::Skipped("needs root".into()));
        }
        for (tool, option) in [("ip", "-V"), ("tc", "-V"), ("nft", "-v"), ("nsenter", "-V")] {
            if run(Command::new(tool).arg(option)).is_err() {
                return Err(NoRun::Skipped(format!("needs `{tool}` (iproute2, nftables, util-linux)")));
            }
        }
        sweep();
        let field = Self { prefix: format!("varde-{}", std::process::id()), nodes };
        // A container's root may make no namespace, and a kernel may lack one of the parts; that is found out here.
        field.build().map_err(|trouble| NoRun::Skipped(format!("this kernel or container lacks a part: {trouble}")))?;
        Ok(field)
    }

    fn build(&self) -> Result<(), Trouble> {
        let hub = self.hub();
        ip(&format!("netns add {hub}"))?;
        self.at_hub("ip link set lo up")?;
        self.at_hub("ip link add bridge0 type bridge")?;
        self.at_hub("ip addr add 192.0.2.1/24 dev bridge0")?;
        self.at_hub("ip link set bridge0 up")?;
        let mut rules = "add table netdev varde; add counter netdev varde lost".to_owned();
        for n in 0..self.nodes {
            let (own, port) = (self.of(n), port(n));
            ip(&format!("netns add {own}"))?;
            ip(&format!("link add {port} netns {hub} type veth peer name {WIRE} netns {own}"))?;
            self.at_hub(&format!("ip link set {port} master bridge0 up"))?;
            self.at(n, "ip link set lo up")?;
            self.at(n, &format!("ip addr add {}/24 dev {WIRE}", address(n)))?;
            self.at(n, &format!("ip link set {WIRE} up"))?;
            for (way, hook) in [(Way::In, "egress"), (Way::Out, "ingress")] {
                let chain = chain(n, way);
                rules.push_str(&format!("; add chain netdev varde {chain} "));
                rules.push_str(&format!("{{ type filter hook {hook} device \"{port}\" priority 0; }}"));
            }
        }
        self.nft(&rules)?;
        // What later makes the network bad is tried once, so that its absence is a reason to skip and not a failure.
        for way in [Way::In, Way::Out] {
            self.lose(0, way, 50)?;
            self.lose(0, way, 0)?;
            self.narrow(0, way, Some(1000))?;
            self.narrow(0, way, None)?;
        }
        Ok(())
    }

    /// Where a node listens.
    pub(super) fn listen(&self, n: usize) -> String {
        format!("{}:{PORT}", address(n))
    }

    /// Where the proxy before a node listens.
    pub(super) fn proxy(&self, n: usize) -> String {
        format!("192.0.2.1:{}", usize::from(PROXIES) + n)
    }

    /// The command that runs another in a node's namespace, and becomes it. Not `ip netns exec`: that would copy the mounts as
    /// well, and hold a disk whose power was cut.
    pub(super) fn around(&self, n: usize) -> Vec<String> {
        inside(&self.of(n))
    }

    /// The same for the hub.
    pub(super) fn around_hub(&self) -> Vec<String> {
        inside(&self.hub())
    }

    /// Loses so many packets of a hundred, by chance; 0 heals.
    pub(super) fn lose(&self, n: usize, way: Way, percent: u64) -> Result<(), Trouble> {
        let chain = chain(n, way);
        let mut rules = format!("flush chain netdev varde {chain}");
        match percent {
            0 => {}
            100.. => rules.push_str(&format!("; add rule netdev varde {chain} counter name lost drop")),
            _ => rules.push_str(&format!(
                "; add rule netdev varde {chain} numgen random mod 100 < {percent} counter name lost drop"
            )),
        }
        self.nft(&rules)
    }

    /// Lets so many kilobits a second through; none heals.
    pub(super) fn narrow(&self, n: usize, way: Way, kilobits: Option<u64>) -> Result<(), Trouble> {
        let device = if way == Way::In { port(n) } else { WIRE.to_owned() };
        let command = match kilobits {
            Some(rate) => format!("tc qdisc replace dev {device} root tbf rate {rate}kbit burst 4kb latency 400ms"),
            None => format!("tc qdisc del dev {device} root"),
        };
        if way == Way::In { self.at_hub(&command) } else { self.at(n, &command) }
    }

    /// Takes one end of a node's wire down, or up.
    pub(super) fn link(&self, n: usize, end: End, up: bool) -> Result<(), Trouble> {
        let state = if up { "up" } else { "down" };
        match end {
            End::Own => self.at(n, &format!("ip link set {WIRE} {state}")),
            End::Hub => self.at_hub(&format!("ip link set {} {state}", port(n))),
        }
    }

    /// How many packets were lost so far.
    pub(super) fn lost(&self) -> Result<u64, Trouble> {
        let words = ["nft", "-j", "list", "counter", "netdev", "varde", "lost"].map(str::to_owned);
        let said = output(self.around_hub().into_iter().chain(words))?.json(0)?;
        let items = said["nftables"].as_array().cloned().unwrap_or_default();
        let packets = items.iter().find_map(|item| item["counter"]["packets"].as_u64());
        packets.ok_or_else(|| Trouble::new(format!("nft tells no counter: {said}")))
    }

    fn hub(&self) -> String {
        format!("{}-hub", self.prefix)
    }

    fn of(&self, n: usize) -> String {
        format!("{}-{n}", self.prefix)
    }

    fn at(&self, n: usize, command: &str) -> Result<(), Trouble> {
        execute(self.around(n).into_iter().chain(command.split(' ').map(str::to_owned)))
    }

    fn at_hub(&self, command: &str) -> Result<(), Trouble> {
        execute(self.around_hub().into_iter().chain(command.split(' ').map(str::to_owned)))
    }

    fn nft(&self, rules: &str) -> Result<(), Trouble> {
        execute(self.around_hub().into_iter().chain(["nft".to_owned(), rules.to_owned()]))
    }
}

impl Drop for Field {
    fn drop(&mut self) {
        // What was not made cannot be removed, and nothing more can be done about what cannot.
        for name in (0..self.nodes).map(|n| self.of(n)).chain([self.hub()]) {
            let _ = ip(&format!("netns del {name}"));
        }
    }
}

fn address(n: usize) -> String {
    format!("192.0.2.{}", 10 + n)
}

fn port(n: usize) -> String {
    format!("wire{n}")
}

fn chain(n: usize, way: Way) -> String {
    format!("{}{n}", if way == Way::In { "to" } else { "from" })
}

fn inside(name: &str) -> Vec<String> {
    ["nsenter".to_owned(), format!("--net=/run/netns/{name}"), "--".to_owned()].into()
}

fn ip(arguments: &str) -> Result<(), Trouble> {
    execute(["ip"].into_iter().chain(arguments.split(' ')).map(str::to_owned))
}

fn execute(words: impl Iterator<Item = String>) -> Result<(), Trouble> {
    output(words)?.ok().map(drop)
}

fn output(mut words: impl Iterator<Item = String>) -> Result<Outcome, Trouble> {
    let mut command = Command::new(words.next().unwrap_or_default());
    run(command.args(words))
}

/// Removes namespaces that an earlier run left behind because it was killed: those named after a process that is no more.
fn sweep() {
    let Ok(names) = std::fs::read_dir("/run/netns") else { return };
    for name in names.filter_map(|entry| entry.ok()?.file_name().into_string().ok()) {
        let maker = name.strip_prefix("varde-").and_then(|rest| rest.split('-').next()).filter(|pid| !pid.is_empty());
        if maker.is_some_and(|pid| pid.bytes().all(|b| b.is_ascii_digit()) && !Path::new("/proc").join(pid).exists()) {
            let _ = ip(&format!("netns del {name}"));
        }
    }
}
