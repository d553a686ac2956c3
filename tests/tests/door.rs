//! The command line before a node that does not answer, is not its user's, or is asked for what it cannot give.
#![allow(clippy::unwrap_used, reason = "tests")]

use rustix::process::{Pid, Signal, geteuid, kill_process};
use serde_json::Value;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio_stream::wrappers::{ReceiverStream, UnixListenerStream};
use tonic::{Request, Response, Status};
use varde_proto::wire::operator::log_server::{Log, LogServer};
use varde_proto::wire::operator::{
    LogBackupRequest, LogExportRequest, LogFilePart, LogForksReply, LogForksRequest, LogIncidentReply,
    LogIncidentRequest, LogShowReply, LogShowRequest, LogStandingReply, LogStandingRequest, LogUnfreezeReply,
    LogUnfreezeRequest, OutstandingReply, OutstandingRequest,
};
use varde_tests::harness::{Country, Outcome, binaries, pin_all, run, until};

/// `varde` for the node in a directory, with little patience.
fn varde(dir: &Path, args: &[&str]) -> Outcome {
    let mut command = Command::new(&binaries().unwrap().varde);
    run(command.args(args).args(["--patience", "3000", "--json", "--dir"]).arg(dir)).unwrap()
}

#[track_caller]
fn error(outcome: &Outcome) -> Value {
    let document: Value = serde_json::from_str(&outcome.stderr).unwrap_or_else(|e| panic!("{e}: {outcome:?}"));
    document["error"].clone()
}

#[test]
fn a_node_that_was_stopped_is_given_up_on() {
    let home = tempfile::tempdir().unwrap();
    let mut country = Country::init(home.path(), "NO").unwrap();
    country.start().unwrap();
    let pid = i32::try_from(country.pid().unwrap()).unwrap();
    kill_process(Pid::from_raw(pid).unwrap(), Signal::STOP).unwrap();
    let state = || std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    until("the node to be stopped", Duration::from_secs(60), || state().contains(") T ").then_some(())).unwrap();
    for args in [&["status"][..], &["log", "show"], &["alert", "inbox"], &["trend", "list"], &["record", "count"]] {
        let outcome = varde(country.dir(), args);
        assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(75), ""), "{args:?}");
        let error = error(&outcome);
        assert_eq!(error["reason"], "no-answer");
        assert!(error["means"].as_str().unwrap().contains("nothing was done"), "{error}");
    }
    kill_process(Pid::from_raw(pid).unwrap(), Signal::CONT).unwrap();
    country.varde(&["status"]).unwrap().ok().unwrap();
}

/// A directory that looks like a node's, with room for its socket.
fn looks_like_a_node() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("varde.toml"), "").unwrap();
    std::fs::create_dir(dir.path().join("run")).unwrap();
    dir
}

#[test]
fn a_question_that_is_taken_and_never_answered_has_a_deadline() {
    let dir = looks_like_a_node();
    let listener = UnixListener::bind(dir.path().join("run/operator.sock")).unwrap();
    std::thread::spawn(move || {
        let mut visitors = Vec::new();
        while let Ok((mut visitor, _)) = listener.accept() {
            // HTTP/2 settings, and then nothing.
            drop(visitor.write_all(b"\0\0\0\x04\0\0\0\0\0"));
            visitors.push(visitor);
        }
    });
    for args in [&["status"][..], &["log", "status"], &["record", "count"]] {
        let outcome = varde(dir.path(), args);
        let error = error(&outcome);
        assert_eq!((outcome.code, error["reason"].as_str()), (Some(75), Some("no-answer")), "{args:?}: {error}");
        assert!(error["means"].as_str().unwrap().contains("may have been done or not"), "{error}");
    }
}

/// A node whose first export never begins, and whose later ones do not go on.
#[derive(Default)]
struct Mute(Mutex<Vec<mpsc::Sender<Result<LogFilePart, Status>>>>);

#[tonic::async_trait]
impl Log for Mute {
    type ExportStream = ReceiverStream<Result<LogFilePart, Status>>;
    type BackupStream = ReceiverStream<Result<LogFilePart, Status>>;

    async fn standing(&self, _: Request<LogStandingRequest>) -> Result<Response<LogStandingReply>, Status> {
        std::future::pending().await
    }

    async fn show(&self, _: Request<LogShowRequest>) -> Result<Response<LogShowReply>, Status> {
        std::future::pending().await
    }

    async fn backup(&self, _: Request<LogBackupRequest>) -> Result<Response<Self::BackupStream>, Status> {
        std::future::pending().await
    }

    async fn outstanding(&self, _: Request<OutstandingRequest>) -> Result<Response<OutstandingReply>, Status> {
        std::future::pending().await
    }

    async fn incident(&self, _: Request<LogIncidentRequest>) -> Result<Response<LogIncidentReply>, Status> {
        std::future::pending().await
    }

    async fn forks(&self, _: Request<LogForksRequest>) -> Result<Response<LogForksReply>, Status> {
        std::future::pending().await
    }

    async fn unfreeze(&self, _: Request<LogUnfreezeRequest>) -> Result<Response<LogUnfreezeReply>, Status> {
        std::future::pending().await
    }

    async fn export(&self, _: Request<LogExportRequest>) -> Result<Response<Self::ExportStream>, Status> {
        let (sender, receiver) = mpsc::channel(1);
        let mut before = self.0.lock().unwrap();
        if !before.is_empty() {
            let part = LogFilePart { path: "policy".into(), bytes: b"log".to_vec().into(), last: false };
            sender.try_send(Ok(part)).unwrap();
        }
        before.push(sender);
        Ok(Response::new(ReceiverStream::new(receiver)))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_falls_silent_has_a_deadline() {
    let dir = looks_like_a_node();
    let listener = tokio::net::UnixListener::bind(dir.path().join("run/operator.sock")).unwrap();
    let server = tonic::transport::Server::builder().add_service(LogServer::new(Mute::default()));
    let serving = tokio::spawn(server.serve_with_incoming(UnixListenerStream::new(listener)));
    let out = dir.path().join("no.bundle").to_string_lossy().into_owned();
    for args in [&["log", "export", "--out", &out][..], &["log", "show"]] {
        let outcome = varde(dir.path(), args);
        assert_eq!((outcome.code, error(&outcome)["reason"].as_str()), (Some(75), Some("no-answer")), "{outcome:?}");
    }
    assert!(!Path::new(&out).exists(), "what never came left a folder");
    let again = dir.path().join("again.bundle").to_string_lossy().into_owned();
    let broken = error(&varde(dir.path(), &["log", "export", "--out", &again]));
    assert!(broken["means"].as_str().unwrap().contains("again.bundle is no bundle"), "{broken}");
    serving.abort();
}

#[test]
fn another_users_node_is_not_called_absent() {
    let home = tempfile::tempdir().unwrap();
    let country = Country::init(home.path(), "NO").unwrap();
    let open = |path: &Path, mode| std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    open(home.path(), 0o755);
    // Where another user may run it. Another process copies it: a program that this one has open for writing while a child
    // is made cannot be run.
    let program = home.path().join("varde");
    assert!(Command::new("cp").arg(&binaries().unwrap().varde).arg(&program).status().unwrap().success());
    open(&program, 0o755);
    let mut command = Command::new(&program);
    command.args(["status", "--json", "--dir"]).arg(country.dir()).current_dir("/");
    let whose = if geteuid().is_root() {
        command.uid(65_534);
        "belongs to the user root"
    } else {
        open(country.dir(), 0o000);
        "is yours, but its mode 000"
    };
    let outcome = run(&mut command).unwrap();
    open(country.dir(), 0o700);
    let error = error(&outcome);
    assert_eq!((outcome.code, error["reason"].as_str()), (Some(2), Some("permission-denied")), "{error}");
    assert!(error["means"].as_str().unwrap().contains(whose) && error["next"].is_string(), "{error}");
}

#[test]
fn an_export_for_a_country_that_is_not_pinned_names_those_that_are() {
    let home = tempfile::tempdir().unwrap();
    let mut no = Country::init(home.path(), "NO").unwrap();
    let (ee, lt) = (Country::init(home.path(), "EE").unwrap(), Country::init(home.path(), "LT").unwrap());
    pin_all(&[&no, &ee, &lt]).unwrap();
    no.start().unwrap();
    let out = |name: &str| home.path().join(name).to_string_lossy().into_owned();
    let export =
        |country: &str, name: &str| no.varde(&["--json", "log", "export", "--for", country, "--out", &out(name)]);
    let pinned = || export("EE", "ee.bundle").ok().filter(|outcome| outcome.code == Some(0));
    until("the pins to be taken up", Duration::from_secs(60), pinned).unwrap();
    let refused = export("DK", "dk.bundle").unwrap();
    let error = error(&refused);
    assert_eq!((refused.code, error["reason"].as_str()), (Some(2), Some("not-pinned")), "{error}");
    assert!(error["what"].as_str().unwrap().contains("pinned: EE, LT"), "{error}");
    assert!(!home.path().join("dk.bundle").exists(), "an empty folder is left behind");
}
