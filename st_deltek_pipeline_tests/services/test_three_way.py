"""The three-way reconciliation of a whole connection, against the sandbox's ledger read back over HTTP."""
from datetime import date
import time
from st_deltek_pipeline.services.three_way import reconcile
from st_deltek_pipeline_tests.services.posting.bulk import made_up, post
from st_deltek_pipeline_tests.services.posting.harness import bench

def test_b(quiet_engine, sandbox):
    with bench(sandbox(invoices=20), quiet_engine) as b:
        vendors = [f for page in b.vantagepoint.rows("firm") for f in page if f["VendorInd"]=="Y" and f["Status"]=="A" ]
        vendor = next(f["Vendor"] for f in vendors if b.vantagepoint.vendor_accounting(f["ClientID"]))
        print([r for p in b.vantagepoint.rows("BankCode/CFGBANKS") for r in p])
        days = [d for d in b.calendar.business_days(date(2026,10,12), date(2026,10,23))]
        t=time.process_time()
        ps = list(made_up("acme", days, 10000, vendor))
        print(time.process_time()-t)
        post(b, ps)
        print(time.process_time()-t)
        t=time.process_time()
        r = reconcile(b.engine, b.vantagepoint, b.settings, date(2026,10,1), date(2026,10,31))
        print(time.process_time()-t, len(r.rows), r.documents, r.total, r.ledger_lines, r.balances_read)
        for d in r.differences[:10]: print(d)
        for d in r.balances[:10]: print(d)
        print(r.by_class, {k:(s.documents,s.servicetitan,s.outside,s.journal,s.ledger,s.agrees) for k,s in r.by_kind.items()})
