//! Fuzzes [`varde_fuzz::decoders::event`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    varde_fuzz::decoders::event(bytes);
});
