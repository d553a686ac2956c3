//! What people hand to each other: genesis, descriptor and acceptance; manifest and list of a bundle.

use super::{Format, array, digest, number, secret, seed, small, text, unhexed};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use varde_proto::audit::{Listed, Manifest, Scope, manifest_key_name, read_list, write_list};
use varde_proto::envelope::{self, Envelope};
use varde_proto::exchange::KnownHead;
use varde_proto::id::{Digest, LogIndex, Origin, TreeSize, hex};
use varde_proto::identity::armor::{self, Label};
use varde_proto::identity::mode;
use varde_proto::identity::{
    Acceptance, Descriptor, Endpoint, Genesis, History, Incident, Reason, Revocation, Role, RoleKeys, SecretKey, Word,
};
use varde_proto::log::vkey::KeyMaterial;
use varde_proto::log::{Head, Note, Vkey};
use varde_proto::time::Timestamp;

pub(super) fn formats() -> Vec<Format> {
    vec![
        Format {
            name: "document",
            about: "Origin, mode, time, salt and the seeds of the role keys in the order of the roles, and for an acceptance \
                    the other side and the agreement, for a log that follows another why that ended (in); type, payload, E, and the text of the file (out).",
            inputs: document_inputs,
            encode: document_encode,
            decode: Some(document_decode),
            refused: document_refused,
        },
        Format {
            name: "manifest",
            about: "What a bundle says it is, and the seed of the message key (in); the signed text, the note, and the \
                    verifier key (out).",
            inputs: manifest_inputs,
            encode: manifest_encode,
            decode: Some(manifest_decode),
            refused: manifest_refused,
        },
        Format {
            name: "files",
            about: "Files of a bundle by path and content in hex (in); `FILES`, and its SHA-256 (out).",
            inputs: || {
                vec![
                    json!({"files": {"policy": hex(b"quorum none\n"), "keys/genesis": "", "tile/0/000.p/1": seed(1)}}),
                    json!({"files": {}}),
                ]
            },
            encode: |case| {
                let list = write_list(&listed(&case["files"]));
                json!({"files": list, "sha256": Digest::of(list.as_bytes()).to_string()})
            },
            decode: Some(|out, case| {
                let read = read_list(text(out, "files"))?;
                assert_eq!(
                    read.values().map(|l| (l.digest, l.size)).collect::<Vec<_>>(),
                    listed(&case["files"]).values().map(|l| (l.digest, l.size)).collect::<Vec<_>>()
                );
                Some(json!({"files": case["files"]}))
            }),
            refused: files_refused,
        },
    ]
}

fn document_inputs() -> Vec<Value> {
    let case = |what: &str, endpoint: &str| {
        json!({
            "what": what, "origin": "varde.example/no/1", "mode": "test", "time": "2026-11-21T18:07:33Z", "salt": seed(0x51),
            "seeds": (1..=6).map(seed).collect::<Vec<_>>(), "endpoint": endpoint, "with": "varde.example/ee/1",
            "agreement": "b87a46075518524dc7e04cbb71b8711f653b83cc480cf88b5f62eb55889e83cc",
        })
    };
    let incident = |what: &str, reason: &str, shown: Option<u64>| {
        let mut case = case(what, "");
        case["origin"] = json!("varde.example/no/2");
        let newest = shown.map(|_| head(9)).unwrap_or_default();
        case["incident"] = json!({"reason": reason, "newest": newest, "stored_size": "7", "stored_root": seed(7)});
        if let Some(shown) = shown {
            case["incident"]["shown_size"] = json!(shown.to_string());
            case["incident"]["shown_root"] = json!(seed(8));
        }
        case
    };
    vec![
        case("genesis", ""),
        case("descriptor", "no.varde.example:7443"),
        case("descriptor", ""),
        case("acceptance", ""),
        case("revocation", ""),
        incident("incident", "tail-lost", Some(12)),
        incident("incident", "peers-unreachable", None),
        incident("descriptor", "not-a-prefix", Some(12)),
        case("key-rotate", ""),
        case("key-revoke", ""),
    ]
}

/// A head of the log that ended, by its log key.
fn head(size: u64) -> String {
    let key = secret(&json!({"seed": seed(2)}), "seed");
    Head::sign(&Origin::parse("varde.example/no/1").unwrap(), TreeSize(size), Digest([9; 32]), &key).unwrap().write()
}

/// Why the log before `genesis` ended.
fn incident(case: &Value, genesis: &Genesis, id: &SecretKey) -> Incident {
    let said = &case["incident"];
    let known = |size: &str, root: &str| KnownHead { size: number(said, size), root: digest(said, root) };
    let origin = genesis.origin().clone();
    Incident {
        previous: Origin::new(origin.network(), origin.node(), origin.generation() - 1).unwrap(),
        origin,
        mode: genesis.mode(),
        reason: Reason::parse(text(said, "reason")).unwrap(),
        newest: text(said, "newest").to_owned(),
        stored: known("stored_size", "stored_root"),
        shown: said.get("shown_size").map(|_| known("shown_size", "shown_root")),
        genesis: envelope::digest(&genesis.sign(id).unwrap()),
        created: genesis.created(),
        salt: array(case, "salt"),
    }
}

/// What an incident says, as the cases have it.
fn told(incident: &Incident) -> Value {
    let Incident { reason, newest, stored, shown, .. } = incident;
    let (size, root) = (stored.size.to_string(), stored.root.to_string());
    let mut told = json!({"reason": reason.name(), "newest": newest, "stored_size": size, "stored_root": root});
    if let Some(shown) = shown {
        told["shown_size"] = json!(shown.size.to_string());
        told["shown_root"] = json!(shown.root.to_string());
    }
    told
}

fn made(case: &Value) -> (Envelope, String) {
    let seeds: Vec<SecretKey> =
        super::list(&case["seeds"]).iter().map(|s| secret(&json!({"seed": s}), "seed")).collect();
    let origin = Origin::parse(text(case, "origin")).unwrap();
    let (mode, time) = (mode::parse(text(case, "mode")).unwrap(), Timestamp::parse(text(case, "time")).unwrap());
    let keys: Vec<(Role, &SecretKey)> = Role::ALL.into_iter().zip(&seeds).collect();
    let (salt, id) = (array(case, "salt"), &seeds[0]);
    let keys = RoleKeys::prove(&origin, &keys).unwrap();
    let genesis = Genesis::found(origin.clone(), mode, keys, time, salt).unwrap();
    match text(case, "what") {
        "genesis" => (genesis.sign(id).unwrap(), genesis.sign_text(id).unwrap()),
        "descriptor" => {
            let endpoint = Some(text(case, "endpoint")).filter(|e| !e.is_empty()).map(|e| Endpoint::parse(e).unwrap());
            let mut descriptor = Descriptor::issue(&genesis, endpoint, time, salt);
            if case.get("incident").is_some() {
                let signed = incident(case, &genesis, id).sign(id).unwrap();
                descriptor = descriptor.with_incident(signed).unwrap();
            }
            (descriptor.sign(id).unwrap(), descriptor.sign_text(id).unwrap())
        }
        "incident" => {
            let signed = incident(case, &genesis, id).sign(id).unwrap();
            (signed.clone(), armor::encode(Label::Incident, &signed))
        }
        what @ ("key-rotate" | "key-revoke") => {
            let history = History::found(&genesis, &genesis.sign(id).unwrap());
            let (old, new) = (&seeds[1], secret(&json!({"seed": seed(7)}), "seed"));
            let signed = match what {
                "key-rotate" => history.rotate(id, Role::Log, (Some(old), &new), time, salt),
                _ => history.revoke(id, (Role::Log, old.public().fingerprint()), TreeSize(1200), time, salt),
            };
            let signed = signed.unwrap();
            (signed.clone(), armor::encode(Label::KeyStatement, &signed))
        }
        _ => {
            let (with, agreement) = (Origin::parse(text(case, "with")).unwrap(), digest(case, "agreement"));
            let of = Acceptance { from: origin, with, mode, agreement, accepted: time, salt };
            let ends = text(case, "what") == "revocation";
            let word = if ends { Word::No(Revocation(of)) } else { Word::Yes(of) };
            let file = word.sign_text(id).unwrap();
            (Word::open_text(&file, &id.public()).unwrap().1, file)
        }
    }
}

fn document_encode(case: &Value) -> Value {
    let (envelope, file) = made(case);
    json!({
        "type": envelope.payload_type, "payload": hex(&envelope.payload), "digest": envelope::digest(&envelope).to_string(), "file": file,
    })
}

fn document_decode(out: &Value, case: &Value) -> Option<Value> {
    let file = text(out, "file");
    let (origin, mode, mut more) = match text(case, "what") {
        "genesis" => {
            let (genesis, envelope) = Genesis::open_text(file).ok()?;
            assert_eq!(hex(&envelope.payload), text(out, "payload"));
            (genesis.origin().clone(), genesis.mode(), json!({"time": genesis.created().to_string()}))
        }
        "descriptor" => {
            let descriptor = Descriptor::open_text(file).ok()?;
            let endpoint = descriptor.endpoint().map_or(String::new(), |e| format!("{}:{}", e.host(), e.port()));
            let mut more = json!({"endpoint": endpoint});
            descriptor.incident().into_iter().for_each(|incident| more["incident"] = told(incident));
            (descriptor.origin().clone(), descriptor.mode(), more)
        }
        "incident" => {
            let id = secret(&json!({"seed": case["seeds"][0]}), "seed").public();
            let incident = Incident::open(&armor::decode(Label::Incident, file).ok()?, &id).ok()?;
            let more = json!({"incident": told(&incident), "time": incident.created.to_string()});
            (incident.origin, incident.mode, more)
        }
        "key-rotate" | "key-revoke" => {
            let envelope = armor::decode(Label::KeyStatement, file).ok()?;
            let genesis =
                made(&json!({"what": "genesis", "origin": case["origin"], "mode": case["mode"], "time": case["time"],
                "salt": case["salt"], "seeds": case["seeds"]}))
                .0;
            let mut history = History::found(&Genesis::open(&genesis).ok()?, &genesis);
            let statement = &history.take(&envelope, LogIndex(1200)).ok()?.statement;
            let time = statement.created.to_string();
            (statement.origin.clone(), statement.mode, json!({"time": time}))
        }
        _ => {
            let id = secret(&json!({"seed": case["seeds"][0]}), "seed").public();
            let (word, _) = Word::open_text(file, &id).ok()?;
            assert_eq!(matches!(word, Word::No(_)), text(case, "what") == "revocation");
            let acceptance = word.of().clone();
            let (with, agreement) = (acceptance.with.to_string(), acceptance.agreement.to_string());
            let time = acceptance.accepted.to_string();
            (acceptance.from, acceptance.mode, json!({"with": with, "agreement": agreement, "time": time}))
        }
    };
    more["origin"] = json!(origin.as_str());
    more["mode"] = json!(mode::name(mode));
    Some(more)
}

fn document_refused() -> Vec<Value> {
    let input = &document_inputs()[0];
    let (envelope, file) = made(input);
    let payload = hex(&envelope.payload);
    let no = |file: String, why: &str| json!({"what": "genesis", "file": file, "payload": payload, "why": why});
    let wide = file.replacen("-----\n", "-----\n ", 1);
    vec![
        no(file.replace("GENESIS", "NODE DESCRIPTOR"), "the label of another document"),
        no(wide, "a space before the first line"),
        no(file.replacen("\n-----END", "\n\n-----END", 1), "an empty line"),
        no(file.trim_end().to_owned(), "no newline at the end"),
        no(format!("{file}\n"), "a line after the end"),
    ]
}

fn manifest_inputs() -> Vec<Value> {
    let case = |scope: &str, leaves: &str| json!({"origin": "varde.example/no/1", "size": leaves, "scope": scope, "from": "0", "to": leaves, "files": 12, "list": seed(0x33), "seed": seed(4)});
    vec![case("national", "70"), case("for EE", "18446744073709551615")]
}

fn manifest(case: &Value) -> Manifest {
    Manifest {
        origin: Origin::parse(text(case, "origin")).unwrap(),
        size: super::size(case, "size"),
        scope: Scope::parse(text(case, "scope")).unwrap(),
        from: number(case, "from"),
        to: number(case, "to"),
        files: small(case, "files"),
        list: digest(case, "list"),
    }
}

fn manifest_encode(case: &Value) -> Value {
    let (manifest, key) = (manifest(case), secret(case, "seed"));
    let name = manifest_key_name(&manifest.origin);
    let mut note = Note::new(&manifest.text()).unwrap();
    note.sign(&name, &key).unwrap();
    let vkey = Vkey::new(&name, KeyMaterial::Ed25519(key.public())).unwrap();
    json!({"text": manifest.text(), "note": note.write(), "vkey": vkey.text()})
}

fn manifest_decode(out: &Value, _: &Value) -> Option<Value> {
    let note = Note::parse(text(out, "note").as_bytes()).ok()?;
    note.verify(&[Vkey::parse(text(out, "vkey")).ok()?]).ok()?;
    let read = Manifest::parse(note.text())?;
    assert_eq!(note.text(), text(out, "text"));
    Some(json!({
        "origin": read.origin.as_str(), "size": read.size.0.to_string(), "scope": read.scope.to_string(), "from": read.from.to_string(),
        "to": read.to.to_string(), "files": read.files, "list": read.list.to_string(),
    }))
}

fn manifest_refused() -> Vec<Value> {
    let input = &manifest_inputs()[0];
    let good = manifest(input).text();
    let vkey = manifest_encode(input)["vkey"].clone();
    let signed = |text: String, why: &str| {
        let mut note = Note::new(&text).unwrap();
        note.sign("varde.example/message/no", &secret(input, "seed")).unwrap();
        json!({"text": text, "note": note.write(), "vkey": vkey, "why": why})
    };
    vec![
        signed(good.replacen("70", "070", 1), "a leading zero"),
        signed(good.replacen("national", "for ee", 1), "the country is in capitals"),
        signed(good.replacen("/v1", "/v2", 1), "another version"),
        signed(format!("{good}more\n"), "a line more"),
    ]
}

fn listed(files: &Value) -> BTreeMap<String, Listed> {
    let file = |content: &Value| {
        let content = unhexed(content.as_str().unwrap());
        Listed { digest: Digest::of(&content), size: content.len() as u64 }
    };
    files.as_object().unwrap().iter().map(|(path, content)| (path.clone(), file(content))).collect()
}

fn files_refused() -> Vec<Value> {
    let line = |path: &str| format!("{} 5 {path}\n", seed(1));
    let no = |files: String, why: &str| json!({"files": files, "why": why});
    vec![
        no(line("b") + &line("a"), "not sorted"),
        no(line("a") + &line("a"), "a path twice"),
        no(line("../a"), "a path that leads out"),
        no(line("/a"), "an absolute path"),
        no(line("a//b"), "an empty name"),
        no(line(".git"), "a hidden name"),
        no(line("MANIFEST"), "a page that cannot list itself"),
        no(line("a").trim_end().to_owned(), "no newline at the end"),
        no(line("a").replace(" 5 ", " 05 "), "a leading zero"),
        no(line("a").replace('0', "A").to_uppercase(), "capital digits"),
    ]
}
