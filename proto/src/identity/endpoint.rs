//! Where a node listens, as a descriptor states it: `host:port`, one spelling.

use crate::id::BadName;
use std::fmt;

/// A host and a port. The host is a lower-case DNS name, an IPv4 address, or an IPv6 address in brackets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    host: String,
    port: u16,
}

impl Endpoint {
    /// Reads `no.varde.example:7443`, `192.0.2.7:7443` or `[2001:db8::7]:7443`; at most 260 bytes, port 1 to 65535.
    pub fn parse(text: &str) -> Result<Self, BadName> {
        let wrong = || BadName {
            what: "an endpoint",
            wanted: "host:port, for example no.varde.example:7443 or [2001:db8::7]:7443",
            got: text.chars().take(80).collect(),
        };
        let (host, port) = text.rsplit_once(':').ok_or_else(wrong)?;
        let number: u16 = port.parse().map_err(|_| wrong())?;
        if number == 0 || number.to_string() != port || !is_host(host) {
            return Err(wrong());
        }
        Ok(Self { host: host.to_owned(), port: number })
    }

    /// The host as written; an IPv6 address keeps its brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// 1 to 65535.
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

fn is_host(host: &str) -> bool {
    if let Some(inner) = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')) {
        return inner.parse::<core::net::Ipv6Addr>().is_ok_and(|a| a.to_string() == inner && !a.is_unspecified());
    }
    if let Ok(address) = host.parse::<core::net::Ipv4Addr>() {
        return !address.is_unspecified();
    }
    let label = |l: &str| {
        (1..=63).contains(&l.len())
            && !l.starts_with('-')
            && !l.ends_with('-')
            && l.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    };
    // A last label of digits alone is a mistyped IPv4 address, never a name (RFC 1123, 2.1).
    let numeric = host.rsplit('.').next().is_some_and(|l| l.bytes().all(|b| b.is_ascii_digit()));
    host.len() <= 253 && !numeric && host.split('.').all(label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_has_one_spelling() {
        for good in ["no.varde.example:7443", "localhost:1", "127.0.0.1:65535", "[2001:db8::7]:7443", "[::1]:9"] {
            assert_eq!(Endpoint::parse(good).map(|e| e.to_string()).as_deref(), Ok(good));
        }
        for wrong in [
            "no.varde.example",
            "no.varde.example:0",
            "no.varde.example:07443",
            "no.varde.example:70000",
            ":7443",
            "NO.varde.example:7443",
            "300.1.1.1:7443",
            "2001:db8::7:7443",
            "[2001:DB8::7]:7443",
            "0.0.0.0:7443",
            "[::]:7443",
            "a b:1",
            "http://x:1",
            "x:1/",
            "-a.b:1",
            "a..b:1",
            "x:+1",
        ] {
            assert!(Endpoint::parse(wrong).is_err(), "{wrong} was accepted");
        }
    }
}
