//! What do the last 50 operations of an account cost, read from the log, when it has few and when it
//! has very many?

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use ledger_api::queries::OperationFilter;
use ledger_benches::{the_account, year_on_one_account};

const PAGE: usize = 50;
const LATEST: OperationFilter = OperationFilter {
    as_of: None,
    start: None,
    end: None,
    include_refused: false,
    page: 0,
    page_size: PAGE,
    newest_first: true,
};

fn reading(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("statement_page");
    for count in [1_000, 1_000_000] {
        let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory");
        let ledger = year_on_one_account(dir.path(), count);
        let account = the_account();
        group.bench_function(BenchmarkId::from_parameter(count), |bencher| {
            bencher.iter(|| {
                let (page, _) = ledger.operations(None, &account, LATEST).expect("a page");
                assert_eq!(page.len(), PAGE);
                page
            });
        });
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = ledger_benches::short();
    targets = reading
}
criterion_main!(benches);
