//! Lines of logs: their templates, values and severities. Bounds are small, so that they are reached.
#![no_main]

use analysis::logs::{Config, Miner, is_error_like, mask, severity_hint};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Some((&bounds, text)) = bytes.split_first() else {
        return;
    };
    let config = if bounds & 1 == 0 {
        Config::default()
    } else {
        Config {
            max_line_bytes: 64 + usize::from(bounds),
            max_tokens: 8 + usize::from(bounds >> 4),
            max_skeletons: 8 + usize::from(bounds >> 3),
            max_bytes: 1 << (8 + (bounds >> 5)),
            max_example_bytes: usize::from(bounds >> 2),
        }
    };
    let mut miner = Miner::new(config);
    let lines: Vec<&[u8]> = text.split(|byte| *byte == b'\n').collect();
    let mut names = Vec::with_capacity(lines.len());
    for line in &lines {
        let _ = (severity_hint(line), is_error_like(line));
        let (mut skeleton, mut again) = (Vec::new(), Vec::new());
        mask(line, &mut skeleton);
        mask(&skeleton, &mut again);
        assert_eq!(skeleton, again, "a skeleton is its own skeleton");
        names.push(miner.insert(line));
    }
    miner.merge();
    let counted: u64 = miner.templates().map(|template| template.count).sum();
    assert_eq!(
        counted,
        lines.len() as u64,
        "a line was lost or counted twice"
    );
    assert_eq!(miner.lines(), counted);
    for (line, name) in lines.iter().zip(names) {
        let template = miner
            .template(name)
            .expect("a name that was given out stays valid");
        assert_eq!(template.id, miner.resolve(name));
        let _ = miner.slots(name, line);
    }
});
