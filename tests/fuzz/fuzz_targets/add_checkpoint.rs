//! Fuzzes [`varde_fuzz::decoders::add_checkpoint`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    varde_fuzz::decoders::add_checkpoint(bytes);
});
