//! What staff is told when something about an alert is refused: what happened, what it means, what to do next.

use crate::edge::status::{Class, Trouble};
use crate::flow::alert::drafts::Refused;
use crate::flow::outbox::NotSent;
use crate::national::minimise::TooLittle;
use varde_proto::draft::act::BadAct;
use varde_proto::envelope::Rejection;

/// The story of a refusal.
pub(super) fn story(refused: Refused) -> Trouble {
    match refused {
        Refused::Problems(problems) => {
            let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
            Trouble::new(Class::Change, "draft-file", lines.join("\n"))
                .means("nothing was drafted; every problem of the file is listed")
                .next("mend the file and draft again; `varde alert draft --kind KIND --template` prints a valid one")
        }
        Refused::TooLittle(too_little) => drawn(&too_little),
        Refused::NoRecord => Trouble::new(Class::Absent, "no-such-record", refused.to_string())
            .next("look at the reference as the agency wrote it, or draft from a file: --from FILE.json"),
        Refused::SeveralRecords => Trouble::new(Class::Change, "several-records", refused.to_string())
            .means("which child is meant is not known; nothing was drafted")
            .next("draft from a file: --from FILE.json"),
        Refused::NotACode(_) => Trouble::new(Class::Change, "not-a-code", refused.to_string())
            .next("use the same version of `varde` and `varde-node`"),
        Refused::NotText => Trouble::new(Class::Change, "draft-file", "the file is not UTF-8 text")
            .next("save it as UTF-8 and draft again"),
        Refused::Act(bad) => act(bad),
        Refused::Absent(id) => Trouble::new(Class::Absent, "no-such-alert", format!("nothing here has the id {id}"))
            .next("`varde alert list` shows our own, `varde alert inbox` what came"),
        Refused::Unapproved | Refused::NothingToOverride | Refused::OwnDraft | Refused::DrafterGone => {
            four_eyes(&refused)
        }
        Refused::Changed => Trouble::new(Class::Again, "draft-changed", refused.to_string())
            .means("nothing was sent")
            .next("look at it with `varde alert preview ID`, then release it again"),
        Refused::Released => Trouble::new(Class::Ask, "already-released", refused.to_string())
            .means("it was sent once; nothing was sent now")
            .next("`varde alert show ID` says to whom; for other recipients draft it anew"),
        Refused::Never(_) | Refused::TooManyQueries(_) | Refused::Offered | Refused::NotAccepted(_) => {
            kept_from(&refused)
        }
        Refused::NeverReleased
        | Refused::Withdrawn
        | Refused::Superseded(_)
        | Refused::Undecided
        | Refused::Erased(_)
        | Refused::SeveralIssuers(..)
        | Refused::NotRecipient(_)
        | Refused::Narrowing => erasing(&refused),
        Refused::NotSent(not) => not_sent(not),
        Refused::NoRoom => no_room(),
        Refused::Store(failure) => Trouble::incident(&failure),
        Refused::Stopped => Trouble::new(Class::Again, "stopped", "the node has stopped writing")
            .means("its store failed; whether this was written is known after a restart")
            .next("look at the node's log, put the disk right, start the node, then `varde alert list`"),
    }
}

/// What to do with a pattern over too few children (docs/alerts.md, "How many children").
const FEWER: &str = "widen the query: more forms or no --form, fewer --country or none. Or choose a stricter colour with \
    `--terms FILE.json`: {\"tlp\": \"AMBER_STRICT\"} from 3 children and two independent sources on; {\"tlp\": \"RED\"} below \
    that, to one recipient, once a second person has approved it. Or do not share it";

fn drawn(too_little: &TooLittle) -> Trouble {
    let trouble = Trouble::new(Class::Ask, "too-little", too_little.to_string());
    match too_little {
        TooLittle::Children { .. } | TooLittle::Way { .. } | TooLittle::Country { .. } => {
            trouble.means("so few children could be recognised; nothing was drafted").next(FEWER)
        }
        TooLittle::NotAChild => trouble.next("record the age band first; an alert is about children"),
        TooLittle::Nowhere => trouble.next("draft from a file and name the country: --from FILE.json"),
        TooLittle::NotAQuarter(_) => trouble.next("ask for a quarter: --period 2026-Q3"),
        TooLittle::Kind(_) => trouble.next("ask for MODUS_OPERANDI or ROUTE_CORRIDOR, or draft from a file"),
    }
}

/// The disk has no room for more.
pub(super) fn no_room() -> Trouble {
    Trouble::new(Class::Again, "disk-full", "the disk has no room for more")
        .means("nothing was written; what peers send waits at the peers, and what staff take back goes on")
        .next("make room on the file system of the node's directory; `varde status` shows how much is free")
}

/// What two people answer for.
fn four_eyes(refused: &Refused) -> Trouble {
    let told = |class, code| Trouble::new(class, code, refused.to_string());
    match refused {
        Refused::Unapproved => told(Class::Ask, "needs-approval")
            .means("it concerns one child, or very few; nothing was sent")
            .next("another member of staff runs: varde alert approve ID --as THEIR-KEY-FILE"),
        Refused::NothingToOverride => {
            told(Class::Change, "nothing-to-override").means("nothing was sent").next("leave --without-approval out")
        }
        Refused::OwnDraft => told(Class::Ask, "own-draft")
            .means("four eyes: two people answer for what is shared about a child")
            .next("another member of staff runs the same command with --as THEIR-KEY-FILE"),
        _ => told(Class::Ask, "drafter-gone")
            .means("so nobody can be shown to be the second person")
            .next("draft it anew"),
    }
}

/// What keeps a draft from a country that everything else would allow.
fn kept_from(refused: &Refused) -> Trouble {
    let told = |class, code| Trouble::new(class, code, refused.to_string());
    match refused {
        Refused::Never(country) => told(Class::Ask, "never-to")
            .means("whoever drafted it named that country under `never_to`: a child may fear it; nothing was sent to anybody")
            .next(format!("leave {country} out of --to")),
        Refused::TooManyQueries(_) => told(Class::Again, "query-rate")
            .means("both ends count, and whoever is asked sees every query; nothing was sent")
            .next("ask tomorrow, or over the legal channel; `varde alert queries` shows what was asked"),
        Refused::Offered => told(Class::Ask, "already-offered")
            .means("an alert is offered once: whoever got the offer refuses another under the same id; nothing was sent")
            .next("`varde alert status ID` shows who answered what; to offer it to others draft it anew"),
        _ => told(Class::Ask, "not-accepted")
            .means(
                "an offer that is open goes by itself to those who accept, when all have answered or the time is over; to whoever declined \
                 it never goes; nothing was sent",
            )
            .next("`varde alert status ID` shows who has answered what; leave that country out of --to to go ahead without it"),
    }
}

fn erasing(refused: &Refused) -> Trouble {
    let told = |class, code| Trouble::new(class, code, refused.to_string());
    match refused {
        Refused::NeverReleased => told(Class::Ask, "never-released")
            .means("nobody has it, so there is nobody to ask")
            .next("`varde alert list` shows what was released"),
        Refused::Withdrawn => told(Class::Ask, "already-withdrawn")
            .means("nothing was asked again")
            .next("`varde log outstanding` shows who still owes its erasure"),
        Refused::Superseded(next) => told(Class::Ask, "superseded")
            .means("only the newest version is followed by another; nothing was done")
            .next(format!("`varde alert show {next}`")),
        Refused::Undecided => told(Class::Ask, "undecided")
            .means("it was released after the backup from which this node was restored; nothing was drafted")
            .next("write the whole file, with `decision`: `varde alert draft --kind KIND --template` is a start, then --from FILE.json"),
        Refused::SeveralIssuers(..) => told(Class::Change, "several-issuers")
            .means("ids are random, so all but one of them took it from another; nothing was done")
            .next("name the country whose alert you mean: --issuer NO; and ask the others' coordinators why"),
        Refused::NotRecipient(_) => told(Class::Change, "not-a-recipient")
            .means("nothing was asked of anybody")
            .next("`varde alert show ID` says to whom it was sent"),
        Refused::Narrowing => Trouble::new(Class::Change, "bad-reason", "--from and --reason NARROWED go together, and only they")
            .means("nothing was asked of anybody")
            .next("--reason NARROWED --from LT takes it back from LT; --reason WITHDRAWN or DATA_SUBJECT from all"),
        _ => told(Class::Ask, "erased")
            .means("a hold cannot bring it back")
            .next("`varde alert show ID` says what remains"),
    }
}

pub(super) fn act(bad: BadAct) -> Trouble {
    let trouble = Trouble::new(Class::Ask, "act-refused", bad.to_string()).means("nothing was done");
    match bad {
        BadAct::Missing | BadAct::UnknownCredential => trouble.next(
            "use a key that varde.toml lists under [[operator]]: --as DIR/operators/a.key; after a change restart the node",
        ),
        BadAct::OtherAct => trouble.next("run the command again"),
        BadAct::NotNow => trouble.next("set the clock of this machine right and run the command again"),
    }
}

fn not_sent(not: NotSent) -> Trouble {
    match not {
        NotSent::Nobody => Trouble::new(Class::Change, "no-recipients", not.to_string())
            .next("name the recipients like this: --to LT,EE"),
        NotSent::Own(country) => Trouble::new(Class::Change, "own-country", not.to_string())
            .means("what it releases it has already; nothing was sent to anybody")
            .next(format!("leave {country} out of --to")),
        NotSent::Unknown(country) => Trouble::new(Class::Change, "unknown-peer", not.to_string())
            .means("nothing was sent to anybody")
            .next(format!("`varde peer list` shows the peers; pin {country} with `varde peer add FILE`")),
        NotSent::Agreement(country, ..) => Trouble::new(Class::Change, "not-agreed", not.to_string())
            .means("what two countries have not agreed on is sent to neither; nothing was sent to anybody")
            .next(format!("`varde agreement show {country}` prints what is agreed; leave {country} out of --to, or change the draft")),
        NotSent::Refused(Rejection::Content(rule)) if rule.starts_with("reply-") => word(rule),
        NotSent::Refused(rejection) => Trouble::new(Class::Change, "not-admissible", not.to_string())
            .means("the same rules hold at both ends; nothing was sent")
            .next(format!("mend the draft: the rule is {}", rejection.code())),
    }
}

/// Why a word about an alert cannot be said now, by the rule that it breaks (docs/alerts.md, "What is said about an alert").
fn word(rule: &'static str) -> Trouble {
    let (what, next) = match rule {
        "reply-of-kind" => (
            "this cannot be said of an alert of this kind",
            "a query about a found child is answered with --answer, a referral with --referral, anything else with --outcome",
        ),
        "reply-repeated" => ("that it was seen was said before", "`varde alert status ID` shows what was said"),
        "reply-order" => (
            "a referral does not go from where it is to this state",
            "`varde alert status ID` shows its state; ACCEPTED, DECLINED or CANNOT_COMPLY come first, then IN_PROGRESS, then DONE",
        ),
        "reply-about" => (
            "there is no challenge and no request of this country with this digest that waits for a ruling",
            "`varde alert status ID` shows what each recipient said",
        ),
        "reply-names" => (
            "it points to the alert itself, to one that its issuer did not send here, or to one of the two countries",
            "name another alert of the same issuer, or countries that do not have it",
        ),
        "reply-decided" => {
            ("this offer was answered before, or taken back", "`varde alert status ID` shows what was said")
        }
        "reply-too-many" => ("nothing more can be said about this alert", "use the legal channel that the alert names"),
        "reply-not-sent" => {
            ("the alert did not go between this country and ours", "`varde alert status ID` shows to whom it went")
        }
        _ => ("this cannot be said about this alert", "`varde alert status ID` shows what was said"),
    };
    Trouble::new(Class::Ask, rule, what).means("nothing was sent").next(next)
}
