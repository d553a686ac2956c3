//! A port of the own, when none was asked for.

use crate::failure::Failure;
use std::net::{SocketAddr, TcpListener};

/// Below the range from which systems take ports for outgoing connections, so that the port is still free when the node
/// starts.
const RANGE: std::ops::Range<u16> = 20_000..32_000;

/// The address with a port that is free now, if its port is 0.
pub(super) fn settle(listen: SocketAddr) -> Result<SocketAddr, Failure> {
    if listen.port() != 0 {
        return Ok(listen);
    }
    for _ in 0..50 {
        let chance = getrandom::u32().map_err(|e| Failure::ours(format!("the system gives no random bytes: {e}")))?;
        let port = RANGE.start + (chance % u32::from(RANGE.end - RANGE.start)) as u16;
        if TcpListener::bind((listen.ip(), port)).is_ok() {
            return Ok(SocketAddr::new(listen.ip(), port));
        }
    }
    let any = TcpListener::bind(listen).and_then(|listener| listener.local_addr());
    any.map_err(|e| {
        Failure::usage(format!("no port of {} can be listened on: {e}", listen.ip()))
            .next("give an address of this machine with `--listen ADDR:PORT`")
            .reason("no-port")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_given_port_is_kept_and_a_missing_one_is_found() {
        let given = SocketAddr::from(([127, 0, 0, 1], 7443));
        assert_eq!(settle(given), Ok(given));
        let found = settle(SocketAddr::from(([127, 0, 0, 1], 0)));
        assert!(found.is_ok_and(|found| found.port() != 0 && found.ip().is_loopback()));
        let elsewhere = settle(SocketAddr::from(([192, 0, 2, 1], 0)));
        assert!(elsewhere.is_err(), "an address of no interface of this machine was taken");
    }
}
