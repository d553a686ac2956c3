//! A TCP proxy that does to connections what bad middleboxes do. It runs as a process of its own, in the hub's namespace, and is
//! told on its input what to do: `<number of the listener> <mode>` a line. It ends when its input does.

use std::fmt;
use std::io::{self, BufRead};
use std::net::SocketAddr;
use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinError;

/// Connections of one listener at once; more wait.
const CONNECTIONS: usize = 64;
/// What is read before anything is passed on.
const BUFFER: usize = 8 * 1024;
/// Between two pieces of what trickles.
const DROP: Duration = Duration::from_millis(10);

/// How long the way onward may take to open.
const CONNECT: Duration = Duration::from_secs(15);
/// Connections that were carried so far.
static CARRIED: AtomicU64 = AtomicU64::new(0);

/// What the proxy does to every connection, old and new.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mode {
    /// Passes everything on.
    Pass,
    /// Passes each buffer on after so many milliseconds.
    Delay(u64),
    /// Passes on so many bytes each ten milliseconds.
    Trickle(usize),
    /// Takes bytes until its buffers are full, and passes nothing on.
    Hold,
    /// Ends one direction in the middle of what is said, and throws the rest of it away; the other goes on.
    HalfClose,
    /// Resets connections.
    Reset,
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pass => f.write_str("pass"),
            Self::Delay(ms) => write!(f, "delay {ms}"),
            Self::Trickle(bytes) => write!(f, "trickle {bytes}"),
            Self::Hold => f.write_str("hold"),
            Self::HalfClose => f.write_str("half-close"),
            Self::Reset => f.write_str("reset"),
        }
    }
}

impl FromStr for Mode {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let words: Vec<&str> = text.split(' ').collect();
        let unknown = || format!("{text:?} is no mode of the proxy");
        Ok(match words[..] {
            ["pass"] => Self::Pass,
            ["delay", ms] => Self::Delay(ms.parse().map_err(|_| unknown())?),
            ["trickle", bytes] => Self::Trickle(bytes.parse().ok().filter(|n| *n > 0).ok_or_else(unknown)?),
            ["hold"] => Self::Hold,
            ["half-close"] => Self::HalfClose,
            ["reset"] => Self::Reset,
            _ => return Err(unknown()),
        })
    }
}

/// Serves pairs of `<where to listen> <where to pass on to>` until the input ends. Says `ready` once it listens, and in the
/// end how many connections it carried.
pub async fn serve(addresses: &[String]) -> Result<(), String> {
    let mut modes = Vec::new();
    for pair in addresses.chunks(2) {
        let [listen, target] = pair else { return Err("addresses come in pairs".into()) };
        let target: SocketAddr = target.parse().map_err(|e| format!("{target}: {e}"))?;
        let listener = TcpListener::bind(listen).await.map_err(|e| format!("{listen}: {e}"))?;
        let (mode, told) = watch::channel(Mode::Pass);
        modes.push(mode);
        tokio::spawn(accept(listener, target, told));
    }
    println!("ready");
    let obey = move || {
        for line in io::stdin().lock().lines().map_while(Result::ok) {
            let (number, mode) = line.split_once(' ').ok_or_else(|| format!("{line:?} is no order"))?;
            let mode: Mode = mode.parse()?;
            let listener: Option<&watch::Sender<Mode>> = number.parse().ok().and_then(|n: usize| modes.get(n));
            listener.ok_or_else(|| format!("there is no listener {number}"))?.send_replace(mode);
        }
        Ok(())
    };
    let obeyed = tokio::task::spawn_blocking(obey).await.map_err(|e| e.to_string())?;
    println!("{}", CARRIED.load(Ordering::Relaxed));
    obeyed
}

async fn accept(listener: TcpListener, target: SocketAddr, mode: watch::Receiver<Mode>) {
    let room = std::sync::Arc::new(Semaphore::new(CONNECTIONS));
    for number in 0_u64.. {
        let Ok(place) = room.clone().acquire_owned().await else { return };
        let Ok((client, _)) = listener.accept().await else {
            tokio::time::sleep(DROP).await;
            continue;
        };
        let mode = mode.clone();
        tokio::spawn(async move {
            carry(client, target, mode, number).await;
            drop(place);
        });
    }
}

/// Carries one connection. Which of its directions a half-close ends, its number says.
async fn carry(client: TcpStream, target: SocketAddr, mode: watch::Receiver<Mode>, number: u64) {
    let Ok(Ok(server)) = tokio::time::timeout(CONNECT, TcpStream::connect(target)).await else { return };
    CARRIED.fetch_add(1, Ordering::Relaxed);
    // Where this fails, pieces are joined: nothing that anybody relies on.
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
    let forth = Pump { from: from_client, to: to_server, mode: mode.clone(), ends: number.is_multiple_of(2) };
    let back = Pump { from: from_server, to: to_client, mode, ends: !number.is_multiple_of(2) };
    let (mut forth, mut back) = (tokio::spawn(forth.run()), tokio::spawn(back.run()));
    let in_order = |ended: Result<io::Result<()>, JoinError>| matches!(ended, Ok(Ok(())));
    // One direction may end in order and the other go on; one that breaks takes the other with it.
    tokio::select! {
        ended = &mut forth => if in_order(ended) {
            let _ = (&mut back).await;
        },
        ended = &mut back => if in_order(ended) {
            let _ = (&mut forth).await;
        },
    }
    forth.abort();
    back.abort();
}

/// One direction.
struct Pump {
    from: OwnedReadHalf,
    to: OwnedWriteHalf,
    mode: watch::Receiver<Mode>,
    /// Whether it is the direction that a half-close ends.
    ends: bool,
}

impl Pump {
    async fn run(mut self) -> io::Result<()> {
        let mut buffer = vec![0; BUFFER];
        loop {
            let mode = *self.mode.borrow_and_update();
            match mode {
                Mode::Reset => return self.reset(),
                Mode::HalfClose if self.ends => return self.half_close(&mut buffer).await,
                _ => {}
            }
            let read = tokio::select! {
                read = self.from.read(&mut buffer) => read?,
                changed = self.mode.changed() => match changed {
                    Ok(()) => continue,
                    Err(_) => return self.reset(),
                },
            };
            if read == 0 {
                return self.to.shutdown().await;
            }
            self.pass(&buffer[..read]).await?;
        }
    }

    /// Passes bytes on in the mode of the moment; what a half-close or a reset finds unsent is lost.
    async fn pass(&mut self, mut rest: &[u8]) -> io::Result<()> {
        while !rest.is_empty() {
            let mode = *self.mode.borrow_and_update();
            let (now, wait) = match mode {
                Mode::Pass => (rest.len(), Duration::ZERO),
                Mode::Delay(ms) => (rest.len(), Duration::from_millis(ms)),
                Mode::Trickle(bytes) => (rest.len().min(bytes), DROP),
                Mode::Hold => (0, Duration::MAX),
                Mode::HalfClose if self.ends => return self.to.write_all(&rest[..rest.len() / 2]).await,
                Mode::HalfClose => (rest.len(), Duration::ZERO),
                Mode::Reset => return Ok(()),
            };
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                changed = self.mode.changed() => match changed {
                    Ok(()) => continue,
                    Err(_) => return Ok(()),
                },
            }
            let (piece, later) = rest.split_at(now);
            self.to.write_all(piece).await?;
            rest = later;
        }
        Ok(())
    }

    /// Says that nothing more comes, and throws away what does, so that its sender notices nothing for as long as possible.
    async fn half_close(&mut self, buffer: &mut [u8]) -> io::Result<()> {
        self.to.shutdown().await?;
        while self.from.read(buffer).await? > 0 {}
        Ok(())
    }

    fn reset(&self) -> io::Result<()> {
        self.to.as_ref().set_zero_linger()?;
        Err(io::ErrorKind::ConnectionReset.into())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use tokio::io::AsyncWrite;

    /// A connection through a proxy in `mode`: what its two ends hold.
    async fn through(mode: Mode, number: u64) -> (TcpStream, TcpStream, watch::Sender<Mode>) {
        let target = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let door = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let near = TcpStream::connect(door.local_addr().unwrap()).await.unwrap();
        let (sender, told) = watch::channel(mode);
        let (client, _) = door.accept().await.unwrap();
        tokio::spawn(carry(client, target.local_addr().unwrap(), told, number));
        let (far, _) = target.accept().await.unwrap();
        (near, far, sender)
    }

    async fn say(to: &mut (impl AsyncWrite + Unpin), text: &str) {
        to.write_all(text.as_bytes()).await.unwrap();
    }

    async fn hear(from: &mut TcpStream, bytes: usize) -> String {
        let mut buffer = vec![0; bytes];
        from.read_exact(&mut buffer).await.unwrap();
        String::from_utf8(buffer).unwrap()
    }

    #[test]
    fn a_mode_is_read_as_it_is_written() {
        for mode in [Mode::Pass, Mode::Delay(7), Mode::Trickle(3), Mode::Hold, Mode::HalfClose, Mode::Reset] {
            assert_eq!(mode.to_string().parse(), Ok(mode));
        }
        assert!("trickle 0".parse::<Mode>().is_err());
    }

    #[tokio::test]
    async fn delayed_trickled_and_withheld_bytes_arrive_whole_and_in_order() {
        for mode in [Mode::Pass, Mode::Delay(5), Mode::Trickle(2), Mode::Hold] {
            let (mut near, mut far, told) = through(mode, 0).await;
            say(&mut near, "beacon").await;
            say(&mut far, "coast").await;
            if mode == Mode::Hold {
                assert_eq!(far.try_read(&mut [0]).unwrap_err().kind(), io::ErrorKind::WouldBlock);
                told.send_replace(Mode::Trickle(1));
            }
            assert_eq!((hear(&mut far, 6).await, hear(&mut near, 5).await), ("beacon".into(), "coast".into()));
        }
    }

    #[tokio::test]
    async fn a_half_close_ends_one_direction_and_leaves_the_other() {
        for number in [0, 1] {
            let (mut near, mut far, told) = through(Mode::Pass, number).await;
            told.send_replace(Mode::HalfClose);
            let (ended, lives) = if number == 0 { (&mut far, &mut near) } else { (&mut near, &mut far) };
            assert_eq!(ended.read(&mut [0]).await.unwrap(), 0);
            say(lives, "thrown away").await;
            say(ended, "heard").await;
            assert_eq!(hear(lives, 5).await, "heard");
        }
    }

    #[tokio::test]
    async fn a_reset_ends_both_directions() {
        let (mut near, mut far, told) = through(Mode::Pass, 0).await;
        told.send_replace(Mode::Reset);
        for end in [&mut near, &mut far] {
            assert!(matches!(end.read(&mut [0]).await, Ok(0) | Err(_)));
        }
    }
}
