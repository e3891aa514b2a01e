"""The other side of `cargo xtask bench export`: the same rows, written by what people use for it in Python.

export.py csv FILE OUT    Polars' streaming sink
export.py xlsx FILE OUT   xlsxwriter in constant-memory mode, cell by cell
"""

import json
import os
import resource
import sys

import polars as pl


def csv(rows, out):
    pl.scan_ipc(rows).sink_csv(out)


def xlsx(rows, out):
    import xlsxwriter

    frame = pl.read_ipc(rows)
    before = resource.getrusage(resource.RUSAGE_SELF)
    book = xlsxwriter.Workbook(out, {"constant_memory": True, "remove_timezone": True})
    sheet = book.add_worksheet("Orders")
    day = book.add_format({"num_format": "yyyy-mm-dd"})
    moment = book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"})
    sheet.write_row(0, 0, frame.columns)
    writers = []
    for kind in frame.dtypes:
        if kind == pl.Date:
            writers.append(lambda r, c, v: sheet.write_datetime(r, c, v, day))
        elif isinstance(kind, pl.Datetime):
            writers.append(lambda r, c, v: sheet.write_datetime(r, c, v, moment))
        elif kind == pl.String:
            writers.append(sheet.write_string)
        else:
            writers.append(sheet.write_number)
    for at, row in enumerate(frame.iter_rows(), start=1):
        for column, value in enumerate(row):
            writers[column](at, column, value)
    book.close()
    # Reading the rows is not what is compared here.
    return before


format, rows, out = sys.argv[1:]
before = {"csv": csv, "xlsx": xlsx}[format](rows, out)
after = resource.getrusage(resource.RUSAGE_SELF)
spent = after.ru_utime + after.ru_stime
if before is not None:
    spent -= before.ru_utime + before.ru_stime
print(json.dumps({"cpu_seconds": spent, "peak_mb": after.ru_maxrss * 1024 / 1e6, "file_mb": os.path.getsize(out) / 1e6}))
