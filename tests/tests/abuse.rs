//! Each attack of the program `abuse`, for a moment: others are served, memory is bounded, nothing stays behind. How fast others are
//! served, that program measures.
#![allow(clippy::unwrap_used, reason = "tests")]

use varde_tests::abuse::{ATTACKS, Report, Scene};

async fn suffers(name: &str) {
    let attack = ATTACKS.iter().find(|attack| attack.name == name).unwrap();
    let scene = Scene::set(env!("CARGO_BIN_EXE_abuse").as_ref()).await.unwrap();
    // Where others keep the machine busy, the attacker, whom it serves last, needs longer until it has done enough.
    for seconds in [2, 4, 8, 16, 32] {
        let Report { line, breaches, idle, .. } = scene.suffer(attack, seconds, 1).await.unwrap();
        println!("{attack}\n  {line}");
        assert!(breaches.is_empty(), "{breaches:?}: {line}");
        if idle.is_empty() {
            return;
        }
    }
    panic!("the attacker did too little five times, longer each time");
}

#[test]
fn every_attack_is_a_test() {
    let tests = include_str!("abuse.rs");
    let missing = ATTACKS.iter().find(|attack| !tests.contains(&format!("suffers(\"{}\")", attack.name)));
    assert!(missing.is_none(), "{missing:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn handshakes_a_byte_at_a_time() {
    suffers("slowloris").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn handshakes_a_byte_at_a_time_from_many_addresses() {
    suffers("slowloris-many").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_silent_connections() {
    suffers("connections").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn handshakes_with_a_key_of_nobody() {
    suffers("handshakes").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_of_no_protocol() {
    suffers("noise").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn half_open_connections() {
    suffers("half-open").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn half_open_streams() {
    suffers("half-open-streams").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_reset_as_they_open() {
    suffers("rapid-reset").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn giant_frames() {
    suffers("giant-frames").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn heads_without_end() {
    suffers("metadata").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn control_frames_that_nobody_reads_the_answers_of() {
    suffers("control").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_from_a_pinned_country() {
    suffers("garbage").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn alerts_whose_proofs_do_not_hold() {
    suffers("bad-proofs").await;
}
