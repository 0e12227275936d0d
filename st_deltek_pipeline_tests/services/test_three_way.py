from st_deltek_pipeline.services.three_way import reconcile
from datetime import date
import time
from st_deltek_pipeline_tests.services.posting.harness import bench


def test_a(quiet_engine, sandbox):
    t = time.process_time()
    with bench(sandbox(invoices=20), quiet_engine) as b:
        for day in b.days():
            b.run_every_kind(day)
        print(b.days(), time.process_time() - t)
        t = time.process_time()
        r = reconcile(b.engine, b.vantagepoint, b.settings, date(2026, 10, 1), date(2026, 10, 31))
        print(time.process_time() - t, len(r.rows), r.documents, r.total, r.ledger_lines, r.balances_read)
        for d in r.differences[:10]:
            print(d)
        for d in r.balances[:10]:
            print(d)
        print(
            r.by_class,
            {k: (s.documents, s.servicetitan, s.outside, s.journal, s.ledger, s.agrees) for k, s in r.by_kind.items()},
        )
        for s in r.rows:
            assert s.agrees, s
