# id: 445
# name: range_for_a_list
# category: values
# expect: harmless
# detail: a range without end and a number of a billion digits cross as what they are, and become nothing on the way
# inprocess: no
from decimal import Decimal
result = [range(10**12), Decimal("1e999999999"), slice(0, 10**30)]
{{TOOLCALL}}
print("DENIED")
