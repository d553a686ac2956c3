//! The commented `varde.toml` of a new node.

use super::Plan;
use varde_proto::id::hex;
use varde_proto::identity::{PublicKey, mode};

/// Connections, who is woken, and the plain door: the same for every node.
const DOORS: &str = r#"# How many connections it bears: TLS handshakes at once, connections in all, connections of one peer.
[connections]
handshakes = 64
total = 256
per_peer = 4

# Room on the disk: below `warn_free_mib` people are warned (`varde status`, the node's log), below `stop_free_mib` nothing more is taken
# from peers or staff, and nothing is lost.
[disk]
warn_free_mib = 2048
stop_free_mib = 256

# Whom this node wakes when an alert comes. It runs `command`, and adds four arguments: the alert's kind, `urgent` or `routine`, its
# id, the sender's country; never what it says. For an urgent one (about one child) again every `repeat_seconds` until somebody runs
# `varde alert reply ID --seen`, and from the age `second_after_seconds` on `second` as well; at once when `command` fails.
# [notify]
# command = ["/usr/local/bin/wake", "--duty-officer"]
# second = ["/usr/local/bin/wake", "--head-of-desk"]
# repeat_seconds = 900
# second_after_seconds = 1800

# A door in plain HTTP for logs, witnesses and monitors that are no peers; closed unless named. `logs` are the keys of logs of
# other networks that this node cosigns (C2SP tlog-witness; any other log is refused); `publish` shows strangers this node's
# log as heads and hashes, never what it says. Put a reverse proxy with TLS before it, if it is to be seen from outside.
# [witness]
# listen = "127.0.0.1:8080"
# logs = ["<name>+<key id>+<key>"]
# publish = true
"#;

/// The file's text.
pub(super) fn text(plan: &Plan, operators: &[(&str, PublicKey)]) -> String {
    let (network, country, listen) = (plan.origin.network(), plan.origin.node(), plan.listen);
    let mode = mode::name(plan.mode);
    let endpoint = match &plan.endpoint {
        Some(endpoint) => format!("endpoint = \"{endpoint}\""),
        None => "# endpoint = \"host:port\"".to_owned(),
    };
    let mut text = format!(
        r#"# Settings of the node of {country}. A change takes effect when the node starts again.

# Who this node is. Its genesis fixes these three for ever; they stand here to be read.
network = "{network}"
country = "{country}"
# actual, exercise or test: what one node sends, a node of another mode refuses.
mode = "{mode}"

# Where this node listens for its peers.
listen = "{listen}"

# Where its peers reach it, as `varde peer export` tells them; `host:port` with a DNS name or an address. Without it,
# this node dials its peers and is never dialled. After a change, give your peers a new descriptor.
{endpoint}

# How often, in seconds, each peer is told of a head of this node's log that it has not seen, so that it can witness it.
# heartbeat_seconds = 60
# How long, in seconds, a head that one peer tells of another peer's log may stay without proof that it is of one piece with what
# this node verified, before `varde log status` gives an alarm.
# divergence_seconds = 600

"#
    );
    text.push_str(DOORS);
    text.push_str(
        "\n# Who may act for this country. An alert of level L1 drafted by one is released only after another approved it, so\n\
         # there are at least two. The key files lie in operators/<name>.key; give each to its owner and keep none here.\n",
    );
    for (name, key) in operators {
        text.push_str(&format!("[[operator]]\nname = \"{name}\"\npublic_key = \"{}\"\n\n", hex(&key.bytes())));
    }
    text.truncate(text.trim_end().len());
    text.push('\n');
    text
}
