# id: 465
# name: moments_of_many_zones
# category: values
# expect: harmless
# detail: the host reads the file of each zone of time once, however many moments name it
# inprocess: no
import time, zoneinfo
import pandas
zones = sorted(name for name in zoneinfo.available_timezones() if name.startswith('Europe/'))
values = [pandas.Timestamp(number, tz=zones[number % len(zones)]) for number in range(2000)] * 40
since = time.monotonic()
try: back = {{TOOL}}(values)
except Exception as error: print('DENIED', error)
print('ESCAPED: the host took' if time.monotonic() - since > 60 else 'answered', time.monotonic() - since)
