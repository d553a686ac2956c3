//! Fuzzes [`varde_fuzz::decoders::reply`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    varde_fuzz::decoders::reply(bytes);
});
