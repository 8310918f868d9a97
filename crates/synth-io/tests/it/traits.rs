//! Everything public can go to another thread.

#[test]
fn public_types_are_send() {
    fn send<T: Send>() {}
    fn sync<T: Sync>() {}
    send::<synth_io::Batches>();
    send::<synth_io::AtomicFile>();
    send::<synth_io::soft::Writer>();
    send::<synth_io::IoError>();
    sync::<synth_io::IoError>();
    send::<synth_io::Reader>();
    sync::<synth_io::Reader>();
    send::<synth_io::ids::Unique>();
    sync::<synth_io::gold::GoldColumn>();
}
