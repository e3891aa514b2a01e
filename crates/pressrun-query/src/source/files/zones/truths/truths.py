#!/usr/bin/env python3
"""What functions of dates yield in thirty zones, by Python's zoneinfo: `python3 truths.py > truths.tsv`.

Written from docs/sql.md, with nothing of our own code: the tests of the embedded engine compare it with this file. All instants lie in
the past, so that a newer zone database changes nothing.

`I` lines: zone, instant, and one value for each name of INSTANT. Instants are seconds since 1970; those among the values are told as
seconds after the instant of the line, wall clock times as text.
`W` lines: zone, wall clock time, the instant that it means, the first instant of its day.
"""

import sys
from datetime import date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

ZONES = """UTC Europe/London Europe/Dublin Europe/Berlin Europe/Moscow Atlantic/Azores Africa/Cairo Africa/Casablanca Asia/Beirut Asia/Amman
Asia/Gaza Asia/Tehran Asia/Kolkata Asia/Kathmandu Asia/Tokyo Asia/Pyongyang Australia/Adelaide Australia/Lord_Howe Australia/Eucla
Pacific/Chatham Pacific/Apia Pacific/Kiritimati Pacific/Marquesas America/New_York America/St_Johns America/Havana America/Sao_Paulo
America/Santiago America/Asuncion America/Caracas America/Scoresbysund America/Nuuk Antarctica/Troll""".split()

UTC = timezone.utc
EPOCH = datetime(1970, 1, 1)
ANCHOR = 953121600  # 2000-03-15T12:00:00Z


def offset(zone, at):
    return int(datetime.fromtimestamp(at, UTC).astimezone(zone).utcoffset().total_seconds())


def wall(zone, at):
    return EPOCH + timedelta(seconds=at + offset(zone, at))


def seconds(moment):
    return (moment - EPOCH) // timedelta(seconds=1)


def meanings(zone, local):
    """(instants that the clock shows as `local`, instant meant when there is none, change that skipped it)"""
    shown, tried = [], []
    for fold in (0, 1):
        at = seconds(local.replace(tzinfo=zone, fold=fold).astimezone(UTC).replace(tzinfo=None))
        tried.append(at)
        if wall(zone, at) == local and at not in shown:
            shown.append(at)
    if shown:
        return sorted(shown), None, None
    moved, early = max(tried), min(tried)
    after = offset(zone, moved)
    low, high = early, moved
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if offset(zone, middle) == after else (middle, high)
    return [], moved, high


def read(zone, local):
    shown, moved, _ = meanings(zone, local)
    return shown[0] if shown else moved


def begin(zone, local):
    shown, _, change = meanings(zone, local)
    return shown[0] if shown else change


def begin_before(zone, local, limit):
    shown, _, change = meanings(zone, local)
    return max((at for at in shown if at <= limit), default=shown[0]) if shown else change


def midnight(day):
    return datetime(day.year, day.month, day.day)


def truncated(unit, local):
    day = midnight(local)
    return {
        "minute": local.replace(second=0),
        "hour": local.replace(minute=0, second=0),
        "day": day,
        "week": day - timedelta(days=day.weekday()),
        "month": day.replace(day=1),
        "quarter": day.replace(month=(day.month - 1) // 3 * 3 + 1, day=1),
        "year": day.replace(month=1, day=1),
    }[unit]


def binned(stride, local, origin=EPOCH):
    return origin + (local - origin) // stride * stride


def month_bin(months, local):
    count = ((local.year - 1970) * 12 + local.month - 1) // months * months
    return datetime(1970 + count // 12, count % 12 + 1, 1)


def add_months(local, months):
    count = local.year * 12 + local.month - 1 + months
    year, month = divmod(count, 12)
    month += 1
    last = (date(year + month // 12, month % 12 + 1, 1) - timedelta(days=1)).day
    return local.replace(year=year, month=month, day=min(local.day, last))


def number(unit, zone, at):
    local = wall(zone, at)
    days = (local.date() - date(1970, 1, 1)).days
    return {
        "hour": at // 3600,
        "day": days,
        "week": (days + 3) // 7,
        "month": local.year * 12 + local.month,
        "quarter": (local.year * 12 + local.month - 1) // 3,
        "year": local.year,
    }[unit]


def told(seconds):
    sign = "-" if seconds < 0 else "+"
    return f"{sign}{abs(seconds) // 3600:02}{abs(seconds) % 3600 // 60:02}"


def instant_values(zone, at):
    local, there = wall(zone, at), lambda name: wall(ZoneInfo(name), at).isoformat()
    rel = lambda found: found - at
    shifted = lambda moved, rest=0: rel(read(zone, moved) + rest)
    calendar = local.isocalendar()
    ahead = told(offset(zone, at))
    yield "wall", local.isoformat()
    yield "day", local.date().isoformat()
    for unit in ("minute", "hour"):
        yield f"trunc_{unit}", rel(begin_before(zone, truncated(unit, local), at))
    for unit in ("day", "week", "month", "quarter", "year"):
        yield f"trunc_{unit}", rel(begin(zone, truncated(unit, local)))
    yield "year", local.year
    yield "quarter", (local.month - 1) // 3 + 1
    yield "month", local.month
    yield "week", calendar[1]
    yield "dom", local.day
    yield "doy", local.timetuple().tm_yday
    yield "dow", local.isoweekday() % 7
    yield "isodow", local.isoweekday()
    yield "hour", local.hour
    yield "minute", local.minute
    for name, stride in (("15m", timedelta(minutes=15)), ("1h", timedelta(hours=1))):
        yield f"bin_{name}", rel(begin_before(zone, binned(stride, local), at))
    for name, stride in (("6h", timedelta(hours=6)), ("1d", timedelta(days=1)), ("7d", timedelta(days=7))):
        yield f"bin_{name}", rel(begin(zone, binned(stride, local)))
    yield "bin_7d_monday", rel(begin(zone, binned(timedelta(days=7), local, datetime(2001, 1, 1))))
    yield "bin_3mon", rel(begin(zone, month_bin(3, local)))
    yield "plus_1d", shifted(local + timedelta(days=1))
    yield "minus_1d", shifted(local - timedelta(days=1))
    yield "plus_1mon", shifted(add_months(local, 1))
    yield "minus_1mon", shifted(add_months(local, -1))
    yield "plus_mixed", shifted(add_months(local, 1) + timedelta(days=1), 5400)
    yield "plus_36h", 36 * 3600
    yield "char", local.strftime("%d.%m.%Y %H:%M")
    yield "char_zone", local.strftime("%H:%M ") + ahead
    yield "text", f"{local.isoformat()}{ahead[:3]}:{ahead[3:]}"
    yield "tokyo", there("Asia/Tokyo")
    yield "st_johns", there("America/St_Johns")
    for unit in ("hour", "day", "week", "month", "quarter", "year"):
        yield f"diff_{unit}", number(unit, zone, at) - number(unit, zone, ANCHOR)


def changes(zone):
    """Changes of offset from 1994 to 2024: the last two each way, and up to two that are no hour or touch midnight."""
    found, step = [], 6 * 3600
    at = 757382400
    while at < 1735000000:
        if offset(zone, at) != offset(zone, at + step):
            low, high = at, at + step
            while high - low > 1:
                middle = (low + high) // 2
                low, high = (middle, high) if offset(zone, middle) == offset(zone, at) else (low, middle)
            found.append((high, offset(zone, high) - offset(zone, high - 1)))
        at += step
    touches = lambda at: {wall(zone, at).hour, wall(zone, at - 1).hour} & {0, 23}
    odd = [at for at, by in found if abs(by) != 3600 or touches(at)][-2:]
    forward = [at for at, by in found if by > 0][-1:]
    back = [at for at, by in found if by < 0][-1:]
    return sorted({*odd, *forward, *back})


def main():
    out = sys.stdout
    header = None
    for name in ZONES:
        zone = ZoneInfo(name)
        instants, walls = {1705322096, 1719792000, 1709164800}, set()
        for change in changes(zone):
            instants.update(change + by for by in (-3601, -1, 0, 1799, 3599, 3600, 40000))
            for shown in (wall(zone, change - 1) + timedelta(seconds=1), wall(zone, change)):
                walls.update(shown + timedelta(minutes=by) for by in (-60, -30, 0, 15, 30))
                walls.add(midnight(shown))
        for at in sorted(instants):
            values = list(instant_values(zone, at))
            if header is None:
                header = "\t".join(["zone", "at", *(key for key, _ in values)])
                print(header, file=out)
            print("I", name, at, *(value for _, value in values), sep="\t", file=out)
        for local in sorted(walls):
            print("W", name, local.isoformat(), read(zone, local), begin(zone, midnight(local)), sep="\t", file=out)


main()
