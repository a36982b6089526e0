//! The fuzz target of the bill reader. It must not panic on any bytes.

use std::io::{BufRead, Cursor};
use std::path::Path;

use catalog::ports::BillLayout;

use crate::billing;

/// Reads a text bill as an import does. Panics unless each line becomes one charge of one bill.
pub fn bill(layout: BillLayout, text: &[u8]) {
    let mut charges = 0;
    let open = |_: &Path| Ok(Box::new(Cursor::new(text.to_vec())) as Box<dyn BufRead>);
    let read = billing::read(layout, Path::new("/dev/null"), &open, &mut |frame| {
        charges += frame.height() as u64;
        Ok(())
    });
    if let Ok(bills) = read {
        assert_eq!(bills.values().map(|bill| bill.rows).sum::<u64>(), charges);
    }
}
