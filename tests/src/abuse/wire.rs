//! HTTP/2 by hand (RFC 9113, RFC 7541): frames that no library would send.

/// What a client begins with: the preface and settings that ask for nothing.
pub(super) fn preface() -> Vec<u8> {
    [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(), frame(SETTINGS, 0, 0, b"")].concat()
}

pub(super) const DATA: u8 = 0;
pub(super) const HEADERS: u8 = 1;
pub(super) const RST_STREAM: u8 = 3;
pub(super) const SETTINGS: u8 = 4;
pub(super) const PING: u8 = 6;
pub(super) const WINDOW_UPDATE: u8 = 8;
pub(super) const CONTINUATION: u8 = 9;
/// Of no standard: whoever gets it reads it and passes it over.
pub(super) const UNKNOWN: u8 = 0xbb;

pub(super) const END_HEADERS: u8 = 4;

/// The largest frame that may be sent unless more was agreed.
pub(super) const FRAME_BYTES: usize = 16 * 1024;

/// A frame.
pub(super) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    [&claimed(payload.len() as u32, kind, flags, stream)[..], payload].concat()
}

/// The head of a frame that says it has this many bytes.
pub(super) fn claimed(bytes: u32, kind: u8, flags: u8, stream: u32) -> Vec<u8> {
    let mut head = bytes.to_be_bytes()[1..].to_vec();
    head.extend([kind, flags]);
    head.extend(stream.to_be_bytes());
    head
}

/// The fields of a call, as gRPC asks for them.
pub(super) fn call(path: &str) -> Vec<u8> {
    let fields = [
        (":method", "POST"),
        (":scheme", "https"),
        (":path", path),
        (":authority", "a.example"),
        ("content-type", "application/grpc"),
        ("te", "trailers"),
    ];
    fields.iter().flat_map(|(name, value)| field(name, value)).collect()
}

/// The one call that there is.
pub(super) const EXCHANGE: &str = "/varde.peer.v1.Exchange/Exchange";

/// A field that enters no table.
pub(super) fn field(name: &str, value: &str) -> Vec<u8> {
    [vec![0], text(name), text(value)].concat()
}

/// A field that enters the table, where its number is then 62.
pub(super) fn kept_field(name: &str, value: &str) -> Vec<u8> {
    [vec![0x40], text(name), text(value)].concat()
}

/// The newest field of the table once more, in one byte.
pub(super) const AGAIN: u8 = 0x80 | 62;

/// The beginning of a stream.
pub(super) fn open(stream: u32, path: &str) -> Vec<u8> {
    frame(HEADERS, END_HEADERS, stream, &call(path))
}

/// The beginning of a message of a stream, which says how long it is.
pub(super) fn message_head(bytes: u32) -> Vec<u8> {
    [&[0][..], &bytes.to_be_bytes()].concat()
}

fn text(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    match text.len() {
        short @ 0..127 => out.push(short as u8),
        long => {
            out.push(127);
            let mut rest = long - 127;
            while rest >= 128 {
                out.push((rest % 128) as u8 | 0x80);
                rest /= 128;
            }
            out.push(rest as u8);
        }
    }
    out.extend(text.as_bytes());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of RFC 9113 section 4.1 and RFC 7541 appendix C.
    #[test]
    fn frames_and_fields_are_spelled_as_the_standards_say() {
        assert_eq!(frame(PING, 1, 0, &[7; 8])[..9], [0, 0, 8, 6, 1, 0, 0, 0, 0]);
        assert_eq!(claimed(0x00ff_ffff, DATA, 0, 3), [255, 255, 255, 0, 0, 0, 0, 0, 3]);
        assert_eq!(field("password", "secret"), [&[0, 8][..], b"password", &[6], b"secret"].concat());
        let long = "x".repeat(1337 - 10 + 10);
        assert_eq!(text(&long)[..3], [127, 0xba, 9], "1337 with a prefix of seven bits");
    }
}
